r"""Where a Markov chain leaves a region: gates on its edge, or the cells beyond it.

Links along a lattice direction e run on parallel lines through the nodes. A cut link stands for the piece of
the edge between the lines halfway to its neighbours: in cell units a piece of size :math:`1/|e\cdot n|`, with
the normal n. Through it the flow of that direction is :math:`\rho\,(e\cdot n)^2\,\partial_n G`, and the
directions add up to that of the whole tensor, :math:`n^\top D n\,\partial_n G`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.grid import Grid, Level

Array = NDArray[np.float64]

LONGEST = (
    4.0  # cells that a piece of the edge may be long: a link that hardly crosses the edge carries no flow
)
NEARBY = 1e-3  # cells over which the normal of an edge is taken
ON_FACE = 1e-9  # of a cell: distance at which a point counts as lying on a face of the box


@dataclass(frozen=True)
class Gates:
    """Ways out: from the ``cell`` (c,) at the ``rate`` (c,) to the place number ``to`` (c,).

    Places are the points ``point`` (k, d); each stands for the parallelogram about it with the edges
    ``spread`` (k, s, d), of which there are s.
    """

    cell: NDArray[np.int64]
    rate: Array
    to: NDArray[np.int64]
    point: Array
    spread: Array

    def flow(self, mass: Array) -> Array:
        """What arrives at each place (k,) from masses of the cells."""
        return np.bincount(self.to, mass[self.cell] * self.rate, len(self.point)).astype(float)

    def among(self, cells: NDArray[np.int64]) -> Gates:
        """The same with cells numbered by their place in the ascending list `cells`, which holds them all."""
        return Gates(np.searchsorted(cells, self.cell), self.rate, self.to, self.point, self.spread)


def pieces(point: Array, step: Array, level: Level | None, grid: Grid) -> Array:
    """Edges (c, d - 1, d) of the pieces of the edge ``level = 0``, or of an end of the box, about its points.

    `step` (c, d) are the links that were cut at the points `point` (c, d).
    """
    c, d = point.shape
    if d == 1 or c == 0:
        return np.zeros((c, d - 1, d))
    link = step / grid.spacing
    normal = _normals(point, link, level, grid)
    across = np.maximum(np.abs((link * normal).sum(axis=1)), 1.0 / LONGEST)
    tangents = np.swapaxes(np.linalg.qr(normal[:, :, None], mode="complete").Q[:, :, 1:], 1, 2)
    size = across ** (-1.0 / (d - 1))
    return np.asarray(tangents * size[:, None, None] * grid.spacing)


def _normals(point: Array, link: Array, level: Level | None, grid: Grid) -> Array:
    """Unit normals (c, d), in units of the cells; along the link where the level has none."""
    normal = np.zeros_like(point)
    if level is not None:
        for k, e in enumerate(np.diag(NEARBY * grid.spacing)):
            normal[:, k] = level(point + e) - level(point - e)
    for k, axis in enumerate(grid.axes):
        for end, face in enumerate((axis.low, axis.high)):
            if axis.ends[end] == "absorbing":
                normal[on_face(point, grid, k, face)] = np.eye(grid.ndim)[k]
    size = np.linalg.norm(normal, axis=1)
    bad = ~(np.isfinite(size) & (size > 0))
    normal[bad] = link[bad]
    return np.asarray(normal / np.linalg.norm(normal, axis=1)[:, None])


def on_face(point: Array, grid: Grid, axis: int, face: float) -> NDArray[np.bool_]:
    """Which points (c, d) lie on a face of the box."""
    return np.asarray(np.abs(point[:, axis] - face) < ON_FACE * grid.spacing[axis])
