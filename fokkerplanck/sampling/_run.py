"""What all engines share: checks of arguments, and runs in chunks that can be watched and interrupted."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.grid import is_whole
from fokkerplanck.sampling.checkpoint import Checkpoint
from fokkerplanck.sampling.emit import Kernel
from fokkerplanck.sampling.frames import Frames

Array = NDArray[np.float64]
Progress = Callable[[float], None] | None

GROUP = 4  # steps that kernels take at once, or a divisor of it: runs are made of whole groups
_TARGET = 0.2  # seconds a chunk: Ctrl-C and the progress bar wait no longer
_LEAVE = 0.1  # of the particles leave in a chunk: those that have left are advanced until its end
_FIRST = 64
_BLOCK = 256  # rows: a kernel's block of lanes


def in_chunks(
    steps: int,
    work: Callable[[int, int], float],
    progress: Progress,
    *,
    done: int = 0,
    frames: Frames | None = None,
    shown: tuple[Array, Array | None] | None = None,
    checkpoint: Checkpoint | None = None,
) -> None:
    """Call work(done, count) until all steps are done; it returns the fraction finished.

    The chunk sizes follow the clock and who has left, which no result depends on. Chunks end where there is a
    frame, which is `shown` the states, and the checkpoint notes every chunk; an interrupted run leaves it
    whole.
    """
    size, before = _FIRST, 0.0
    if frames and shown and not done:
        frames.note(0, *shown)
    try:
        while done < steps:
            count = min(size, steps - done)
            if frames:
                count = min(count, frames.every - done % frames.every)
            start = time.perf_counter()
            fraction = work(done, count)
            elapsed = time.perf_counter() - start
            done += count
            if frames and shown and done % frames.every == 0:
                frames.note(done // frames.every, *shown)
            if checkpoint is not None:
                checkpoint.note(done)
            if progress is not None:
                progress(max(fraction, done / steps))
            if fraction >= 1.0:
                break
            left, before = (fraction - before) / (1.0 - before), fraction
            size = next_size(count, elapsed, left)
    finally:
        if checkpoint is not None:
            checkpoint.write()


def next_size(size: int, elapsed: float, left: float = 0.0) -> int:
    """Steps of the next chunk, in whole groups, after one of `size` steps that took `elapsed` seconds and in
    which the share `left` of the particles came to an end."""
    factor = min(8.0, max(0.125, min(_TARGET / max(elapsed, 1e-9), _LEAVE / max(left, 1e-9))))
    return max(GROUP, int(size * factor) // GROUP * GROUP)


def resumed(
    checkpoint: Checkpoint | None,
    live: Mapping[str, NDArray[Any]],
    kernel: Kernel,
    constants: Array,
    seed: int,
    **made_of: Any,
) -> int:
    """Steps that a checkpoint has already done; its state is put into the live arrays."""
    if checkpoint is None:
        return 0
    return checkpoint.begin(live, seed=seed, formula=kernel.source, parameters=constants, **made_of)


def in_threads(work: Callable[[slice], Any], rows: int, block: int = _BLOCK) -> None:
    """Call work on all rows, each thread on a range of them; no result depends on where they are cut.

    Numba's own parallel loops compile three times as long, and a new formula is a new kernel.
    """
    blocks = -(-rows // block)
    threads = min(numba.get_num_threads(), blocks)
    if threads == 1:
        work(slice(0, rows))
        return
    ends = [blocks * k // threads * block for k in range(threads + 1)]
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(work, slice(*ends[k : k + 2])) for k in range(threads)]:
            done.result()


def whole_groups(first_step: int, *values: Array, again: int = 0) -> tuple[Any, ...]:
    """A step at which a group begins, and the values of steps from `first_step` on with zeros before and
    behind them, up to whole groups: steps of no length. Before all stand `again` more."""
    before = first_step % GROUP
    behind = -(again + before + len(values[0])) % GROUP
    return first_step - before, *(np.pad(v, (again + before, behind)) for v in values)


def start_points(x0: ArrayLike, d: int) -> Array:
    """Starting points as a fresh contiguous (n, d) array."""
    x = np.array(x0, dtype=np.float64, order="C")
    if x.ndim != 2 or x.shape[1] != d or x.shape[0] == 0:
        raise ValueError(f"x0 has the shape {x.shape}, expected (n, {d}): a row a particle")
    if not np.isfinite(x).all():
        raise ValueError("x0 holds nan or inf, expected finite numbers")
    return x


def per_step(name: str, value: ArrayLike, steps: int) -> Array:
    """A positive number, or one for each step, as a read-only view of length `steps`."""
    array = np.asarray(value, dtype=np.float64)
    if array.shape not in ((), (steps,)):
        raise ValueError(f"{name} has the shape {array.shape}, expected one number or {steps}, one a step")
    if not (np.isfinite(array).all() and (array > 0).all()):
        raise ValueError(f"{name} is {value!r}, expected positive finite numbers")
    return np.broadcast_to(array, (steps,))


def parameter_values(values: ArrayLike, names: tuple[Any, ...]) -> Array:
    """The parameters' values, one for each symbol of the program."""
    array = np.asarray(values, dtype=np.float64)
    if array.shape != (len(names),):
        raise ValueError(f"parameters have the shape {array.shape}, expected {len(names)}, for {names}")
    return array


def seed_word(seed: int) -> np.uint64:
    """The seed as Numba takes it."""
    if not 0 <= seed < 2**64:
        raise ValueError(f"seed is {seed}, expected an integer from 0 to 2**64 - 1")
    return np.uint64(seed)


def check_count(name: str, value: int, least: int = 1) -> int:
    """An integer that counts something."""
    if not is_whole(value, least):
        raise ValueError(f"{name} is {value!r}, expected an integer of at least {least}")
    return int(value)
