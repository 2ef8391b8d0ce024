"""Ensembles of discrete SGD chains: where they end, and when they first leave a region."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck.sampling import _run
from fokkerplanck.sampling.checkpoint import Checkpoint
from fokkerplanck.sampling.emit_chain import chain_kernel
from fokkerplanck.sampling.frames import Frames
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
    frames: Frames | None = None,
    checkpoint: Checkpoint | None = None,
) -> ChainRun:
    """Advance n chains by steps ``x <- x - lr * g``, g the mean gradient of a mini-batch of `batch` samples.

    Parameters: ``x0`` (n, d); ``lr`` a number or (steps,); ``data`` (rows, columns) for a program with a data
    draw; ``first_step`` and ``first_particle`` continue a run, to the same bits as in one go; ``frames`` look
    at it, ``checkpoint`` keeps it.

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
    times, made_of = np.full(len(x), np.inf), {"steps": steps, "lr": rates, "batch": batch, "data": rows}
    live = {"x": x} | ({} if frames is None else dict(frames.held))
    done = _run.resumed(checkpoint, live, kernel, constants, seed, x0=x.copy(), **made_of)

    def work(done: int, count: int) -> float:
        start, part = _run.whole_groups(first_step + done, rates[done : done + count])
        steps_of = part, int(batch), rows, constants, word, start
        _run.in_threads(lambda r: kernel.run(x[r], times[r], particles[r], *steps_of), len(x))
        return 0.0

    _run.in_chunks(steps, work, progress, done=done, frames=frames, shown=(x, None), checkpoint=checkpoint)
    diverged = np.asarray(np.isnan(x).any(axis=1))
    x[diverged] = np.nan
    return ChainRun(x, diverged)


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
    checkpoint: Checkpoint | None = None,
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
    times = np.where(kernel.outside(x, values), 0.0, np.inf)
    particles = first_particle + np.arange(len(x))
    live, made_of = {"x": x, "times": times}, {"steps": steps, "lr": rates, "batch": batch, "data": rows}
    done = _run.resumed(checkpoint, live, kernel, constants, seed, x0=x.copy(), **made_of)

    def work(done: int, count: int) -> float:
        alive = np.flatnonzero(times == np.inf)
        y, t, ids = x[alive], times[alive], particles[alive]
        start, part = _run.whole_groups(done, rates[done : done + count])
        steps_of = part, int(batch), rows, constants, word, start
        _run.in_threads(lambda r: kernel.run(y[r], t[r], ids[r], *steps_of), len(y))
        x[alive], times[alive] = y, t
        return float(np.mean(times < np.inf))

    _run.in_chunks(steps, work, progress, done=done, checkpoint=checkpoint)
    diverged = np.asarray(np.isnan(x).any(axis=1))
    exited = np.isfinite(times) & ~diverged
    return Passage(np.where(np.isfinite(times), times, float(steps)), exited, diverged)


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
