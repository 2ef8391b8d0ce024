"""Time steps found by trying: short runs of few paths, made finer until they say that the step is short."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fokkerplanck.sampling.paths import first_passage_paths, run_paths
from fokkerplanck.sampling.program import PathProgram
from fokkerplanck.sampling.runs import Array
from fokkerplanck.sampling.schemes import DEFAULT

PILOTS = 64  # paths of a trial run
TRIALS = 12
LEAST = 50  # steps of a mean first passage: two runs at far too long a step may agree by chance
SHARE = 0.03  # step bias of a mean first passage, as a part of the mean, that extrapolation may remove
BUDGET = 50_000_000  # particle-steps of a trial: what diverges in earnest does so at any step
FINER = 8.0


def settle(
    program: PathProgram,
    x0: Array,
    t: float,
    step: float,
    parameters: Array,
    seed: int,
    natural: Callable[[Array], float],
    scheme: str = DEFAULT,
) -> float:
    """Step for paths to t: no longer than `natural` (points to a step) says where a trial run has come to.

    The start alone says nothing about the rest of space: -x**3 has no slope at 0.
    """
    first = step
    few = np.resize(x0[:PILOTS], (PILOTS, x0.shape[1]))
    for _ in range(TRIALS):
        if PILOTS * t / step > BUDGET:
            return first
        steps = max(2, 2 * int(np.ceil(t / step / 2)))
        run = run_paths(program, few, t / steps, steps, parameters, seed, scheme=scheme)
        lost = run.diverged.any() or not np.isfinite(run.coarse).all()
        wanted = 0.0 if lost else natural(run.final)
        if wanted >= 0.7 * step:
            break
        step = max(wanted, step / FINER)  # at too long a step the states lie too far out
    return step


def settle_passage(
    program: PathProgram,
    x0: Array,
    max_time: float,
    step: float,
    parameters: Array,
    seed: int,
    scheme: str = DEFAULT,
) -> float:
    """Step for first passages: so short that twice the step moves their mean little, or not visibly."""
    first = step
    few = x0[: max(PILOTS, len(x0) // 8)]
    for _ in range(TRIALS):
        steps = 2 * int(np.ceil(max_time / step / 2))
        fine, coarse = (
            first_passage_paths(program, few, step, steps, parameters, seed, merge=m, scheme=scheme)
            for m in (1, 2)
        )
        bias = fine.times - coarse.times
        mean = float(fine.times.mean())
        allowed = max(SHARE * mean, 2 * float(bias.std()) / np.sqrt(len(few)))
        lost = fine.diverged.any() or coarse.diverged.any()
        if not lost and LEAST * step <= mean and abs(float(bias.mean())) <= allowed:
            break
        if len(few) * mean / step * FINER > BUDGET:
            return first if lost else step
        step /= FINER
    return step


__all__ = ["settle", "settle_passage"]
