"""Random numbers that are functions of (seed, particle, step, draw).

``draw`` is a 32-bit number within a step: a purpose in the top four bits, so that different uses never
share a number, and a count below. Particles and steps have 48 bits, the seed 64.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fokkerplanck._kernels._jit import lane
from fokkerplanck._kernels.gauss import normals_of
from fokkerplanck._kernels.philox import HALF, MASK, Words, philox

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

# Purposes.
PATH = 1 << 28  # Brownian increments
CROSSING = 2 << 28  # crossings between two steps
SAMPLE = 3 << 28  # normal sample variables
LANE = 4 << 28  # Rademacher and uniform ones, a lane of 2**20 blocks each
INDEX = 5 << 28  # rows of a data set
SHUFFLE = 6 << 28  # order of an epoch
AREA = 7 << 28  # signs in place of the areas between Brownian paths
RETRY = 8 << 28  # the second and later tries of a rejected index; a flag on top of the purpose
LANE_BITS = 20

_U12 = np.uint64(12)
_HIGH = np.uint64(16)
_ULP = 2.0**-52


@lane
def words(seed: np.uint64, particle: int, step: int, draw: int) -> Words:
    """Four 32-bit words."""
    p, s, d = np.uint64(particle), np.uint64(step), np.uint64(draw)
    high = ((p >> HALF) << _HIGH) | (s >> HALF)
    result: Words = philox(p & MASK, s & MASK, d & MASK, high & MASK, seed & MASK, seed >> HALF)
    return result


@lane
def _open_unit(high: np.uint64, low: np.uint64) -> float:
    """52 of 64 bits as a number in (0, 1); with a bit more the half below would round the last one to 1."""
    return (float(((high << HALF) | low) >> _U12) + 0.5) * _ULP


@lane
def uniforms(seed: np.uint64, particle: int, step: int, draw: int) -> tuple[float, float]:
    """Two uniform numbers in (0, 1)."""
    a, b, c, d = words(seed, particle, step, draw)
    return _open_unit(a, b), _open_unit(c, d)


@lane
def normals(seed: np.uint64, particle: int, step: int, draw: int) -> tuple[float, float, float, float]:
    """Four standard normal numbers."""
    a, b, c, d = words(seed, particle, step, draw)
    z0, z1 = normals_of((a << HALF) | b)
    z2, z3 = normals_of((c << HALF) | d)
    return z0, z1, z2, z3


_B1, _B2, _B4, _B56 = np.uint64(1), np.uint64(2), np.uint64(4), np.uint64(56)
_C1, _C2 = np.uint64(0x5555555555555555), np.uint64(0x3333333333333333)
_C4, _C8 = np.uint64(0x0F0F0F0F0F0F0F0F), np.uint64(0x0101010101010101)
_ONES = np.uint64(0xFFFFFFFFFFFFFFFF)


@lane
def popcount(x: np.uint64) -> np.int64:
    """Number of ones; LLVM knows this form and makes it one instruction."""
    x = x - ((x >> _B1) & _C1)
    x = (x & _C2) + ((x >> _B2) & _C2)
    x = (x + (x >> _B4)) & _C4
    return np.int64((x * _C8) >> _B56)


@lane
def sign_of(word: np.uint64, bit: int) -> float:
    """A bit as -1 or 1."""
    return float((word >> np.uint64(bit)) & _B1) * 2.0 - 1.0


@lane
def _low_bits(count: int) -> np.uint64:
    """A mask of the lowest bits: none for count <= 0, all for count >= 64."""
    if count <= 0:
        return np.uint64(0)
    return _ONES if count >= 64 else _ONES >> np.uint64(64 - count)


@lane
def rademacher_ones(seed: np.uint64, particle: int, step: int, draw: int, count: int) -> np.int64:
    """How many of the first `count`, at most 128, bits of a block are set: each a sign."""
    a, b, c, d = words(seed, particle, step, draw)
    first: np.int64 = popcount(((a << HALF) | b) & _low_bits(count))
    second: np.int64 = popcount(((c << HALF) | d) & _low_bits(count - 64))
    return first + second


@lane
def rademacher_mean(seed: np.uint64, particle: int, step: int, draw: int, batch: int) -> float:
    """Mean of `batch` signs, each -1 or 1 with probability 1/2: a bit a sign."""
    ones = 0
    for block in range((batch + 127) // 128):
        ones += rademacher_ones(seed, particle, step, draw + block, batch - 128 * block)
    return (2.0 * ones - batch) / batch


@lane
def rademacher_means(out: Array, ids: Indices, seed: np.uint64, step: int, draw: int, batch: int) -> None:
    """`rademacher_mean` of many particles (lanes,): the loop over them is the inner one."""
    out[:] = 0.0
    for block in range((batch + 127) // 128):
        for i in range(ids.shape[0]):
            out[i] += float(rademacher_ones(seed, ids[i], step, draw + block, batch - 128 * block))
    for i in range(ids.shape[0]):
        out[i] = (2.0 * out[i] - batch) / batch


@lane
def uniform_mean(seed: np.uint64, particle: int, step: int, draw: int, batch: int) -> float:
    """Mean of `batch` uniform numbers in (0, 1)."""
    total = 0.0
    for block in range((batch + 1) // 2):
        u, v = uniforms(seed, particle, step, draw + block)
        total += u + (v if 2 * block + 1 < batch else 0.0)
    return total / batch


@lane
def uniform_means(out: Array, ids: Indices, seed: np.uint64, step: int, draw: int, batch: int) -> None:
    """`uniform_mean` of many particles (lanes,)."""
    out[:] = 0.0
    for block in range((batch + 1) // 2):
        share = 1.0 if 2 * block + 1 < batch else 0.0
        for i in range(ids.shape[0]):
            u, v = uniforms(seed, ids[i], step, draw + block)
            out[i] += u + share * v
    for i in range(ids.shape[0]):
        out[i] /= batch


@lane
def below(word: np.uint64, n: int, seed: np.uint64, particle: int, step: int, draw: int) -> np.int64:
    """A number in 0..n-1 from a 32-bit word, exactly uniform (Lemire 2019): a few words are rejected."""
    size = np.uint64(n)
    product = word * size
    if (product & MASK) < size:
        threshold = ((MASK + np.uint64(1)) - size) % size
        retry = 0
        while (product & MASK) < threshold:
            a, _b, _c, _d = words(seed, particle, step, (draw | RETRY) + retry)
            product = a * size
            retry += 1 << LANE_BITS
    return np.int64(product >> HALF)
