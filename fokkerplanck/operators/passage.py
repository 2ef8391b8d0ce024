"""First passage of a Markov operator: mean exit times and committors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.grid import Level, inside
from fokkerplanck.operators.restriction import Restriction, require_exit
from fokkerplanck.results import Field
from fokkerplanck.solvers.linear import KilledSolver

if TYPE_CHECKING:
    from fokkerplanck.operators.markov import MarkovOperator

Array = NDArray[np.float64]


def exit_time(op: MarkovOperator, level: Level | None) -> Field:
    """Mean time to leave ``level > 0``, 0 outside: the solution of ``L T = -1``."""

    def solve(op: MarkovOperator) -> tuple[Array, str]:
        r = op._restriction(level, None, 1)
        require_exit(r)
        t = KilledSolver(r.links, r.killing.sum(axis=1), r.companion).backward(np.ones(len(r.cells)))
        return op._scatter(r.cells, t), _reliability(r, t)

    def known(x: Array) -> Array:
        return np.full(len(x), np.nan) if level is None else np.where(level(x) > 0, np.nan, 0.0)

    return op._field(solve, "mean exit time", op.unit, known)


def committor(op: MarkovOperator, source: Level, target: Level) -> Field:
    """Probability to reach the target before the source."""

    def between(x: Array) -> Array:
        return -np.maximum(source(x), target(x))

    def sink(x: Array) -> NDArray[np.int64]:
        return np.asarray(target(x) > source(x), dtype=np.int64)

    def solve(op: MarkovOperator) -> tuple[Array, str]:
        r = op._restriction(between, sink, 2)
        q = KilledSolver(r.links, r.killing.sum(axis=1), r.companion).backward(r.killing[:, 1])
        return op._scatter(r.cells, q), "ok"

    def known(x: Array) -> Array:
        return np.where(target(x) > 0, 1.0, np.where(source(x) > 0, 0.0, np.nan))

    return op._field(solve, "committor", "", known)


def two_regions(op: MarkovOperator, source: str, target: str) -> tuple[Level, Level]:
    """Levels of two regions that are not empty and do not overlap."""
    from_, to = op._level(source), op._level(target)
    if from_ is None or to is None:
        raise ValueError("a committor needs two regions, such as committor('x < -0.9', 'x > 0.9')")
    inside(from_, op.grid, "source region"), inside(to, op.grid, "target region")
    if ((from_(op.grid.points()) > 0) & (to(op.grid.points()) > 0)).any():
        raise ValueError(f"the regions {source!r} and {target!r} overlap; a committor needs them apart")
    return from_, to


def _reliability(r: Restriction, t: Array) -> str:
    """Rounding of the diagonal acts like a killing rate: say so where it rivals the real one."""
    fastest = float(np.asarray(r.links.sum(axis=1)).max())
    loss = np.finfo(float).eps * fastest * float(np.max(t))
    if loss < 1e-3:
        return "ok"
    return f"rounding may change the time by {min(loss, 1.0):.0%}: the barrier is too high for this solver"
