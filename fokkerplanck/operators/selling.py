r"""Selling's decomposition of a diffusion tensor into lattice directions.

.. math:: D = \sum_k \rho_k\, e_k e_k^\top, \qquad \rho_k \ge 0,\; e_k \in \mathbb{Z}^d,

in units of the cell widths: a second derivative becomes a sum of one-dimensional ones with
non-negative weights, which is what makes the generator that of a Markov chain. A tensor of condition c needs
offsets of up to about :math:`\sqrt c` cells, a singular one in general position infinite ones. They are
bounded by the square root of the cells an axis, where what long links blur and what is added to D to shorten
them fall alike, as h; a tensor that needs no more is decomposed exactly. Source: E. Selling, J. reine angew.
Math. 77, 143 (1874); used for monotone schemes by J.-F. Bonnans, E. Ottenwaelter and H. Zidani, ESAIM M2AN
38, 723 (2004), and by J.-M. Mirebeau.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fokkerplanck._kernels import tilt
from fokkerplanck.grid import Grid

Array = NDArray[np.float64]
Index = NDArray[np.int32]

REACH = 1.0  # cells, times the square root of the cells an axis
LEAST_REACH = 2
ANY_REACH = 2**31 - 1


@dataclass(frozen=True)
class Directions:
    """Pairs of opposite links of cells, in units of the cell widths.

    ``offset`` (n, k, d) and ``weight`` (n, k) decompose the diffusion, ``tilt`` (n, k) is drift over
    diffusion along each, ``upwind`` (n, d) the drift that no link carries, and ``kind`` (n,) says what the
    links are.
    """

    offset: Index
    weight: Array
    tilt: Array
    upwind: Array
    kind: NDArray[np.uint8]

    def take(self, cells: NDArray[np.integer]) -> Directions:
        """Those of some of the cells."""
        arrays = (self.offset, self.weight, self.tilt, self.upwind, self.kind)
        return Directions(*(a[cells] for a in arrays))

    def put(self, cells: NDArray[np.integer], others: Directions) -> None:
        """Replace those of some of the cells."""
        for name in ("offset", "weight", "tilt", "upwind", "kind"):
            getattr(self, name)[cells] = getattr(others, name)


def directions(drift: Array, diffusion: Array, spacing: Array, reach: tuple[int, ...]) -> Directions:
    """Links of cells from drift (n, d) and diffusion (n, d, d), with offsets of at most `reach` cells."""
    n, d = drift.shape
    pairs = d * (d + 1) // 2
    out = Directions(
        np.empty((n, pairs, d), dtype=np.int32),
        np.empty((n, pairs)),
        np.empty((n, pairs)),
        np.empty((n, d)),
        np.empty(n, dtype=np.uint8),
    )
    arrays = (np.ascontiguousarray(drift), np.ascontiguousarray(diffusion), tuple(spacing.tolist()), reach)
    tilt.directions(*arrays, out.offset, out.weight, out.tilt, out.upwind, out.kind)
    return out


def added_share(drift: Array, diffusion: Array, grid: Grid, links: Directions) -> tuple[Array, Array]:
    """Share (n,) of what links add, in all that spreads along the principal axis of D where it is largest,
    and of what is added to D alone, to shorten them."""
    all_of_it, widened = np.empty(len(drift)), np.empty(len(drift))
    arrays = (np.ascontiguousarray(drift), np.ascontiguousarray(diffusion), tuple(grid.spacing.tolist()))
    graph = (links.offset, links.weight, links.tilt, links.upwind)
    tilt.added_share(*arrays, grid.shape, *graph, all_of_it, widened)
    return all_of_it, widened


def added_to(diffusion: Array, spacing: Array, links: Directions) -> Array:
    """What was added to tensors (n, d, d) to shorten their links, in their units."""
    square = np.einsum("nk,nki,nki->n", links.weight, links.offset, links.offset)
    trace = np.einsum("nii,i->n", diffusion, spacing**-2.0)
    added = np.where(links.kind & tilt.BOUNDED > 0, np.maximum(square - trace, 0.0) / len(spacing), 0.0)
    return np.asarray(added[:, None, None] * np.diag(spacing**2))


def reach_of(grid: Grid) -> tuple[int, ...]:
    """Longest offset along each axis, in cells."""
    return tuple(max(LEAST_REACH, round(REACH * n**0.5)) for n in grid.shape)


def decompose(diffusion: Array, spacing: Array) -> Directions:
    """Decompose tensors (n, d, d) for a lattice of cell widths `spacing` (d,), whatever the reach."""
    n, d, _ = diffusion.shape
    return directions(np.zeros((n, d)), diffusion, spacing, (ANY_REACH,) * d)
