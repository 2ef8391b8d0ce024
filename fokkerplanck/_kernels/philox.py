"""Philox4x32-10, a counter-based generator: four random words are a function of a counter and a key.

Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC11 (2011). There is no
state to carry or share, hence the same numbers for any number of threads and any division of the work.
"""

from __future__ import annotations

import numpy as np

from fokkerplanck._kernels._jit import lane

# All words are 32-bit values held in uint64. Each constant is one too: uint64 mixed with int64 is float64.
_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
MASK = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)

Words = tuple[np.uint64, np.uint64, np.uint64, np.uint64]


@lane
def philox(c0: np.uint64, c1: np.uint64, c2: np.uint64, c3: np.uint64, k0: np.uint64, k1: np.uint64) -> Words:
    """Ten rounds on the counter (c0, c1, c2, c3) with the key (k0, k1)."""
    for _ in range(10):
        p0 = _M0 * c0
        p1 = _M1 * c2
        c0, c1, c2, c3 = (p1 >> HALF) ^ c1 ^ k0, p1 & MASK, (p0 >> HALF) ^ c3 ^ k1, p0 & MASK
        k0 = (k0 + _W0) & MASK
        k1 = (k1 + _W1) & MASK
    return c0, c1, c2, c3
