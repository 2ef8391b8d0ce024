"""Choose a grid: a box that holds what is asked about, and cells that answer it to a tolerance."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fokkerplanck.estimate import NotValidHere
from fokkerplanck.grid import Grid, Level, is_whole, pointwise
from fokkerplanck.operators.box import TURNS, Box, Build
from fokkerplanck.operators.extent import about, of_the_exit, of_the_law
from fokkerplanck.operators.resolution import ExitTime, Law, Limits, resolve

CUT = 1e-7  # mass that may lie beyond the ends where tails are fat; the status of a law tells of 1e-6
FIRST = {1: 64, 2: 48, 3: 24}  # cells an axis of the first grid whose errors are looked at
LEAST = 32  # cells an axis of the answer
LIMITS = {
    1: Limits(2**16, 2**16, 2**14),
    2: Limits(2**10, 2**20, 2**14),
    3: Limits(2**7, 2**21, 2**15),
}
APART = 4.0  # times as wide a box up to which given cells serve an exit and the law together


@dataclass(frozen=True)
class Question:
    """What a grid is for: the time to leave a ``region`` from ``x0``, or without one the stationary law.

    ``x0`` may then name some variables only, and is where the search for the law starts.
    """

    region: str | Callable[..., Any] | None
    x0: Mapping[str, float]
    constants: Mapping[str, float]

    def level(self, names: Sequence[str]) -> Level:
        """Positive inside the region; everywhere without one."""
        if self.region is None:
            return lambda points: np.ones(len(points))
        return pointwise(self.region, names, self.constants, region=True)


def choose(
    build: Build,
    names: Sequence[str],
    ranges: Mapping[str, Any],
    question: Question,
    rtol: float,
    cells: int | None,
) -> Grid:
    """Find the grid; see `fokkerplanck.Grid.auto`. Given `ranges` stay."""
    _check(names, ranges, question, rtol, cells)
    box, absorbing = _first_box(names, ranges, question)

    def finished(box: Box) -> Grid:
        if cells is not None:
            return box.grid(dict.fromkeys(names, cells))
        first = box.grid(dict.fromkeys(names, FIRST[box.ndim]))
        return refine(build, first, question, rtol, LIMITS[box.ndim], [LEAST] * box.ndim)

    if question.region is None and not absorbing:
        return _for_law(build, box, finished)
    near = of_the_exit(build, box, question.level(names), np.array([question.x0[n] for n in names]))
    if absorbing or not near.free:
        return finished(near)
    try:
        # The law as well where there is one and a grid can afford it: then one grid serves every question.
        both = near.joined(of_the_law(build, near, TURNS // 3))
        apart = any(both.width(n) > APART * near.width(n) for n in names)
        return finished(near if apart and cells is not None else both)
    except NotValidHere:
        return finished(near)


def refine(
    build: Build, grid: Grid, question: Question, rtol: float, limits: Limits, least: Sequence[int]
) -> Grid:
    """The box of a grid with as few cells as answer the question to a tolerance."""
    exits = question.region is not None or any("absorbing" in a.ends for a in grid.axes)
    answer = ExitTime(question.region, question.x0) if exits else Law()
    return resolve(build, grid, answer, rtol, limits, least)


def _for_law(build: Build, box: Box, finished: Callable[[Box], Grid]) -> Grid:
    """A grid for the stationary law; where fat tails cost most of the cells, a little more of them is cut."""
    whole = of_the_law(build, box)
    try:
        return finished(whole)
    except NotValidHere:
        cut = of_the_law(build, whole, beyond=CUT)
        if not any(cut.width(n) < 0.5 * whole.width(n) for n in whole.free):
            raise
        return finished(cut)


def _first_box(names: Sequence[str], ranges: Mapping[str, Any], question: Question) -> tuple[Box, bool]:
    """A box to start from, and whether an end of it absorbs."""
    start = np.array([float(question.x0.get(n, 0.0)) for n in names])
    guess = about(question.level(names), start, tuple(names))
    boundary = {n: r[2] if len(r) > 2 else "open" for n, r in ranges.items()}
    given = Grid(boundary=boundary, **{n: (*r[:2], 4) for n, r in ranges.items()}) if ranges else None
    known = {} if given is None else {a.name: (a.low, a.high) for a in given.axes}
    box = Box({n: known.get(n, guess[n]) for n in names}, boundary, tuple(n for n in names if n not in known))
    return box, given is not None and any("absorbing" in a.ends for a in given.axes)


def _check(
    names: Sequence[str], ranges: Mapping[str, Any], question: Question, rtol: float, cells: int | None
) -> None:
    known = ", ".join(names)
    if unknown := set(ranges) - set(names):
        raise ValueError(f"Grid.auto got ranges for {', '.join(sorted(unknown))}; the variables are {known}")
    for name, given in ranges.items():
        if not isinstance(given, tuple | list) or not 2 <= len(given) <= 3:
            raise ValueError(f"{name} is {given!r}: give (low, high), or (low, high, boundary)")
    if unknown := set(question.x0) - set(names):
        raise ValueError(f"x0 names {', '.join(sorted(unknown))}; the variables are {known}")
    if isinstance(rtol, bool | str) or not 0 < rtol < 1:
        raise ValueError(f"rtol is {rtol!r}: give a relative tolerance between 0 and 1, such as 1e-3")
    if cells is not None and not is_whole(cells, 4):
        raise ValueError(f"cells is {cells!r}: give a whole number of cells an axis, at least 4")
    absorbing = any("absorbing" in r[2:] or "absorbing" in (r[2:] or ("",))[0] for r in ranges.values())
    if question.region is None and not absorbing:
        return
    if missing := [n for n in names if n not in question.x0]:
        raise ValueError(f"x0 lacks {', '.join(missing)}: a mean exit time needs a start, such as x0={{...}}")
    start = np.array([[question.x0[n] for n in names]])
    if not question.level(names)(start)[0] > 0:
        raise ValueError(f"x0 = {dict(question.x0)} lies outside the region {question.region!r}; move it in")
