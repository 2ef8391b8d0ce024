"""Interpolation from a coarser grid along one axis of an array (what is before it, the axis, the rest)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fokkerplanck._kernels._jit import serial

Array = NDArray[np.float64]
Index = NDArray[np.int64]


@serial
def linear(values: Array, node: Index, x: Array, out: Array) -> None:
    """Value i of `out` lies at the part ``x[i]`` of the way between the nodes ``node[i]``, (m, 2)."""
    for a in range(out.shape[0]):
        for i in range(x.size):
            low, high, here = values[a, node[i, 0]], values[a, node[i, 1]], out[a, i]
            for b in range(here.size):
                here[b] = low[b] + x[i] * (high[b] - low[b])


@serial
def linear_transposed(values: Array, node: Index, x: Array, out: Array) -> None:
    """Each value goes to the two nodes between which it lies, by as much as `linear` takes from them."""
    out[:] = 0.0
    for a in range(values.shape[0]):
        for i in range(x.size):
            low, high, here = out[a, node[i, 0]], out[a, node[i, 1]], values[a, i]
            for b in range(here.size):
                part = x[i] * here[b]
                low[b] += here[b] - part
                high[b] += part


@serial
def cubic(values: Array, node: Index, x: Array, most: float, out: Array) -> None:
    """`linear` between the middle two of four nodes (m, 4), and up to `most` from there towards the cubic."""
    for a in range(out.shape[0]):
        for i in range(x.size):
            before, low = values[a, node[i, 0]], values[a, node[i, 1]]
            high, after, here = values[a, node[i, 2]], values[a, node[i, 3]], out[a, i]
            bend = -x[i] * (1.0 - x[i]) / 6.0
            left, right = bend * (2.0 - x[i]), bend * (1.0 + x[i])
            for b in range(here.size):
                curve = left * (before[b] - 2.0 * low[b] + high[b]) + right * (
                    low[b] - 2.0 * high[b] + after[b]
                )
                here[b] = low[b] + x[i] * (high[b] - low[b]) + min(max(curve, -most), most)
