"""Cells an axis that meet a tolerance, predicted from small grids by the order of the scheme."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.estimate import Estimate, NotValidHere
from fokkerplanck.grid import Grid
from fokkerplanck.operators.box import Build
from fokkerplanck.operators.markov import MarkovOperator
from fokkerplanck.results import Density

Array = NDArray[np.float64]

FAR = 1.6  # a prediction is trusted up to so many times the cells an axis of the grid it was made on
SETTLINGS, MOST_AT_ONCE = 5, 1.5  # times that a grid is refined once more, and by how much at most
SAFETY = 0.5  # share of the tolerance aimed at: the edge of a region lies elsewhere in its cell on every grid


@dataclass(frozen=True)
class Limits:
    """Cells that a grid may have: an axis, in all, and in all where it is only tried."""

    an_axis: int
    total: int
    tried: int


class Answer(Protocol):
    """What is asked of an operator, and how far two answers are apart."""

    def measured(self, op: MarkovOperator) -> Any:
        """The answer on one grid, as it is: not extrapolated."""

    def error(self, fine: Any, coarse: Any, order: int, axis: int) -> float:
        """Relative error of the fine answer, quoted from one on half the cells along an axis."""

    def quoted(self, op: MarkovOperator) -> float:
        """Relative error that the answer itself quotes, from all its grids; 0 if that is not looked at."""


def resolve(
    build: Build, grid: Grid, answer: Answer, rtol: float, limits: Limits, least: Sequence[int]
) -> Grid:
    """The same box with the fewest cells on which the error of an answer is `rtol`.

    Starts from the cells of `grid`, and never goes below `least` an axis. Each axis is coarsened by itself,
    which tells its share of the error; with errors :math:`c_k h_k^2` the product of the numbers of cells is
    smallest where all axes contribute the same.

    Raises
    ------
    NotValidHere
        If that takes more cells than the limits; the sentence says what is reached within them.
    """
    d, floor = grid.ndim, np.array(least, dtype=float)
    shape = np.array(grid.shape, dtype=float)
    while True:
        grid = _with_cells(grid, shape)
        try:
            op = build(grid)
            fine = answer.measured(op)
            twins = [answer.measured(build(_halved(grid, k))) for k in range(d)]
        except ValueError:  # cells so wide that a region falls between their centres, or a tail is lost
            if 2**d * grid.size > limits.tried:
                raise
            shape = 2 * shape
            continue
        errors = np.array([answer.error(fine, twin, op.order, k) for k, twin in enumerate(twins)])
        order = min(max(op.order, 1), 3)
        wanted = _wanted(np.array(grid.shape), errors, floor, SAFETY * rtol, order)
        if (wanted <= FAR * shape).all():
            break
        larger = np.clip(wanted, 0.5 * shape, 4 * shape)
        larger *= min(1.0, (limits.tried / larger.prod()) ** (1 / d))
        if larger.prod() < 1.2**d * shape.prod():
            break
        shape = np.maximum(larger, floor)
    excess = max((wanted / limits.an_axis).max(), (wanted.prod() / limits.total) ** (1 / d))
    if excess > 1.0:
        asked = " x ".join(f"{c:.0f}" for c in wanted)
        raise NotValidHere(
            f"rtol = {rtol:g} asks for about {asked} cells, more than a grid of {d} axes may have here "
            f"({limits.an_axis} an axis, {limits.total} in all): about {rtol * excess**order:.1g} is within "
            "reach. Ask for that, or give cells= or a smaller box"
        )
    return _settled(build, _with_cells(grid, wanted), answer, rtol, limits)


def _settled(build: Build, grid: Grid, answer: Answer, rtol: float, limits: Limits) -> Grid:
    """Refine until the answer itself quotes the tolerance: its coarsest grid may not resolve a region."""
    for _ in range(SETTLINGS):
        op = build(grid)
        excess = answer.quoted(op) / rtol
        if not excess > 1.0:
            break
        growth = min(excess ** (1 / min(max(op.order, 1), 3)), MOST_AT_ONCE)
        finer = _with_cells(grid, growth * np.array(grid.shape))
        if max(finer.shape) > limits.an_axis or finer.size > limits.total:
            break
        grid = finer
    return grid


def _wanted(shape: Array, errors: Array, floor: Array, tolerance: float, order: int) -> Array:
    """Cells an axis at which the errors of all axes are equal and sum up to the tolerance.

    What an axis that is at its floor does not need goes to the others.
    """
    free = np.ones(len(shape), dtype=bool)
    wanted = floor
    while free.any():
        spent = float((errors * (shape / floor) ** order)[~free].sum())
        share = max(tolerance - spent, 0.1 * tolerance) / free.sum()
        wanted = np.where(free, shape * np.maximum(errors / share, 1e-9) ** (1 / order), floor)
        if not (free & (wanted < floor)).any():
            break
        free &= wanted >= floor
    return np.maximum(wanted, floor)


@dataclass(frozen=True)
class ExitTime:
    """The mean time to leave a region from a point."""

    region: Any
    x0: Mapping[str, float]

    def measured(self, op: MarkovOperator) -> float:
        """The time, from this grid alone."""
        field = op.exit_time(self.region)
        return replace(field, coarse=None, shadow=None).at(**self.x0).value

    def quoted(self, op: MarkovOperator) -> float:
        """From the grid, its twin and the twin of that."""
        time = op.exit_time(self.region).at(**self.x0)
        return time.disc / abs(time.value)

    def error(self, fine: float, coarse: float, order: int, axis: int) -> float:
        """Relative."""
        return _quoted(fine, coarse, order, positive=True) / abs(fine)


@dataclass(frozen=True)
class Law:
    """The stationary law."""

    def measured(self, op: MarkovOperator) -> Density:
        """The density on this grid alone."""
        return replace(op.stationary(), coarse=None)

    def quoted(self, op: MarkovOperator) -> float:
        """Not looked at: a law is there to be asked for many things."""
        return 0.0

    def error(self, fine: Density, coarse: Density, order: int, axis: int) -> float:
        """The largest of those in L1, and of the means and variances in units of the variances."""
        pairs = np.moveaxis(fine.values, axis, 0)
        pooled = np.moveaxis(0.5 * (pairs[::2] + pairs[1::2]), 0, axis)
        moved = float(np.abs(pooled - coarse.values).sum()) * coarse.grid.cell_volume
        errors = [_quoted(moved, 0.0, order)]
        for name in fine.grid.names:
            (mean, variance), (mean_twin, variance_twin) = _moments(fine, name), _moments(coarse, name)
            errors.append(_quoted(mean, mean_twin, order) / math.sqrt(variance))
            errors.append(_quoted(variance, variance_twin, order) / variance)
        return max(errors)


def _moments(density: Density, name: str) -> tuple[float, float]:
    marginal = density.marginal(name)
    x, m = marginal.grid[name].centres, marginal.masses
    mean = float(x @ m)
    return mean, float((x - mean) ** 2 @ m)


def _quoted(fine: float, coarse: float, order: int, positive: bool = False) -> float:
    return Estimate.from_refinement(fine, coarse, order, 2.0, positive).disc


def _with_cells(grid: Grid, shape: Array) -> Grid:
    """Whole numbers of cells that can be halved twice."""
    counts = (4 * math.ceil(c / 4 - 1e-9) for c in shape)
    return Grid.from_axes(replace(a, cells=c) for a, c in zip(grid.axes, counts, strict=True))


def _halved(grid: Grid, k: int) -> Grid:
    axes = list(grid.axes)
    axes[k] = replace(axes[k], cells=axes[k].cells // 2)
    return Grid.from_axes(axes)
