"""Errors against the converged answer, medians, and what an error costs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import Run

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Row:
    """Medians of the runs of one peer on one grid; errors in L1 for masses, relative for a time."""

    peer: str
    n: int
    version: str
    cpu: float
    wall: float
    first: float
    memory: float
    error: float
    refined: float  # error of what is extrapolated within one result; nan if nothing is
    failure: str


def rows(runs: Iterable[Run], truth: Array) -> list[Row]:
    """A row for every peer and grid of one problem."""
    groups: dict[tuple[str, int], list[Run]] = defaultdict(list)
    for run in runs:
        groups[run.peer, run.n].append(run)
    return [_row(group, truth) for group in groups.values()]


def converged(answers: Sequence[Array]) -> tuple[Array, float]:
    """Limit of a second-order scheme, each grid twice as fine as the one before, and how well it is known."""
    limits = [(4 * fine - coarse) / 3 for coarse, fine in pairwise(answers)]
    if len(limits) < 2:
        return (limits or [np.array([])])[0], np.nan
    # The limits are of fourth order themselves, so that the last is nearer by 16: 4 is on the safe side.
    return limits[-1], distance(limits[-2], limits[-1]) / 4


def distance(answer: Array, truth: Array) -> float:
    """In L1 for masses, which sum to one; relative for a time; nan if there is nothing to compare."""
    if not answer.size or answer.size != truth.size:
        return np.nan
    return float(np.abs(answer - truth).sum() / np.abs(truth).sum())


def cost(curve: Iterable[Row], error: float) -> tuple[str, float]:
    """CPU seconds to an error: between grids on a line in logarithms, beyond them ">" or "<" of the last."""
    points = sorted((row.error, row.cpu) for row in curve if row.error > 0)
    if not points or not error > 0:
        return "", np.nan
    errors, seconds = np.log(points).T
    sign = ">" if np.log(error) < errors[0] else "<" if np.log(error) > errors[-1] else ""
    return sign, float(np.exp(np.interp(np.log(error), errors, seconds)))


def _row(group: list[Run], truth: Array) -> Row:
    one = group[-1]
    return Row(
        one.peer,
        one.n,
        one.version,
        cpu=median(run.cpu for run in group),
        wall=median(run.wall for run in group),
        first=median(run.first for run in group),
        memory=median(run.memory for run in group),
        error=distance(np.array(one.answer), truth),
        refined=distance(np.array(one.refined), truth),
        failure=one.failure,
    )
