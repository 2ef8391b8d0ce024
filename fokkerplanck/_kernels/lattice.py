"""Probabilities that a Gaussian step lands on the nodes of a lattice of two axes."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from fokkerplanck._kernels._jit import inline, serial

REACH = 6.5  # standard deviations; a Gaussian holds 8e-11 beyond
CLIP, MIRROR, ABSORB, WRAP = 0, 1, 2, 3  # what an end does to a step that leaves the box
GONE = -1


@inline
def _land(j: int, cells: int, low: int, high: int) -> int:
    """Cell on which index j ends up, or GONE."""
    if 0 <= j < cells:
        return j
    if low == WRAP:
        return j % cells
    end = low if j < 0 else high
    if end == ABSORB:
        return GONE
    if end == CLIP:
        return 0 if j < 0 else cells - 1
    j = -1 - j if j < 0 else 2 * cells - 1 - j
    return min(max(j, 0), cells - 1)


@serial
def gaussian_rows(
    mean: NDArray[np.float64],
    covariance: NDArray[np.float64],
    ends: NDArray[np.int64],
    position: NDArray[np.float64],
    share: NDArray[np.float64],
    column: NDArray[np.int64],
    value: NDArray[np.float64],
    start: NDArray[np.int64],
) -> int:
    """Fill the rows of steps that land at `mean` (n, 2) with `covariance` (n, 2, 2), in units of cells.

    A cell stands for ``parts`` nodes: ``share`` (s0, s1, parts) is the fraction of the cell, ``position``
    (s0, s1, parts, 2) where the node lies from the centre. ``column`` gets ``cell * parts + part`` or GONE;
    row i is ``start[i]:start[i + 1]``, normalised. Returns the number filled, -1 if the arrays are too short.
    """
    count = 0
    s0, s1, parts = share.shape
    for i in range(mean.shape[0]):
        a, b, c = covariance[i, 0, 0], covariance[i, 0, 1], covariance[i, 1, 1]
        det = a * c - b * b
        ia, ib, ic = c / det, -b / det, a / det
        r0, r1 = REACH * math.sqrt(a), REACH * math.sqrt(c)
        start[i] = count
        total = 0.0
        for j0 in range(math.ceil(mean[i, 0] - r0), math.floor(mean[i, 0] + r0) + 1):
            k0 = _land(j0, s0, ends[0, 0], ends[0, 1])
            for j1 in range(math.ceil(mean[i, 1] - r1), math.floor(mean[i, 1] + r1) + 1):
                k1 = _land(j1, s1, ends[1, 0], ends[1, 1])
                gone = k0 == GONE or k1 == GONE
                for part in range(1 if gone else parts):
                    weight = 1.0 if gone else share[k0, k1, part]
                    if weight == 0.0:
                        continue
                    u, v = j0 - mean[i, 0], j1 - mean[i, 1]
                    if not gone:
                        u += position[k0, k1, part, 0]
                        v += position[k0, k1, part, 1]
                    q = ia * u * u + 2.0 * ib * u * v + ic * v * v
                    if q > REACH * REACH:
                        continue
                    if count == len(value):
                        return -1
                    column[count] = GONE if gone else (k0 * s1 + k1) * parts + part
                    value[count] = weight * math.exp(-0.5 * q)
                    total += value[count]
                    count += 1
        for k in range(start[i], count):
            value[k] /= total
    start[mean.shape[0]] = count
    return count
