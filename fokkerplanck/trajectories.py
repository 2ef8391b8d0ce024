"""Paths of an SDE by any scheme: to a time, or until they leave a region."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck import sampling, stepping
from fokkerplanck.recording import Record, Recorder
from fokkerplanck.results import Ensemble
from fokkerplanck.sampling import schemes
from fokkerplanck.sampling.seeds import seed_of
from fokkerplanck.stepping import starting_points

if TYPE_CHECKING:
    from fokkerplanck.sde import SDE

Array = NDArray[np.float64]


def simulate(
    sde: SDE,
    n: int,
    t: float,
    x0: Any,
    rng: Any,
    dt: float | None,
    progress: Any,
    scheme: str,
    record: Record | None,
    checkpoint: str | Path | None,
) -> Ensemble:
    """States at time t, with a coupled run at twice the step; see `SDE.simulate` for the arguments."""
    how, program = _advanced(sde, scheme)
    start = starting_points(x0, n, sde.names)
    stepping.check_time("t", t)
    stepping.check_step(sde.schedule, dt)
    stepping.check_noise(sde, start)
    kept = None if checkpoint is None else sampling.Checkpoint(checkpoint)
    seed, values = seed_of(rng, kept), sde.parameter_values
    if dt is None and sde.schedule is None:

        def resolving(points: Array) -> float:
            return stepping.resolving(sde.schedule, float(stepping.speed(sde, points).mean()), t)

        dt = sampling.settle(program, start, t, sde.step_length(start, t), values, seed, resolving, scheme)
    steps, rates = stepping.time_steps(sde, start, t, dt)
    method = "SDE paths" if scheme == schemes.DEFAULT else f"SDE paths ({scheme})"
    order, recorder = how.weak_order(program), None
    if record is not None:
        # Every so many pairs of steps, for the coarse twin; of a schedule's steps every look takes as many.
        every = 2 * max(1, round(record.every / float(steps.mean()) / 2))
        times = np.concatenate([[0.0], np.cumsum(steps)])
        recorder = Recorder(record, sde.names, sde.constants, n, times, every, "time", order)
    run = sampling.run_paths(
        program,
        start,
        steps,
        len(steps),
        values,
        seed,
        rates=rates,
        scheme=scheme,
        progress=progress,
        frames=None if recorder is None else recorder.frames,
        checkpoint=kept,
    )
    facts = method, float(t), "time", seed, sde.constants, order
    history = None if recorder is None else recorder.history(method)
    return Ensemble(sde.names, run.final, run.diverged, run.coarse, *facts, history)


def first_passage(
    sde: SDE,
    region: str,
    n: int,
    x0: Any,
    max_time: float,
    rng: Any,
    dt: float | None,
    progress: Any,
    scheme: str,
    checkpoint: str | Path | None,
) -> sampling.Passage:
    """Times of first exit, with those at twice the step; see `SDE.first_passage` for the arguments."""
    stepping.check_constant("a mean exit time", sde.schedule)
    schemes.check_crossing(schemes.find(scheme))
    _, program = _advanced(sde, scheme, region)
    start = starting_points(x0, n, sde.names)
    stepping.check_time("max_time", max_time)
    stepping.check_step(sde.schedule, dt)
    stepping.check_noise(sde, start)
    kept = _two_files(checkpoint)
    seed, values = seed_of(rng, kept[1]), sde.parameter_values
    step = sde.step_length(start, max_time) if dt is None else float(dt)
    if dt is None and sde.schedule is None:
        step = sampling.settle_passage(program, start, max_time, step, values, seed, scheme)
    steps = 2 * int(np.ceil(max_time / step / 2))

    def run(merge: int, done: float, share: float) -> sampling.Passage:
        report = None if progress is None else lambda part: progress(done + share * part)
        return sampling.first_passage_paths(
            program,
            start,
            step,
            steps,
            values,
            seed,
            merge=merge,
            scheme=scheme,
            progress=report,
            checkpoint=kept[merge],
        )

    fine = run(1, 0.0, 0.5)
    return replace(fine, coarse=run(2, 0.5, 0.5))


def _two_files(checkpoint: str | Path | None) -> dict[int, sampling.Checkpoint | None]:
    """Of the run at the step and, beside it, of that at twice the step."""
    if checkpoint is None:
        return {1: None, 2: None}
    path = Path(checkpoint)
    twice = path.with_name(f"{path.stem}.coarse{path.suffix}")
    return {1: sampling.Checkpoint(path), 2: sampling.Checkpoint(twice)}


def _advanced(
    sde: SDE, scheme: str, region: str | None = None
) -> tuple[schemes.Scheme, sampling.PathProgram]:
    """The scheme, and the program that it advances; a ValueError if it cannot."""
    how, program = schemes.find(scheme), sde.path_program(region)
    if scheme != schemes.DEFAULT:  # that asks nothing of the formulas: compiled once for all parameters
        program = program.where_zero(sde.parameter_values)
    how.check(program)
    return how, program
