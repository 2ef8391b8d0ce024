"""Corrections on a coarser grid of the same box: what is out of balance goes down, the remedy comes up.

A chain is held by its incoming links as in `aggregation`, at its own ``rate``; masses x balance with a supply
f where ``total_j x_j = f_j + sum_i rate_ij x_i``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fokkerplanck._kernels._jit import serial

Array = NDArray[np.float64]
Index = NDArray[np.uint32]


@serial
def rest(start: Index, source: Index, rate: Array, total: Array, f: Array, x: Array, out: Array) -> None:
    """What is left of ``f + inflow - outflow``; f may be empty."""
    supplied = f.size > 0
    for j in range(total.size):
        t, last = np.int64(start[j]), np.int64(start[j + 1]) - 1
        even, odd = (f[j] if supplied else 0.0), -total[j] * x[j]
        while t < last:
            even += rate[t] * x[source[t]]
            odd += rate[t + 1] * x[source[t + 1]]
            t += 2
        if t == last:
            even += rate[t] * x[source[t]]
        out[j] = even + odd


@serial
def share(x: Array, p: Array, least: float, most: float, out: Array) -> None:
    """``x / p`` within -most and most, 0 where p is not above `least`."""
    for i in range(p.size):
        out[i] = min(max(x[i] / p[i], -most), most) if p[i] > least else 0.0


@serial
def add_share(share: Array, p: Array, x: Array) -> None:
    """Add a share of p to x."""
    for i in range(p.size):
        x[i] += share[i] * p[i]
