"""First passage of a Markov operator: mean exit times and committors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.estimate import NotValidHere, quietly
from fokkerplanck.grid import Level, inside
from fokkerplanck.operators.restriction import Restriction, restriction
from fokkerplanck.results import Field

if TYPE_CHECKING:
    from fokkerplanck.operators.markov import MarkovOperator

Array = NDArray[np.float64]

UNSURE = 1e-3  # relative error that is flagged
CERTAIN = 1e-3  # variance, in units of the squared mean, below which it is not taken from the second moment


def exit_time(op: MarkovOperator, level: Level | None) -> Field:
    """Mean time to leave ``level > 0``, 0 outside: the solution of ``L T = -1``."""

    def solve(op: MarkovOperator) -> tuple[Array, str]:
        r, t = _mean_times(op, level)
        return op._scatter(r.cells, t), _reliability(r)

    known = _nothing_outside(level)
    return _field(op, solve, "mean exit time", op.unit, known, lambda op: restriction(op, level))


def exit_variance(op: MarkovOperator, level: Level | None) -> Field:
    """Variance of the exit time, 0 outside."""

    def solve(op: MarkovOperator) -> tuple[Array, str]:
        r, t = _mean_times(op, level)
        with np.errstate(over="ignore", invalid="ignore"):
            variance = _finite(_variance(r, t, op.tick), "variance of the exit time")
        return op._scatter(r.cells, variance), _reliability(r)

    # What upwinding adds stands in an exponent; of a time that is nearly certain it is a summand.
    positive, unit, known = op.order == 1, f"{op.unit}^2", _nothing_outside(level)
    return _field(
        op, solve, "variance of the exit time", unit, known, lambda op: restriction(op, level), positive
    )


def committor(op: MarkovOperator, source: Level, target: Level) -> Field:
    """Probability to reach the target before the source."""

    def between(x: Array) -> Array:
        return -np.maximum(source(x), target(x))

    def sink(x: Array) -> NDArray[np.int64]:
        return np.asarray(target(x) > source(x), dtype=np.int64)

    def way(op: MarkovOperator) -> Restriction:
        return restriction(op, between, sink, ("the source", "the target"))

    def solve(op: MarkovOperator) -> tuple[Array, str]:
        r = way(op)
        q = r.chain.solver.backward(r.killing[:, 1])
        return op._scatter(r.cells, q), _reliability(r)

    def known(x: Array) -> Array:
        return np.where(target(x) > 0, 1.0, np.where(source(x) > 0, 0.0, np.nan))

    return _field(op, solve, "committor", "", known, way)


def _field(
    op: MarkovOperator,
    solve: Callable[[MarkovOperator], tuple[Array, str]],
    quantity: str,
    unit: str,
    known: Level,
    way: Callable[[MarkovOperator], Restriction],
    positive: bool = True,
) -> Field:
    """A function of the starting point that `solve` finds on a grid, with its coarse twins; the chain goes on
    its `way` until it leaves."""

    def field(op: MarkovOperator, coarse: Field | None = None, shadow: Field | None = None) -> Field:
        values, status = solve(op)
        solved = np.isfinite(values)
        values = np.where(solved, values, known(op.grid.points()).reshape(op.grid.shape))
        facts = (op.method, coarse, op.order, status, known, solved, shadow, op.assumptions)
        return Field(op.grid, values, quantity, unit, *facts, positive)

    if op.coarse is None:
        return field(op)
    last = op._coarsest
    third = None if last is None else quietly(lambda: field(last))
    shadow = None if op._shadow is None else field(op._shadow)
    fine, wider = field(op, field(op.coarse, third), shadow), op._wider
    if wider is None:
        return fine
    share = _widened_on_the_way(op, way(op))
    return replace(fine, wider=quietly(lambda: field(wider)), widened=share)


def _widened_on_the_way(op: MarkovOperator, r: Restriction) -> Array | None:
    """Share of all spreading that widening D adds on the way out from each cell, (grid.shape)."""
    share = op._widened_share
    if share is None:
        return None
    t, of_it = (r.chain.solver.backward(x) for x in (np.ones(len(r.cells)), share.ravel()[r.cells]))
    return op._scatter(r.cells, of_it / t)


def two_regions(op: MarkovOperator, source: str, target: str) -> tuple[Level, Level]:
    """Levels of two regions that are not empty and do not overlap."""
    from_, to = op._level(source), op._level(target)
    if from_ is None or to is None:
        raise ValueError("a committor needs two regions, such as committor('x < -0.9', 'x > 0.9')")
    inside(from_, op.grid, "source region"), inside(to, op.grid, "target region")
    if ((from_(op.grid.points()) > 0) & (to(op.grid.points()) > 0)).any():
        raise ValueError(f"the regions {source!r} and {target!r} overlap; a committor needs them apart")
    return from_, to


def _mean_times(op: MarkovOperator, level: Level | None) -> tuple[Restriction, Array]:
    r = restriction(op, level)
    return r, _finite(r.chain.solver.backward(np.ones(len(r.cells))), "mean exit time")


def _finite(values: Array, what: str) -> Array:
    """The values, if numbers can hold them."""
    if np.isfinite(values).all():
        return values
    raise NotValidHere(
        f"the {what} exceeds the largest number, 1.8e308: the barrier is some 700 times the noise (350 for a "
        "variance); use more noise, or an escape law by name, which gives the logarithm"
    )


def _variance(r: Restriction, t: Array, tick: float) -> Array:
    """From the second moment; where the time is so certain that the difference to T² would lose it, from the
    squares of the jumps of the expected time, which add up to it."""
    v = 2.0 * r.chain.solver.backward(t) - t * t - tick * t
    certain = v <= CERTAIN * t * t
    return np.where(certain, r.chain.solver.backward(_spread(r, t, tick)), v) if certain.any() else v


def _spread(r: Restriction, t: Array, tick: float) -> Array:
    """Expected square of the change of the time still to come, a unit of time; a step itself takes `tick`."""
    links, killing = r.links.tocoo(), r.chain.killing
    squares = (t[links.col] - t[links.row] + tick) ** 2
    jumps = np.bincount(links.row, links.data * squares, minlength=len(t))
    stays = 1.0 - np.asarray(r.links.sum(axis=1)).ravel() - killing if tick else 0.0
    return np.asarray(jumps + killing * (tick - t) ** 2 + stays * tick**2)


def _nothing_outside(level: Level | None) -> Level:
    return lambda x: np.full(len(x), np.nan) if level is None else np.where(level(x) > 0, np.nan, 0.0)


def _reliability(r: Restriction) -> str:
    """Whether rounding or the solver spoil what was solved for so far."""
    loss = r.chain.solver.error
    if loss < UNSURE:
        return "ok"
    return (
        f"values may be wrong by {min(loss, 1.0):.1%} of themselves, because rounding hides times so long, "
        "or chances so small: use fewer cells, so that the chain can be eliminated"
    )
