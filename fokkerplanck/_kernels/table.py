"""A function on the cells of a grid, between them: multilinear, level beyond the outermost centres.

Each row of ``axes`` is an axis: first centre, cells a unit length, number of cells, 1 if it is periodic.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from fokkerplanck._kernels._jit import lane, serial

Array = NDArray[np.float64]


@lane
def _place(x: float, axes: Array, k: int) -> tuple[np.int64, np.int64, float]:
    """The two cells between whose centres x lies, and how far it is from the first."""
    cells = np.int64(axes[k, 2])
    u = (x - axes[k, 0]) * axes[k, 1]
    around = axes[k, 3] > 0.0
    u -= axes[k, 2] * math.floor(u / axes[k, 2]) if around else 0.0
    last = axes[k, 2] if around else axes[k, 2] - 1.0
    u = u if u > 0.0 else 0.0  # nan too: what has diverged is looked at no more
    u = u if u < last else last
    a = np.int64(u)
    a = a if a < cells - 1 else (cells - 1 if around else cells - 2)
    b = a + np.int64(1)
    return a, (b if b < cells else np.int64(0)), float(u - a)


@lane
def lookup_1(x: float, table: Array, axes: Array) -> float:
    """On a line."""
    a, b, s = _place(x, axes, 0)
    return float((1.0 - s) * table[a] + s * table[b])


@lane
def lookup_2(x: float, y: float, table: Array, axes: Array) -> float:
    """In a plane; the table in C order."""
    a, b, s = _place(x, axes, 0)
    c, d, t = _place(y, axes, 1)
    n = np.int64(axes[1, 2])
    low = (1.0 - t) * table[a * n + c] + t * table[a * n + d]
    high = (1.0 - t) * table[b * n + c] + t * table[b * n + d]
    return float((1.0 - s) * low + s * high)


@lane
def lookup_3(x: float, y: float, z: float, table: Array, axes: Array) -> float:
    """In space."""
    a, b, s = _place(x, axes, 0)
    size = np.int64(axes[1, 2]) * np.int64(axes[2, 2])
    low = lookup_2(y, z, table[a * size : (a + 1) * size], axes[1:])
    high = lookup_2(y, z, table[b * size : (b + 1) * size], axes[1:])
    return float((1.0 - s) * low + s * high)


@serial
def lookup_points(points: Array, table: Array, axes: Array) -> Array:
    """At many points (n, d), d up to 3."""
    out = np.empty(points.shape[0])
    for i in range(points.shape[0]):
        if points.shape[1] == 1:
            out[i] = lookup_1(points[i, 0], table, axes)
        elif points.shape[1] == 2:
            out[i] = lookup_2(points[i, 0], points[i, 1], table, axes)
        else:
            out[i] = lookup_3(points[i, 0], points[i, 1], points[i, 2], table, axes)
    return out
