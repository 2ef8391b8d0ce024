"""Ensembles of the discrete chain of an SGD: for a number of steps, or until they leave a region."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck import sampling
from fokkerplanck.grid import is_whole
from fokkerplanck.recording import Record, Recorder
from fokkerplanck.results import Ensemble
from fokkerplanck.sampling.seeds import seed_of
from fokkerplanck.stepping import starting_points

if TYPE_CHECKING:
    from fokkerplanck.sgd import SGD

Array = NDArray[np.float64]


def simulate(
    sgd: SGD,
    n: int,
    steps: int,
    x0: Any,
    rng: Any,
    first_step: int,
    progress: Any,
    buffer: Any,
    batches: Any,
    record: Record | None,
    checkpoint: str | Path | None,
) -> Ensemble:
    """States after a number of steps; see `SGD.simulate` for the arguments."""
    start = starting_points(x0, n, sgd.names)
    check_steps(steps=steps)
    check_steps(first_step=first_step, least=0)
    kept = None if checkpoint is None else sampling.Checkpoint(checkpoint)
    seed, loss, recorder = seed_of(rng, kept), sgd.loss, None
    if batches is not None and loss.data is None:
        raise ValueError(
            "batches are rows of a data set, and this loss has none: give it Data, or leave it out"
        )
    if record is not None:
        check_steps(every=record.every)
        times = np.arange(first_step, first_step + steps + 1, dtype=float)
        recorder = Recorder(record, sgd.names, loss.constants, n, times, int(record.every), "steps")
    run = sampling.run_chain(
        sgd.chain_program(given=batches is not None),
        start,
        sgd.schedule.rates(steps, first_step),
        sgd.batch,
        steps,
        sgd.chain_parameters,
        seed,
        first_step,
        loss.data,
        buffer=_buffer(sgd, buffer, n),
        batches=batches,
        progress=progress,
        frames=None if recorder is None else recorder.frames,
        checkpoint=kept,
    )
    return Ensemble(
        sgd.names,
        run.final,
        run.diverged,
        None,
        "SGD chains",
        float(steps),
        "steps",
        seed,
        loss.constants,
        history=None if recorder is None else recorder.history("SGD chains"),
        buffer=run.buffer,
    )


def first_passage(
    sgd: SGD,
    region: str,
    n: int,
    x0: Any,
    max_steps: int,
    rng: Any,
    progress: Any,
    checkpoint: str | Path | None,
) -> sampling.Passage:
    """Steps until each chain has left; see `SGD.first_passage`."""
    check_steps(max_steps=max_steps)
    kept = None if checkpoint is None else sampling.Checkpoint(checkpoint)
    return sampling.first_passage_chain(
        sgd.chain_program(region),
        starting_points(x0, n, sgd.names),
        sgd.lr,
        sgd.batch,
        max_steps,
        sgd.chain_parameters,
        seed_of(rng, kept),
        sgd.loss.data,
        progress=progress,
        checkpoint=kept,
    )


def check_steps(least: int = 1, **counts: Any) -> None:
    """Refuse a number of steps that is not whole."""
    for name, value in counts.items():
        if not is_whole(value, least):
            raise ValueError(f"{name} is {value!r}: a chain moves in whole steps; give at least {least}")


def _buffer(sgd: SGD, buffer: Any, n: int) -> Array | None:
    """The momentum's buffer a replica, (n, d), from one for all or one each; None starts from 0."""
    if buffer is None:
        return None
    if not sgd.momentum:
        raise ValueError(
            "buffer is that of the momentum, and this SGD has none: leave it out, or give momentum="
        )
    d = len(sgd.names)
    values = np.asarray(buffer, dtype=float)
    if values.shape not in ((d,), (n, d)):
        raise ValueError(
            f"buffer has the shape {values.shape}: give {(d,)}, one for all, or {(n, d)}, such as run.buffer"
        )
    return np.array(np.broadcast_to(values, (n, d)))


__all__ = ["check_steps", "first_passage", "simulate"]
