"""Looking at an ensemble while it runs: moments, time averages and histograms, without storing paths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.grid import Grid, is_whole, pointwise
from fokkerplanck.results import History
from fokkerplanck.sampling import Frames

Array = NDArray[np.float64]

BLOCKS = 16  # of replicas, whose histograms are kept apart


@dataclass(frozen=True)
class Record:
    """What to note of an ensemble while it runs.

    Parameters
    ----------
    every : float
        Steps (chains) or time (paths) from one look to the next.
    observables : tuple of formula, optional
        Formulas in the coordinates whose means are noted; by default the coordinates.
    grid : Grid, optional
        Where to count visits.
    after : float
        Steps or time to wait before time averages and counting begin.
    states : int
        Replicas whose states are kept at every look.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> loss = fp.Loss("x**2/2 - s*x", ("x",), {"s": fp.Normal(0, 1)})
    >>> record = fp.Record(every=10, observables=("x**2",), after=100)
    >>> run = fp.SGD(loss, lr=0.1).simulate(n=400, steps=500, x0=(0,), rng=0, record=record)
    >>> abs(run.history.average("x**2").value - 0.1 / (2 - 0.1)) < 0.003
    True
    """

    every: float
    observables: tuple[str, ...] = ()
    grid: Grid | None = None
    after: float = 0.0
    states: int = 8

    def __post_init__(self) -> None:
        if not 0 < self.every < np.inf:
            raise ValueError(f"every is {self.every!r}: give steps (chains) or a time (paths) > 0")
        if not 0 <= self.after < np.inf:
            raise ValueError(f"after is {self.after!r}: give steps (chains) or a time (paths), at least 0")
        if not is_whole(self.states, 0):
            raise ValueError(f"states is {self.states!r}: give a whole number of replicas, at least 0")
        given = self.observables
        object.__setattr__(self, "observables", (given,) if isinstance(given, str) else tuple(given))


class Recorder:
    """Notes what a `Record` asks for in arrays that a checkpoint can keep.

    Parameters
    ----------
    record : Record
    names : sequence of str
        The coordinates.
    constants : mapping
        Numbers that formulas may use.
    n : int
        Number of replicas.
    times : (steps + 1,)
        Times of the start and of every step.
    every : int
        Steps from one look to the next.
    unit : str
    order : int
        Weak order of the paths: what twice the step adds is 2**order times as much.
    """

    def __init__(
        self,
        record: Record,
        names: Sequence[str],
        constants: Mapping[str, float],
        n: int,
        times: Array,
        every: int,
        unit: str,
        order: int = 1,
    ):
        if not 0 < every < len(times):
            raise ValueError(f"every is {record.every:g}, but the run ends after {times[-1]:g} {unit}")
        self._names, self._constants, self._unit, self._grid = tuple(names), constants, unit, record.grid
        self._times = times[::every]
        if record.after > self._times[-1]:
            raise ValueError(f"after is {record.after:g}, but the last look is at {self._times[-1]:g} {unit}")
        self._after, self._gain = record.after, 2.0**order - 1.0
        self._observables = record.observables or self._names
        self._functions = [pointwise(f, self._names, constants) for f in self._observables]
        k, m = len(self._times), len(self._observables)
        kept = min(record.states, n)
        self._blocks = np.arange(n) * BLOCKS // n
        cells = 0 if record.grid is None else record.grid.size
        self._held = {
            "means": np.full((k, m), np.nan),
            "errors": np.full((k, m), np.nan),
            "biases": np.zeros((k, m)),
            "states": np.full((k, kept, len(names)), np.nan),
            "diverged": np.zeros(k, np.int64),
            "sums": np.zeros((n, m)),
            "excess": np.zeros(m),
            "counts": np.zeros((BLOCKS, cells)),
            "visits": np.zeros(1),
        }
        if record.grid is not None and not set(record.grid.names) <= set(names):
            raise ValueError(f"the grid has axes {record.grid.names}, the variables are {self._names}")
        self.frames = Frames(every, self._note, self._held)

    def history(self, method: str) -> History:
        """What was noted."""
        held, looks = self._held, max(int((self._times >= self._after).sum()), 1)
        shape = () if self._grid is None else self._grid.shape
        return History(
            self._names,
            self._times,
            self._unit,
            self._observables,
            held["means"],
            held["errors"],
            held["biases"],
            held["sums"] / looks,
            held["excess"] / looks,
            self._after,
            held["states"],
            held["diverged"],
            self._grid,
            None if self._grid is None else held["counts"].reshape(BLOCKS, *shape),
            float(held["visits"][0]),
            method,
            self._constants,
        )

    def _note(self, frame: int, x: Array, coarse: Array | None) -> None:
        held, alive = self._held, np.asarray(np.isfinite(x).all(axis=1))
        counted = self._times[frame] >= self._after
        held["diverged"][frame] = len(x) - alive.sum()
        held["states"][frame] = x[: held["states"].shape[1]]
        root = np.sqrt(max(alive.sum(), 1))
        for j, f in enumerate(self._functions):
            values = np.full(len(x), np.nan)
            values[alive] = f(x[alive])
            held["means"][frame, j] = values[alive].mean() if alive.any() else np.nan
            held["errors"][frame, j] = values[alive].std(ddof=1) / root if alive.sum() > 1 else np.nan
            # nan where a coarse run is lost: then the step bias is unknown
            bias = 0.0 if coarse is None else float((values[alive] - f(coarse[alive])).mean()) / self._gain
            held["biases"][frame, j] = bias
            if counted:
                held["sums"][:, j] += values
                held["excess"][j] += bias
        if counted and self._grid is not None:
            self._count(self._grid, x, alive)

    def _count(self, grid: Grid, x: Array, alive: NDArray[np.bool_]) -> None:
        points = grid.wrap(x[alive][:, [self._names.index(n) for n in grid.names]])
        cell, inside = np.zeros(len(points), np.int64), np.ones(len(points), bool)
        for j, axis in enumerate(grid.axes):
            k = np.floor((points[:, j] - axis.low) / axis.spacing).astype(np.int64)
            inside &= (k >= 0) & (k < axis.cells)
            cell = cell * axis.cells + np.clip(k, 0, axis.cells - 1)
        number = (self._blocks[alive] * grid.size + cell)[inside]
        counts = self._held["counts"]
        counts += np.bincount(number, minlength=counts.size).reshape(counts.shape)
        self._held["visits"] += len(points)
