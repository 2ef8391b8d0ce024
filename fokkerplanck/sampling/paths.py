"""Ensembles of SDE paths by Euler-Maruyama: where they end, and when they first leave a region."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck.sampling import _run
from fokkerplanck.sampling.emit_path import path_kernel, path_passage_kernel
from fokkerplanck.sampling.program import PathProgram
from fokkerplanck.sampling.runs import Passage, PathRun


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
    progress: _run.Progress = None,
) -> PathRun:
    """Advance n paths by `steps` Euler-Maruyama steps, and beside each the same path at twice the step.

    ``X_{k+1} = X_k + b dt + sqrt(2 dt) L z`` with ``L L^T = D`` (Cholesky, singular D allowed). Weak order 1,
    strong order 1/2 (1 for constant D). Both runs share the Brownian increments. Maruyama (1955).

    Parameters: ``x0`` (n, d); ``dt`` a number or (steps,), in time units; ``steps`` even; ``rates`` the
    learning rate of each step, for a program that holds it; ``first_step``, ``first_particle`` and
    ``coarse0``: continue a run, to the same bits as in one go.

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
    kernel, word = path_kernel(program), _run.seed_word(seed)
    constants = kernel.constants(_run.parameter_values(parameters, program.parameters))
    particles = first_particle + np.arange(len(x))
    status = np.zeros(len(x), dtype=np.int8)

    def work(done: int, count: int) -> float:
        part = slice(done, done + count)
        h, rate = sizes[part].copy(), lr[part].copy()
        kernel.run(x, coarse, status, particles, h, rate, constants, word, first_step + done)
        return 0.0

    _run.in_chunks(steps, work, progress)
    return PathRun(x, coarse, status == 2)


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
    progress: _run.Progress = None,
) -> Passage:
    """First times at which the program's level function is no longer positive, seen also between steps.

    Between two steps the level moves as a Brownian bridge: it has crossed with the probability
    ``exp(-l0 l1 / (grad l . D grad l dt))``, at a moment drawn from its law. What is left is the O(dt) of
    Euler's method. ``merge=m`` takes steps of m*dt (and max_steps/m of them) on the noise of a run at dt: the
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
    kernel, word = path_passage_kernel(program), _run.seed_word(seed)
    values = _run.parameter_values(parameters, program.parameters)
    constants = kernel.constants(values)
    status = kernel.outside(x, values).astype(np.int8)
    times = np.where(status == 1, 0.0, steps * h)
    particles = first_particle + np.arange(len(x))

    def work(done: int, count: int) -> float:
        alive = np.flatnonzero(status == 0)
        y, s, t = x[alive], status[alive], times[alive]
        kernel.run(y, t, s, particles[alive], h, count, merge, constants, word, done)
        x[alive], status[alive], times[alive] = y, s, t
        return float(np.mean(status != 0))

    _run.in_chunks(steps, work, progress)
    return Passage(times, status == 1, status == 2)
