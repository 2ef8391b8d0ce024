"""Nodes and weights of cells for sums over a region, whose edge cuts some of them in two."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.grid import Grid, Level
from fokkerplanck.results._portions import portions

Array = NDArray[np.float64]


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
    found = portions(grid, level)
    for k, whole in enumerate((found.inside, found.outside)):
        weight[:, k] = whole + _face_correction(grid, whole.reshape(grid.shape)).ravel()
    weight[found.cut], node[found.cut] = found.share, found.middle
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
