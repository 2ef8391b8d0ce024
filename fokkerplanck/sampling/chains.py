"""Ensembles of discrete SGD chains: where they end, and when they first leave a region."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.sampling import _run
from fokkerplanck.sampling.checkpoint import Checkpoint
from fokkerplanck.sampling.emit import Kernel
from fokkerplanck.sampling.emit_chain import chain_kernel
from fokkerplanck.sampling.emit_compiled import compiled_kernel
from fokkerplanck.sampling.frames import Frames
from fokkerplanck.sampling.program import ChainProgram, CompiledProgram
from fokkerplanck.sampling.runs import Array, ChainRun, Passage

Program = ChainProgram | CompiledProgram

_MOST_DRAWS = 2**20  # of one step: what the counters have room for


def run_chain(
    program: Program,
    x0: ArrayLike,
    lr: ArrayLike,
    batch: int,
    steps: int,
    parameters: ArrayLike,
    seed: int,
    first_step: int = 0,
    data: ArrayLike | None = None,
    *,
    buffer: ArrayLike | None = None,
    batches: NDArray[Any] | None = None,
    first_particle: int = 0,
    progress: _run.Progress = None,
    frames: Frames | None = None,
    checkpoint: Checkpoint | None = None,
) -> ChainRun:
    """Advance n chains by steps ``x <- x - lr * g``, g the mean gradient of a mini-batch of `batch` samples.

    Parameters: ``x0`` (n, d); ``lr`` a number or (steps,); ``data`` (rows, columns) for a program with a data
    draw; ``first_step``, ``first_particle`` and for a program with momentum ``buffer`` (n, d) continue a run,
    to the same bits as in one go; ``batches`` (steps, batch) or (n, steps, batch) for ``sampling="given"``;
    ``frames`` look at the run, ``checkpoint`` keeps it.

    >>> import sympy
    >>> from fokkerplanck.sampling import Draw
    >>> x, s = sympy.symbols("x s", real=True)
    >>> program = ChainProgram((x,), (x - s,), (Draw((s,), "data"),), affine=True)
    >>> run_chain(program, [[1.0]], 0.5, 4, 2, [], seed=0, data=[[0.0], [0.0]]).final
    array([[0.25]])
    """
    program = replace(program, level=None)
    steps = _run.check_count("steps", steps)
    x = _with_buffer(program, _run.start_points(x0, len(program.state)), buffer)
    rates, rows = _run.per_step("lr", lr, steps), _check_batch(program, batch, data)
    table = _table(program, batches, len(x), steps, batch, len(rows))
    kernel, word = _kernel(program), _run.seed_word(seed)
    constants = kernel.constants(_run.parameter_values(parameters, program.parameters))
    particles = first_particle + np.arange(len(x))
    times, made_of = np.full(len(x), np.inf), {"steps": steps, "lr": rates, "batch": batch, "data": rows}
    made_of |= {} if table is None else {"batches": table}
    live = {"x": x} | ({} if frames is None else dict(frames.held))
    done = _run.resumed(checkpoint, live, kernel, constants, seed, x0=x.copy(), **made_of)

    def work(done: int, count: int) -> float:
        start, part = _run.whole_groups(first_step + done, rates[done : done + count])
        steps_of = part, int(batch), rows, constants, word, start

        def given(r: slice) -> tuple[Any, ...]:
            return () if table is None else (table[r] if len(table) > 1 else table, start - first_step)

        _run.in_threads(
            lambda r: kernel.run(x[r], times[r], particles[r], *steps_of, *given(r)), len(x), kernel.block
        )
        return 0.0

    shown = x[:, : len(program.state)], None
    _run.in_chunks(steps, work, progress, done=done, frames=frames, shown=shown, checkpoint=checkpoint)
    final, buffer = _parted(program, x)
    diverged = np.asarray(np.isnan(final).any(axis=1))
    final[diverged] = np.nan
    return ChainRun(final, diverged, buffer)


def first_passage_chain(
    program: Program,
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
    start = _run.start_points(x0, len(program.state))
    x = _with_buffer(program, start, None)
    steps = _run.check_count("max_steps", max_steps)
    rates, rows = _run.per_step("lr", float(lr), steps), _check_batch(program, batch, data)
    kernel, word = _kernel(program), _run.seed_word(seed)
    values = _run.parameter_values(parameters, program.parameters)
    constants = kernel.constants(values)
    times = np.where(kernel.outside(start, values), 0.0, np.inf)
    particles = first_particle + np.arange(len(x))
    live, made_of = {"x": x, "times": times}, {"steps": steps, "lr": rates, "batch": batch, "data": rows}
    done = _run.resumed(checkpoint, live, kernel, constants, seed, x0=x.copy(), **made_of)

    def work(done: int, count: int) -> float:
        alive = np.flatnonzero(times == np.inf)
        y, t, ids = x[alive], times[alive], particles[alive]
        first, part = _run.whole_groups(done, rates[done : done + count])
        steps_of = part, int(batch), rows, constants, word, first
        _run.in_threads(lambda r: kernel.run(y[r], t[r], ids[r], *steps_of), len(y), kernel.block)
        x[alive], times[alive] = y, t
        return float(np.mean(times < np.inf))

    _run.in_chunks(steps, work, progress, done=done, checkpoint=checkpoint)
    diverged = np.asarray(np.isnan(_parted(program, x)[0]).any(axis=1))
    exited = np.isfinite(times) & ~diverged
    return Passage(np.where(np.isfinite(times), times, float(steps)), exited, diverged)


def _kernel(program: Program) -> Kernel:
    return compiled_kernel(program) if isinstance(program, CompiledProgram) else chain_kernel(program)


def _check_batch(program: Program, batch: int, data: ArrayLike | None) -> Array:
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
    if program.sampling in ("without-replacement", "epoch") and batch > len(rows):
        raise ValueError(f"batch is {batch}, expected at most {len(rows)}, the rows of the data set")
    return rows


def _with_buffer(program: Program, x: Array, buffer: ArrayLike | None) -> Array:
    """What the kernel carries: the points (n, d), with momentum (n, 2d), its buffer behind them."""
    if program.momentum is None:
        if buffer is not None:
            raise ValueError("buffer is that of a momentum, and these chains have none: leave it out")
        return x
    behind = np.zeros_like(x) if buffer is None else np.asarray(buffer, dtype=np.float64)
    if behind.shape != x.shape or not np.isfinite(behind).all():
        raise ValueError(f"buffer has the shape {behind.shape}, expected {x.shape}, all finite")
    return np.concatenate([x, behind], axis=1)


def _parted(program: Program, x: Array) -> tuple[Array, Array | None]:
    """Points, and the buffer of the momentum if there is one."""
    if program.momentum is None:
        return x, None
    points, buffer = (np.ascontiguousarray(half) for half in np.split(x, 2, axis=1))
    return points, buffer


def _table(
    program: Program, given: NDArray[Any] | None, n: int, steps: int, batch: int, rows: int
) -> NDArray[np.int64] | None:
    """Given mini-batches as (n or 1, steps, batch) rows of the data."""
    if (program.sampling == "given") != (given is not None):
        raise ValueError('batches go with sampling "given", and only with it')
    return None if given is None else check_batches(given, n, steps, batch, rows)


def check_batches(given: NDArray[Any], n: int, steps: int, batch: int, rows: int) -> NDArray[np.int64]:
    """Mini-batches as (n or 1, steps, batch), or why they are none."""
    table = np.asarray(given)
    if table.dtype.kind not in "iu":
        raise ValueError(f"batches hold {table.dtype} values, expected whole numbers: rows of the data set")
    if table.shape not in ((steps, batch), (n, steps, batch)):
        raise ValueError(
            f"batches have the shape {table.shape}, expected {(steps, batch)}, a row of indices a step, or "
            f"{(n, steps, batch)}, such a table a replica"
        )
    if table.min() < 0 or table.max() >= rows:
        raise ValueError(
            f"batches hold the rows {table.min()} to {table.max()}, expected 0 to {rows - 1}: the data set "
            f"has {rows} rows"
        )
    return np.ascontiguousarray(table.reshape(-1, steps, batch), dtype=np.int64)
