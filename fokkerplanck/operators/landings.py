"""Where the steps of a chain land: on cells, or on the parts of cells that the edge of a region cuts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fokkerplanck._kernels import lattice
from fokkerplanck.grid import Grid
from fokkerplanck.operators.gates import Gates

if TYPE_CHECKING:
    from fokkerplanck.operators.transition import Step

Array = NDArray[np.float64]
Index = NDArray[np.int64]

ENDS = {
    "open": lattice.CLIP,
    "reflecting": lattice.MIRROR,
    "absorbing": lattice.ABSORB,
    "periodic": lattice.WRAP,
}
ROW_BLOCK = 4096


def landings(
    grid: Grid, law: Step, origin: Array, rows: Index, share: Array, middle: Array
) -> Iterator[tuple[Index, Index, Index, Array]]:
    """Where steps from some rows land, an atom of the step at a time: rows, cells (< 0 beyond an absorbing
    end), parts of them, and probabilities."""
    h = grid.spacing
    corner = np.array([a.centres[0] for a in grid.axes])
    scaled = law.covariance[rows] / np.multiply.outer(h, h)
    for atom, weight in enumerate(law.weight):
        landing = (origin[rows] + law.shift[rows, atom] - corner) / h
        start, column, value = _land(grid, landing, scaled, share, middle)
        cell, part = np.divmod(column, 2)
        yield np.repeat(rows, np.diff(start)), cell, part, value * weight


def ways_out(grid: Grid, step: Callable[[Array], Step], share: Array, middle: Array) -> Gates:
    """A gate for every cell, or part of a cell, on which a step from the inside lands outside.

    Cells are split in `share` (n, 2) with nodes `middle` (n, 2, d). What an absorbing end takes has no place.
    """
    row, cell, _, value = all_landings(grid, step, share, middle, lambda row, cell, part: part == 1)
    outside = np.flatnonzero(share[:, 1] > 0)
    point = grid.points()[outside] + middle[outside, 1] * grid.spacing
    spread = np.tile(np.diag(grid.spacing), (outside.size, 1, 1))
    return Gates(row, value, np.searchsorted(outside, cell), point, spread)


def all_landings(
    grid: Grid,
    step: Callable[[Array], Step],
    share: Array,
    middle: Array,
    wanted: Callable[[Index, Index, Index], NDArray[np.bool_]],
) -> tuple[Index, Index, Index, Array]:
    """Those of the landings on cells, from all rows inside, that are `wanted` (rows, cells, parts)."""
    origin = grid.points() + middle[:, 0] * grid.spacing
    law = step(origin)
    found = []
    inside = np.flatnonzero(share[:, 0] > 0)
    for first in range(0, inside.size, ROW_BLOCK):
        rows = inside[first : first + ROW_BLOCK]
        for row, cell, part, value in landings(grid, law, origin, rows, share, middle):
            keep = (cell >= 0) & wanted(row, np.maximum(cell, 0), part)
            found.append((row[keep], cell[keep], part[keep], value[keep]))
    row, cell, part, value = (np.concatenate(column) for column in zip(*found, strict=True))
    return row, cell, part, value


def first_step(
    grid: Grid, step: Callable[[Array], Step], share: Array, middle: Array, x: Array
) -> tuple[Array, Array]:
    """Chances that the first step from a point x (d,) lands in each cell inside (m,), and at each of the
    places outside (k,) that `ways_out` counts."""
    chance = np.zeros((grid.size, 2))
    for _, cell, part, value in landings(grid, step(x[None]), x[None], np.zeros(1, dtype=int), share, middle):
        np.add.at(chance, (cell[cell >= 0], part[cell >= 0]), value[cell >= 0])
    return chance[share[:, 0] > 0, 0], chance[share[:, 1] > 0, 1]


def _land(
    grid: Grid, mean: Array, covariance: Array, share: Array, middle: Array
) -> tuple[Index, Index, Array]:
    """Where steps to `mean` (m, d), in cells, land: row starts, ``2 cell + part`` or GONE, probabilities."""
    m, d = mean.shape
    shape = (*grid.shape, 1)[:2]
    ends = np.full((2, 2), lattice.CLIP)
    for k, axis in enumerate(grid.axes):
        ends[k] = [ENDS[e] for e in axis.ends]
    # In one dimension the second axis is one cell wide and never left.
    mean2, covariance2, position = (
        np.zeros((m, 2)),
        np.tile(1e-8 * np.eye(2), (m, 1, 1)),
        np.zeros((grid.size, 2, 2)),
    )
    mean2[:, :d], covariance2[:, :d, :d], position[:, :, :d] = mean, covariance, middle
    start = np.zeros(m + 1, dtype=np.int64)
    window = np.prod(2 * lattice.REACH * np.sqrt(np.einsum("nii->ni", covariance2).max(axis=0)) + 3)
    size = int(window * m) + 64
    while True:
        column, value = np.empty(size, dtype=np.int64), np.empty(size)
        count = lattice.gaussian_rows(
            mean2,
            covariance2,
            ends,
            position.reshape(*shape, 2, 2),
            share.reshape(*shape, 2),
            column,
            value,
            start,
        )
        if count >= 0:
            return start, column[:count], value[:count]
        size *= 2
