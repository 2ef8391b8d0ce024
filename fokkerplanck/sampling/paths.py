"""Ensembles of SDE paths, by any scheme: where they end, and when they first leave a region."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck.sampling import _run
from fokkerplanck.sampling.checkpoint import Checkpoint
from fokkerplanck.sampling.emit_path import path_kernel, path_passage_kernel
from fokkerplanck.sampling.frames import Frames
from fokkerplanck.sampling.program import PathProgram
from fokkerplanck.sampling.runs import Passage, PathRun
from fokkerplanck.sampling.schemes import DEFAULT, find


def run_paths(
    program: PathProgram,
    x0: ArrayLike,
    dt: ArrayLike,
    steps: int,
    parameters: ArrayLike,
    seed: int,
    first_step: int = 0,
    rates: ArrayLike | None = None,
    *,
    first_particle: int = 0,
    coarse0: ArrayLike | None = None,
    scheme: str = DEFAULT,
    progress: _run.Progress = None,
    frames: Frames | None = None,
    checkpoint: Checkpoint | None = None,
) -> PathRun:
    """Advance n paths by `steps` steps of a scheme, and beside each the same path at twice the step.

    Both runs share the Brownian increments: a step of the coarse one takes the sum of two.

    Parameters: ``x0`` (n, d); ``dt`` a number or (steps,), in time units; ``steps`` even; ``rates`` the
    learning rate of each step, for a program that holds it; ``first_step``, ``first_particle`` and
    ``coarse0``: continue a run, to the same bits as in one go; ``scheme``: one of `sampling.schemes`;
    ``frames``, every even number of steps, look at the run, ``checkpoint`` keeps it.

    >>> import sympy
    >>> x = sympy.Symbol("x", real=True)
    >>> run_paths(PathProgram((x,), (-x,), sympy.Matrix([[0]])), [[1.0]], 0.5, 2, [], seed=0).final
    array([[0.25]])
    """
    steps = _run.check_count("steps", steps)
    if steps % 2 or first_step % 2:
        raise ValueError(f"steps is {steps} from {first_step}, expected even numbers, for the coarse run")
    x = _run.start_points(x0, len(program.state))
    coarse = x.copy() if coarse0 is None else np.array(coarse0, dtype=np.float64, order="C")
    if coarse.shape != x.shape:
        raise ValueError(f"coarse0 has the shape {coarse.shape}, expected {x.shape}, that of x0")
    sizes = _run.per_step("dt", dt, steps)
    if program.scheduled != (rates is not None):
        raise ValueError("rates go with a program that holds the learning rate, and only with it")
    lr = sizes if rates is None else _run.per_step("rates", rates, steps)
    how = find(scheme)
    kernel, word = path_kernel(program, how), _run.seed_word(seed)
    constants = kernel.constants(_run.parameter_values(parameters, program.parameters))
    particles = first_particle + np.arange(len(x))
    live = {"x": x, "coarse": coarse} | ({} if frames is None else dict(frames.held))
    made_of = {"x0": x.copy(), "steps": steps, "dt": sizes, "lr": lr}
    done = _run.resumed(checkpoint, live, kernel, constants, seed, **made_of)
    # A scheme that needs the step before draws its numbers again, in steps of no length; its own come after.
    again = _run.GROUP if how.previous else 0

    def work(done: int, count: int) -> float:
        part = slice(done, done + count)
        start, h, rate = _run.whole_groups(first_step + done, sizes[part], lr[part], again=again)
        steps_of = h, rate, constants, word, start
        _run.in_threads(lambda r: kernel.run(x[r], coarse[r], particles[r], *steps_of), len(x))
        return 0.0

    _run.in_chunks(steps, work, progress, done=done, frames=frames, shown=(x, coarse), checkpoint=checkpoint)
    diverged = np.asarray(np.isnan(x).any(axis=1))
    x[diverged], coarse[diverged | np.isnan(coarse).any(axis=1)] = np.nan, np.nan
    return PathRun(x, coarse, diverged)


def first_passage_paths(
    program: PathProgram,
    x0: ArrayLike,
    dt: float,
    max_steps: int,
    parameters: ArrayLike,
    seed: int,
    *,
    first_particle: int = 0,
    merge: int = 1,
    scheme: str = DEFAULT,
    progress: _run.Progress = None,
    checkpoint: Checkpoint | None = None,
) -> Passage:
    """First times at which the program's level function is no longer positive, seen also between steps.

    Between two steps the level moves as a Brownian bridge: it has crossed with the probability
    ``exp(-l0 l1 / (grad l . D grad l dt))``, at a moment drawn from its law. What is left is the O(dt) of
    the scheme. ``merge=m`` takes steps of m*dt (and max_steps/m of them) on the noise of a run at dt: the
    difference of the two is the step bias, at a small variance. Start points outside have the time 0.

    >>> import sympy
    >>> x = sympy.Symbol("x", real=True)
    >>> program = PathProgram((x,), (sympy.Integer(1),), sympy.Matrix([[0]]), level=1 - x)
    >>> first_passage_paths(program, [[0.0]], 0.25, 10, [], seed=0).times
    array([1.])
    """
    x = _run.start_points(x0, len(program.state))
    merge = _run.check_count("merge", merge)
    steps = _run.check_count("max_steps", max_steps) // merge
    h = float(_run.per_step("dt", dt, 1)[0]) * merge
    kernel, word = path_passage_kernel(program, find(scheme), merge), _run.seed_word(seed)
    values = _run.parameter_values(parameters, program.parameters)
    constants = kernel.constants(values)
    times = np.where(kernel.outside(x, values), 0.0, np.inf)
    particles = first_particle + np.arange(len(x))
    made_of = {"x0": x.copy(), "steps": steps, "dt": h, "merge": merge}
    live = {"x": x, "times": times}
    done = _run.resumed(checkpoint, live, kernel, constants, seed, **made_of)

    def work(done: int, count: int) -> float:
        alive = np.flatnonzero(times == np.inf)
        y, t, ids = x[alive], times[alive], particles[alive]
        steps_of = h, count, steps, constants, word, done
        _run.in_threads(lambda r: kernel.run(y[r], t[r], ids[r], *steps_of), len(y))
        x[alive], times[alive] = y, t
        return float(np.mean(times < np.inf))

    whole = -(-steps // _run.GROUP) * _run.GROUP
    _run.in_chunks(whole, work, progress, done=done, checkpoint=checkpoint)
    diverged = np.asarray(np.isnan(x).any(axis=1))
    exited = np.isfinite(times) & ~diverged
    return Passage(np.where(np.isfinite(times), times, steps * h), exited, diverged)
