"""Cells cut by the edge of a region: how much lies inside, and where its middle is."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.grid import Grid, Level

Array = NDArray[np.float64]

SAMPLES = {1: 64, 2: 16, 3: 6}  # sub-cells an axis; each is itself cut by a plane


def split(grid: Grid, level: Level | None) -> tuple[Array, Array]:
    """Weight (size, 2) of every cell in an integral over the inside and over the outside, and the node
    (size, 2, d) of both parts, from the centre in units of the cell.

    A whole cell has its centre as node, a cut one the middle of each part.
    """
    n, d = grid.size, grid.ndim
    weight, node = np.zeros((n, 2)), np.zeros((n, 2, d))
    if level is None:
        weight[:, 0] = 1.0
        return weight, node
    points, h = grid.points(), grid.spacing
    corners = itertools.product((-1, 0, 1), repeat=d)
    signs = np.stack([level(points + 0.5 * h * np.array(c)) > 0 for c in corners])
    parts = signs.all(axis=0), ~signs.any(axis=0)
    for k, whole in enumerate(parts):
        weight[:, k] = whole + _face_correction(grid, whole.reshape(grid.shape)).ravel()
    m = SAMPLES[d]
    offsets = (np.arange(m) + 0.5) / m - 0.5
    sub = np.array(list(itertools.product(offsets, repeat=d)))
    for i in np.flatnonzero(~(parts[0] | parts[1])):
        x = points[i] + sub * h
        value = level(x)
        rise = sum(np.abs(level(x + e) - level(x - e)) for e in np.eye(d) * h / (2 * m)) / 2
        share = np.clip(0.5 + 0.5 * value / np.maximum(rise, 1e-300), 0.0, 1.0)
        for k, w in enumerate((share, 1.0 - share)):
            weight[i, k] = w.mean()
            if w.sum() > 0:
                node[i, k] = w @ sub / w.sum()
    return weight, node


def _face_correction(grid: Grid, whole: NDArray[np.bool_]) -> Array:
    r"""Correct the midpoint rule over whole cells, whose error is
    :math:`-(h_k^2/24)\oint\partial_k g\,n_k dS`: at every face where they end, the last cell gains a 24th
    and the one behind it loses it."""
    change = np.zeros(grid.shape)
    for k, axis in enumerate(grid.axes):
        for side in (1, -1):
            ends = whole & ~np.roll(whole, -side, axis=k) & np.roll(whole, side, axis=k)
            if not axis.periodic:
                # The ends of the box are far away or walls: nothing is to be corrected there.
                edges = np.moveaxis(ends, k, 0)
                edges[0] = edges[-1] = False
            change += ends / 24.0
            change -= np.roll(ends, -side, axis=k) / 24.0
    return change
