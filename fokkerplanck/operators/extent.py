"""Boxes that hold where a process is: its stationary law, or the time it spends before it leaves a region."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu

from fokkerplanck.estimate import NotValidHere
from fokkerplanck.grid import Level
from fokkerplanck.operators.box import (
    BEYOND,
    FINER_TOTAL,
    MOST_AN_AXIS,
    PILOT_TOTAL,
    TURNS,
    Box,
    Build,
    around,
    finer,
    kept,
    worth,
)
from fokkerplanck.operators.edges import TOLERATED, NotNormalisable, behind_walls
from fokkerplanck.operators.markov import MarkovOperator
from fokkerplanck.results import Density
from fokkerplanck.solvers.linear import SolverError

Array = NDArray[np.float64]

PEAK = 4  # cells below which the middle of a law is no longer resolved
VISITED = 1e-5  # chance to come to an end before leaving the region, from which on the end matters
EDGE = 1 / 16  # share of the box that lies beyond the edge of a region: coarse grids must reach there too


def of_the_law(build: Build, box: Box, turns: int = TURNS, beyond: float = BEYOND) -> Box:
    """Move the free ends until all but `beyond` of the stationary mass fits, and little more.

    Tails too fat for that are cut where one even grid can no longer resolve the middle as well.

    Raises
    ------
    NotNormalisable
        If no box holds the law, or what must be cut off is more than a millionth.
    """
    if not box.free:
        return box
    cells, sharpened = box.pilot(), False
    for _ in range(turns):
        try:
            density = build(box.grid(cells)).stationary()
        except (NotNormalisable, SolverError):
            box = box.widened(1.7)
            continue
        new_box, new_cells, stuck = _around_law(density, box, beyond)
        if new_box != box or new_cells != cells:
            box, cells = new_box, new_cells
            continue
        sharper = finer(cells, FINER_TOTAL)
        if sharper is not None and not sharpened:
            cells, sharpened = sharper, True
            continue
        if stuck and density.info["mass_beyond_open_ends"] > TOLERATED:
            low, high = box.ranges[stuck]
            raise NotNormalisable(
                f"the tails of the law along {stuck} are too fat for one even grid: a box of {low:.3g} to "
                f"{high:.3g} does not hold them, and its cells no longer resolve the middle; give the range "
                "yourself, and mind the status"
            )
        return box
    raise NotNormalisable(
        f"no box was found that holds the stationary law (last tried {box}): the law may not be "
        "normalisable; give the ranges yourself, or reflecting ends"
    )


def _around_law(density: Density, box: Box, beyond: float) -> tuple[Box, dict[str, int], str]:
    """Better ends and cells for a law, and an axis along which one even grid cannot hold it."""
    grid, d, stuck = density.grid, box.ndim, ""
    cells = dict(zip(grid.names, grid.shape, strict=True))
    for name in box.free:
        axis = grid[name]
        m = density.marginal(name).values * axis.spacing
        layers = kept(m, np.full(len(m), beyond / (2 * d)))
        ends = around(axis, layers)
        if not worth(axis, layers, ends):
            continue
        if (m > 0.2 * m.max()).sum() >= PEAK or axis.low < ends[0] < ends[1] < axis.high:
            box = box.moved(name, ends)
        elif 2 * grid.size <= PILOT_TOTAL[d] and 2 * axis.cells <= MOST_AN_AXIS[d]:
            cells[name] = 2 * axis.cells
        else:
            stuck = name
    return box, cells, stuck


def of_the_exit(build: Build, box: Box, level: Level, x0: Array) -> Box:
    """Move the free ends until they hold where the process goes from `x0` before it leaves ``level > 0``.

    An end may stay where all but `BEYOND` of the time is spent inside it, and to which the process comes with
    a chance below `VISITED`. Ends absorb while searching, since what paths do beyond is not known yet.

    Raises
    ------
    NotValidHere
        If the process comes to the ends of every box, so that the mean exit time depends on it.
    """
    if not box.free:
        return box
    cells, sharpened = box.pilot(), False
    for _ in range(TURNS):
        grid = box.grid(cells)
        op = build(behind_walls(grid) or grid)
        time = _occupation(op, level, x0)
        if time is None:
            sharper = finer(cells, PILOT_TOTAL[box.ndim])
            if sharper is None:
                break
            cells = sharper
            continue
        new = _around_exit(op, time, box)
        sharper = finer(cells, FINER_TOTAL)
        if new != box:
            box = new
        elif sharper is not None and not sharpened:
            cells, sharpened = sharper, True
        else:
            return box
    raise NotValidHere(
        "no box was found that holds where the process goes from x0 before it leaves the region (last tried "
        f"{box}): the mean exit time may be infinite, or the region too thin for one even grid; give the "
        "ranges yourself, or reflecting ends"
    )


def _around_exit(op: MarkovOperator, time: Array, box: Box) -> Box:
    """Better ends for the mean `time` that is spent in every cell."""
    grid = op.grid
    # Jumps made from a cell: more than the chance to come there.
    visits = (time * -op.matrix.diagonal()).reshape(grid.shape)
    share = (time / time.sum()).reshape(grid.shape)
    for name in box.free:
        k = grid.names.index(name)
        others = tuple(j for j in range(grid.ndim) if j != k)
        m, v = share.sum(axis=others), visits.sum(axis=others)
        layers = kept(m, np.where(v > VISITED, 0.0, BEYOND / (2 * grid.ndim)))
        axis, reached = grid.axes[k], np.flatnonzero(m)
        wide = math.ceil(EDGE * axis.cells)
        margins = (wide if layers[0] == reached[0] else 1, wide if layers[1] == reached[-1] else 1)
        ends = around(axis, layers, margins)
        if worth(axis, layers, ends, margins):
            box = box.moved(name, ends)
    return box


def about(level: Level, x0: Array, names: tuple[str, ...]) -> dict[str, tuple[float, float]]:
    """A first box about a start, as far along every axis as the region reaches; 1 where it has no edge."""
    far = (1.0 + np.abs(x0).max()) * np.geomspace(1e-8, 1e8, 300)
    box = {}
    for k, name in enumerate(names):
        reach = []
        for sign in (-1.0, 1.0):
            points = np.tile(x0, (len(far), 1))
            points[:, k] += sign * far
            outside = np.flatnonzero(~(level(points) > 0))
            reach.append(1.1 * float(far[outside[0]]) if len(outside) else np.inf)
        nearest = min(*reach, 1e8)
        low, high = (r if r < np.inf else nearest if nearest < 1e8 else 1.0 for r in reach)
        box[name] = (float(x0[k] - low), float(x0[k] + high))
    return box


def _occupation(op: MarkovOperator, level: Level, x0: Array) -> Array | None:
    """Mean time in every cell (n,) from `x0` until the region is left; None where no cell about x0 is inside.

    Cells whose centre lies inside, without the finer edge that exit times get: this is only a scale.
    """
    grid = op.grid
    inside = level(grid.points()) > 0
    cell = (int((x - a.low) / a.spacing) for x, a in zip(x0, grid.axes, strict=True))
    start = int(np.ravel_multi_index(tuple(cell), grid.shape, mode="clip"))
    if not inside[start]:
        return None
    cells = np.flatnonzero(inside)
    a = sparse.csc_array(-op.matrix[cells, :][:, cells].T)
    options = {"SymmetricMode": True}
    try:
        factors = splu(a, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=options)
    except RuntimeError:
        return None
    time = np.zeros(grid.size)
    # Of one sign; behind a barrier so high that rounding decides, the sign and the scale are its own.
    time[cells] = np.abs(factors.solve((cells == start).astype(float)))
    return time
