r"""Links cut by the edge of a region or by an absorbing end.

A three-point formula that reaches a ahead and b behind belongs not to its node but to a point beside it.
Where the tilt varies along the link, :math:`z + z's`, the fitted formula stays exact to first order in
:math:`z'` with the tilt taken at

.. math:: s_* = \frac12 \frac{\langle s^2\rangle_a - \langle s^2\rangle_b}
                            {\langle s\rangle_a - \langle s\rangle_b},

means over the parts ahead and behind under the weight :math:`e^{-zs}`; for z = 0 that is :math:`(a - b)/3`,
where three points give a second derivative to second order. The coefficients of a cell with cut links are
taken there: the error that an edge leaves is then one order smaller, and hardly depends on where in a cell it
falls.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fokkerplanck._kernels.links import cut_links
from fokkerplanck.grid import Level
from fokkerplanck.operators.lattice import Lattice
from fokkerplanck.operators.selling import Directions

Array = NDArray[np.float64]
Index = NDArray[np.int32]
Mask = NDArray[np.bool_]
Sink = Callable[[Array], NDArray[np.integer]]  # points on an edge (m, d) -> number of the sink (m,)

# An edge nearer to a node than this fraction of a link is taken to be at this distance.
CLOSEST = 1e-7
BISECTIONS = 45


@dataclass(frozen=True)
class Region:
    """Where the process lives: ``level > 0``, and `inside` (n,) says so of the cells; empty for the whole
    box."""

    level: Level | None
    inside: Mask

    @classmethod
    def of(cls, lattice: Lattice, level: Level | None) -> Region:
        """The region on the cells of a lattice."""
        if level is None:
            return cls(None, np.empty(0, dtype=bool))
        blocks = [level(lattice.points(cells)) > 0 for cells in lattice.batches()]
        return cls(level, np.concatenate(blocks))


@dataclass(frozen=True)
class Cuts:
    """Cut links (c,): of which cell of a batch, which link on which side (0 ahead, 1 behind), and where."""

    cell: Index
    link: Index
    side: Index
    distance: Array  # in links
    point: Array  # (c, d)
    step: Array  # (c, d), the whole link


_NONE = np.empty(0, dtype=np.int32)
NO_CUTS = Cuts(_NONE, _NONE, _NONE, np.empty(0), np.empty((0, 0)), np.empty((0, 0)))


def find_cuts(
    lattice: Lattice,
    region: Region,
    cells: Index,
    points: Array,
    links: Directions,
    reached: Mask | None = None,
) -> Cuts:
    """The cut links of `cells` (m,) with centres `points` (m, d).

    Marks in `reached` (n,) the cells inside that links from cells outside lead to.
    """
    most = cells.size * 2 * (links.weight.shape[1] + lattice.ndim)
    cell, link, side = (np.empty(most, dtype=np.int32) for _ in range(3))
    wall = np.empty(most)
    marks = np.zeros(region.inside.size, dtype=bool) if reached is None else reached
    graph = (cells, lattice.shape, lattice.ends, links.offset, links.weight, links.upwind)
    count = cut_links(*graph, region.inside, marks, cell, link, side, wall)
    cell, link, side, wall = (x[:count].copy() for x in (cell, link, side, wall))
    steps = _steps(lattice, links, cell, link) * (1 - 2 * side)[:, None]
    if region.level is not None:
        wall = crossing(region.level, points[cell], steps, wall)
    distance = np.clip(wall, CLOSEST, 1.0)
    return Cuts(cell, link, side, distance, points[cell] + distance[:, None] * steps, steps)


def centroids(lattice: Lattice, points: Array, links: Directions, cuts: Cuts) -> tuple[Index, Array]:
    """Cells of a batch with cut links, and where their coefficients belong: (s,), (s, d)."""
    which, slot = np.unique(cuts.cell, return_inverse=True)
    pairs = links.weight.shape[1]
    lattice_links = cuts.link < pairs
    s, k, side = slot[lattice_links], cuts.link[lattice_links], cuts.side[lattice_links]
    distance = np.ones((which.size, pairs, 2))
    distance[s, k, side] = cuts.distance[lattice_links]
    weight = np.zeros((which.size, pairs))
    weight[s, k] = links.weight[which[s], k]
    shift = weight * _centroid(links.tilt[which], distance[..., 0], distance[..., 1])
    moved = np.einsum("sk,skd->sd", shift, links.offset[which]) * lattice.spacing
    return which, np.asarray(points[which] + moved / np.maximum(weight.sum(axis=1), 1e-300)[:, None])


def _centroid(z: Array, ahead: Array, behind: Array) -> Array:
    """Where along a link its formula is exact for a tilt that varies linearly."""
    mean_ahead, square_ahead = _moments(z * ahead)
    mean_behind, square_behind = _moments(-z * behind)
    squares = ahead**2 * square_ahead - behind**2 * square_behind
    return np.asarray(0.5 * squares / (ahead * mean_ahead + behind * mean_behind))


def _moments(x: Array) -> tuple[Array, Array]:
    """Means of t and of its square over 0 < t < 1 under the weight ``exp(-x t)``."""
    x = np.clip(x, -50.0, 50.0)
    small = np.abs(x) < 1e-2
    y = np.where(small, 1.0, x)
    fall = 1.0 / np.expm1(y)
    mean = np.where(small, 0.5 - x / 12, 1.0 / y - fall)
    square = np.where(small, 1 / 3 - x / 12 + x**2 / 360, 2.0 / y**2 - (1.0 + 2.0 / y) * fall)
    return mean, square


def _steps(lattice: Lattice, links: Directions, cell: Index, link: Index) -> Array:
    """The links themselves, (c, d): lattice directions first, then the axes."""
    pairs = links.weight.shape[1]
    along = np.eye(lattice.ndim)[np.maximum(link - pairs, 0)]
    offset = links.offset[cell, np.minimum(link, pairs - 1)]
    return np.asarray(np.where((link < pairs)[:, None], offset, along) * lattice.spacing)


def crossing(level: Level, start: Array, step: Array, end: Array) -> Array:
    """First sign change of the level along ``start + t step``, 0 < t <= end, by bisection (m,).

    Where there is none, `end`.
    """
    low, high = np.zeros(len(start)), end.copy()
    if not len(start):
        return high
    outside = level(start + high[:, None] * step) <= 0
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        positive = level(start + middle[:, None] * step) > 0
        low, high = np.where(positive & outside, middle, low), np.where(~positive & outside, middle, high)
    return high
