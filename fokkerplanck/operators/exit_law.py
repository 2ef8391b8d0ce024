"""The whole law of the time at which a Markov operator leaves a region, from one point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.estimate import combine_status, quietly
from fokkerplanck.grid import Grid, Level
from fokkerplanck.operators.restriction import Restriction, restriction
from fokkerplanck.results import ExitLaw
from fokkerplanck.results._interpolate import neighbours
from fokkerplanck.results.field import MATTERS
from fokkerplanck.solvers import reduction
from fokkerplanck.solvers.matrix_exponential import MatrixExponential

if TYPE_CHECKING:
    from fokkerplanck.operators.markov import MarkovOperator

Array = NDArray[np.float64]
LOST = 1e-5  # relative error of the mean at which a law is flagged
Start = Mapping[str, float] | Sequence[float]


def exit_law(op: MarkovOperator, level: Level | None, x0: Start, times: ArrayLike | None) -> ExitLaw:
    """Law of the time to leave ``level > 0`` from x0."""
    x = starting_point(op.grid, level, x0)

    def solve(op: MarkovOperator) -> tuple[MatrixExponential, str]:
        r = restriction(op, level)
        cells, weights = weights_at(r, op.grid, x)
        law = reduction.exit_law(r.chain, cells, weights, steps=op.tick > 0)
        mean = float(r.chain.solver.backward(np.ones(len(r.cells)))[cells] @ weights)
        return law, "ok" if abs(law.mean - mean) < LOST * mean else _lost(law.mean, mean)

    fine, status = solve(op)
    coarse, last = None if op.coarse is None else solve(op.coarse)[0], op._coarsest
    third = None if last is None else quietly(lambda: solve(last)[0])
    if coarse is not None and op._shadow is not None:
        walled = solve(op._shadow)[0]
        probes = np.array([0.5, 1.0, 2.0]) * coarse.mean
        change = max(abs(walled.survival(t) - coarse.survival(t)) for t in probes)
        if change > MATTERS:
            sentence = (
                f"the open ends of the box matter: absorbing there instead changes a chance by {change:.2g}"
            )
            status = combine_status([status, sentence])
    ratio = 2.0 if op.coarse is None else op.grid.ratio(op.coarse.grid)
    facts = (op.unit, op.method, op.order, ratio, status, op.assumptions)
    point = dict(zip(op.grid.names, map(float, x), strict=True))
    wanted = None if times is None else np.atleast_1d(np.asarray(times, dtype=float))
    return ExitLaw(point, fine, coarse, third, *facts, wanted=wanted)


def _lost(found: float, mean: float) -> str:
    return (
        f"the law has the mean {found:.4g}, the process {mean:.4g}: its time scales lie too far apart for "
        "one small model of it; trust exit_time and quasi_stationary"
    )


def starting_point(grid: Grid, level: Level | None, x0: Start) -> Array:
    """Coordinates (d,) of a start inside the region."""
    named = x0 if isinstance(x0, Mapping) else dict(zip(grid.names, x0, strict=False))
    if set(named) != set(grid.names) or len(x0) != grid.ndim:
        raise ValueError(
            f"x0 is {x0!r}: give one value for each of {', '.join(grid.names)}, such as "
            f"x0={dict.fromkeys(grid.names, 0.0)}"
        )
    x = np.array([float(named[n]) for n in grid.names])
    grid.require_inside(x[None, :])
    x = grid.wrap(x)
    if level is not None and not level(x[None, :])[0] > 0:
        raise ValueError(f"x0 = {dict(named)} lies outside the region: the process has left before it starts")
    return x


def weights_at(r: Restriction, grid: Grid, x: Array) -> tuple[NDArray[np.int64], Array]:
    """Cells of the restriction, by their place in it, and their weights in the value of a function at x."""
    inside = np.zeros(grid.size, dtype=bool)
    inside[r.cells] = True
    cells, weights = neighbours(grid, x, inside.reshape(grid.shape))
    return np.searchsorted(r.cells, cells), weights
