"""Ensembles of discrete SGD chains: where they end, and when they first leave a region."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck.sampling import _run
from fokkerplanck.sampling.emit_chain import chain_kernel
from fokkerplanck.sampling.program import ChainProgram
from fokkerplanck.sampling.runs import Array, ChainRun, Passage

_MOST_DRAWS = 2**20  # of one step: what the counters have room for


def run_chain(
    program: ChainProgram,
    x0: ArrayLike,
    lr: ArrayLike,
    batch: int,
    steps: int,
    parameters: ArrayLike,
    seed: int,
    first_step: int = 0,
    data: ArrayLike | None = None,
    *,
    first_particle: int = 0,
    progress: _run.Progress = None,
) -> ChainRun:
    """Advance n chains by steps ``x <- x - lr * g``, g the mean gradient of a mini-batch of `batch` samples.

    Parameters: ``x0`` (n, d); ``lr`` a number or (steps,); ``data`` (rows, columns) for a program with a data
    draw; ``first_step`` and ``first_particle`` continue a run, to the same bits as in one go.

    >>> import sympy
    >>> from fokkerplanck.sampling import Draw
    >>> x, s = sympy.symbols("x s", real=True)
    >>> program = ChainProgram((x,), (x - s,), (Draw((s,), "data"),), affine=True)
    >>> run_chain(program, [[1.0]], 0.5, 4, 2, [], seed=0, data=[[0.0], [0.0]]).final
    array([[0.25]])
    """
    program = replace(program, level=None)
    steps = _run.check_count("steps", steps)
    x = _run.start_points(x0, len(program.state))
    rates, rows = _run.per_step("lr", lr, steps), _check_batch(program, batch, data)
    kernel, word = chain_kernel(program), _run.seed_word(seed)
    constants = kernel.constants(_run.parameter_values(parameters, program.parameters))
    particles = first_particle + np.arange(len(x))
    status, times = np.zeros(len(x), dtype=np.int8), np.zeros(len(x))

    def work(done: int, count: int) -> float:
        part = rates[done : done + count].copy()
        kernel.run(x, times, status, particles, part, int(batch), rows, constants, word, first_step + done)
        return 0.0

    _run.in_chunks(steps, work, progress)
    return ChainRun(x, status == 2)


def first_passage_chain(
    program: ChainProgram,
    x0: ArrayLike,
    lr: float,
    batch: int,
    max_steps: int,
    parameters: ArrayLike,
    seed: int,
    data: ArrayLike | None = None,
    *,
    first_particle: int = 0,
    progress: _run.Progress = None,
) -> Passage:
    """Numbers of steps after which the program's level function is first no longer positive.

    The chain is discrete by nature, so nothing is looked for between steps. Start points outside: 0.

    >>> import sympy
    >>> x = sympy.Symbol("x", real=True)
    >>> program = ChainProgram((x,), (sympy.Integer(-1),), (), affine=True, level=1 - x)
    >>> first_passage_chain(program, [[0.0]], 0.25, 1, 10, [], seed=0).times
    array([4.])
    """
    if program.level is None:
        raise ValueError("program has no level function, expected one: it says where the region ends")
    x = _run.start_points(x0, len(program.state))
    steps = _run.check_count("max_steps", max_steps)
    rates, rows = _run.per_step("lr", float(lr), steps), _check_batch(program, batch, data)
    kernel, word = chain_kernel(program), _run.seed_word(seed)
    values = _run.parameter_values(parameters, program.parameters)
    constants = kernel.constants(values)
    status = kernel.outside(x, values).astype(np.int8)
    times = np.where(status == 1, 0.0, float(steps))
    particles = first_particle + np.arange(len(x))

    def work(done: int, count: int) -> float:
        alive = np.flatnonzero(status == 0)
        y, s, t = x[alive], status[alive], times[alive]
        part = rates[done : done + count].copy()
        kernel.run(y, t, s, particles[alive], part, int(batch), rows, constants, word, done)
        x[alive], status[alive], times[alive] = y, s, t
        return float(np.mean(status != 0))

    _run.in_chunks(steps, work, progress)
    return Passage(times, status == 1, status == 2)


def _check_batch(program: ChainProgram, batch: int, data: ArrayLike | None) -> Array:
    """The data rows as the kernel takes them; refuses a batch that they cannot give."""
    batch = _run.check_count("batch", batch)
    if batch > _MOST_DRAWS:
        raise ValueError(f"batch is {batch}, expected at most {_MOST_DRAWS}")
    if (program.columns > 0) != (data is not None):
        raise ValueError("data go with a program that has a data draw, and only with it")
    if data is None:
        return np.zeros((1, 1))
    rows = np.ascontiguousarray(data, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] != program.columns or not len(rows) or not np.isfinite(rows).all():
        raise ValueError(f"data have the shape {rows.shape}, expected (rows, {program.columns}), all finite")
    if program.sampling != "iid" and batch > len(rows):
        raise ValueError(f"batch is {batch}, expected at most {len(rows)}, the rows of the data set")
    return rows
