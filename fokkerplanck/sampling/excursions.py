"""Excursions of many walkers, each until it leaves the region, climbs above a score, or falls to one."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import sympy
from numpy.typing import NDArray

from fokkerplanck._kernels.table import lookup_points
from fokkerplanck.codegen import numpy_function
from fokkerplanck.sampling import _run
from fokkerplanck.sampling.chains import _check_batch
from fokkerplanck.sampling.emit_splitting import (
    CLIMBED,
    DIVERGED,
    FELL,
    LEFT,
    TABLED,
    chain_excursions,
    order_of,
    path_excursions,
)
from fokkerplanck.sampling.program import ChainProgram, PathProgram
from fokkerplanck.sampling.runs import Array

_CHUNK = 4096  # steps of a first call; later ones follow the clock
_THREADED = 2048  # rows from which threads pay


@dataclass(frozen=True)
class Table:
    """A score on the cells of a grid, in C order; ``axes``: first centre, 1/spacing, cells, periodic."""

    values: Array
    axes: Array


Score: TypeAlias = sympy.Expr | Table | None


@dataclass(frozen=True)
class Excursions:
    """Where walkers are when their excursions end, the highest score on the way, the steps, and how it ended.

    ``best`` is infinite for those that left. What has not ended after the steps allowed has the code 0.
    """

    x: Array
    best: Array
    steps: Array
    code: Array

    def are(self, code: float) -> NDArray[np.bool_]:
        """Which ended in one way."""
        return np.asarray(self.code == code)


@dataclass(frozen=True)
class Walk:
    """A compiled process: what it takes to let walkers go. ``unit``: time of a step."""

    kernel: Callable[..., None]
    model: tuple[Any, ...]
    table: Table
    constants: Array
    seed: np.uint64
    score: Callable[[Array], Array]
    outside: Callable[[Array], NDArray[np.bool_]]
    unit: float
    order: int  # weak order of a step; 0 where it is exact

    def __call__(
        self,
        x: Array,
        particles: NDArray[np.int64],
        limit: int,
        *,
        low: float = -np.inf,
        goals: Array | float = np.inf,
        best: Array | float = -np.inf,
    ) -> Excursions:
        """Let walkers go from x (n, d), each with the random numbers of its own particle, from step 0 on.

        The same particle from the same place goes the same way, whatever ends its excursion.
        """
        n = len(x)
        x, aims, most = x.copy(), np.full(n, np.inf), np.full(n, -np.inf)
        aims[:], most[:] = goals, best
        steps, code = np.full(n, np.inf), np.zeros(n)
        done, count = 0, _CHUNK
        limit = -(-limit // _run.GROUP) * _run.GROUP
        while done < limit:
            rows = np.flatnonzero(code == 0.0)
            if not len(rows):
                break
            count = min(count, limit - done)
            part: list[Any] = [a[rows] for a in (x, most, steps, code, particles, aims)]
            shared = (low, done, count, *self.model, self.table.values, self.table.axes)
            start = time.perf_counter()
            self._run(part, shared)
            elapsed = time.perf_counter() - start
            x[rows], most[rows], steps[rows], code[rows] = part[:4]
            done += count
            count = _run.next_size(count, elapsed)
        most[code == LEFT] = np.inf
        return Excursions(x, most, np.where(np.isfinite(steps), steps, float(done)), code)

    def _run(self, rows: list[Any], shared: tuple[Any, ...]) -> None:
        """Call the kernel, in threads where that is worth their start."""

        def work(r: slice) -> None:
            self.kernel(*(a[r] for a in rows), *shared, self.constants, self.seed)

        count = len(rows[0])
        if count < _THREADED:
            work(slice(0, count))
        else:
            _run.in_threads(work, count)

    def with_step(self, h: float) -> Walk:
        """The same paths with another time step."""
        return replace(self, model=(float(h),), unit=float(h))


def chain_walk(
    program: ChainProgram,
    score: Score,
    lr: float,
    batch: int,
    parameters: Array,
    seed: int,
    data: Array | None = None,
) -> Walk:
    """Excursions of a chain, with steps as units of time."""
    if program.sampling == "epoch":
        raise ValueError(
            "sampling is 'epoch': its steps depend on each other, so that a branch has no law of its own; "
            "use 'without-replacement' or simulate"
        )
    formula, table = _score(program, score)
    kernel = chain_excursions(program, formula, isinstance(score, Table))
    values = _run.parameter_values(parameters, program.parameters)
    rate, rows = float(_run.per_step("lr", float(lr), 1)[0]), _check_batch(program, batch, data)
    return Walk(
        kernel.run,
        (rate, int(batch), rows),
        table,
        kernel.constants(values),
        _run.seed_word(seed),
        _evaluate(program, score, values),
        lambda x: kernel.outside(x, values),
        1.0,
        0,
    )


def path_walk(program: PathProgram, score: Score, h: float, parameters: Array, seed: int) -> Walk:
    """Excursions of paths at the time step h."""
    if program.scheduled:
        raise ValueError("excursions need a constant learning rate, and this program is given one a step")
    formula, table = _score(program, score)
    kernel = path_excursions(program, formula, isinstance(score, Table))
    values = _run.parameter_values(parameters, program.parameters)
    step = float(_run.per_step("dt", float(h), 1)[0])
    return Walk(
        kernel.run,
        (step,),
        table,
        kernel.constants(values),
        _run.seed_word(seed),
        _evaluate(program, score, values),
        lambda x: kernel.outside(x, values),
        step,
        order_of(program),
    )


def _score(program: ChainProgram | PathProgram, score: Score) -> tuple[sympy.Expr | None, Table]:
    if program.level is None:
        raise ValueError("program has no level function, expected one: it says where the region ends")
    if not isinstance(score, Table):
        return score, Table(np.zeros(1), np.zeros((1, 4)))
    if len(program.state) > TABLED:
        raise ValueError(f"a score on a grid has at most {TABLED} dimensions, got {len(program.state)}")
    return None, score


def _evaluate(program: ChainProgram | PathProgram, score: Score, values: Array) -> Callable[[Array], Array]:
    """The score of points (n, d), for what need not be the same to the last bit."""
    if isinstance(score, Table):
        return lambda x: np.asarray(lookup_points(x, score.values, score.axes))
    shown = -program.level if score is None else score  # type: ignore[operator]
    compiled = numpy_function([shown], [*program.state, *program.parameters])
    return lambda x: compiled(*x.T, *values)[0]


__all__ = [
    "CLIMBED",
    "DIVERGED",
    "FELL",
    "LEFT",
    "Excursions",
    "Score",
    "Table",
    "Walk",
    "chain_walk",
    "path_walk",
]
