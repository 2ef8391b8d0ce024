"""Grids for the transition operator of a chain: cells that resolve its step, in a box that holds its law."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.grid import Axis, Grid
from fokkerplanck.operators.auto import Question, refine
from fokkerplanck.operators.resolution import Limits
from fokkerplanck.operators.transition import moments
from fokkerplanck.step_law import step_law
from fokkerplanck.stepping import named_point

if TYPE_CHECKING:
    from fokkerplanck.sgd import SGD

Array = NDArray[np.float64]

PILOT = 64  # cells an axis of the grid on which the noise of a step and the curvature are looked at
LEAST = 64
LIMITS = {1: Limits(4096, 4096, 4096), 2: Limits(2048, 2**18, 2**15), 3: Limits(64, 2**18, 0)}
HEAVY = 1e-4  # share of the peak from which on a place counts as one where the law is
WIDEST = 2.0  # most by which a chain's law is taken to be wider: beyond lr times curvature 1.5 none holds it


def choose(
    sgd: SGD,
    region: Any,
    x0: Any,
    rtol: float | None,
    cells: int | None,
    per_step: float,
    ranges: Mapping[str, Any],
) -> Grid:
    """Find the grid; see `fokkerplanck.SGD.auto_grid`."""
    start = {} if x0 is None else named_point(x0, sgd.names)
    box = sgd.sde().auto_grid(region, start, cells=cells or PILOT, **ranges)
    free = [n for n in sgd.names if n not in ranges]
    if free:
        share = _wider(sgd, box, start if region is not None else None)
        box = Grid.from_axes(_stretched(a, share) if a.name in free else a for a in box.axes)
    if cells is not None:
        return box
    limits = LIMITS[box.ndim]
    needed = np.maximum(LEAST, np.ceil(per_step * (box.spacing * box.shape) / _narrowest(sgd, box)))
    least = [int(n) for n in np.minimum(needed, _cap(needed, limits))]
    grid = Grid.from_axes(replace(a, cells=n) for a, n in zip(box.axes, least, strict=True))
    if rtol is None or grid.size > limits.tried:
        return grid
    return refine(sgd.transition, grid, Question(region, start, sgd.loss.constants), rtol, limits, least)


def _narrowest(sgd: SGD, box: Grid) -> Array:
    """Smallest standard deviation of a step along each axis (d,)."""
    law, _ = step_law(sgd.loss, sgd.lr, sgd.batch, sgd.sampling)
    _, covariance = moments(law(box.points()))
    variance = np.einsum("nii->ni", covariance).min(axis=0)
    return np.asarray(np.sqrt(np.maximum(variance, 1e-300)))


def _wider(sgd: SGD, box: Grid, x0: Mapping[str, float] | None) -> float:
    r"""How much wider the law of a chain is than that of its SDE: :math:`(1 - \eta\lambda/2)^{-1/2}`.

    With the largest curvature where the law is, or at the start of an exit.
    """
    if x0 is None:
        density = sgd.sde().generator(box).stationary()
        points = box.points()[density.masses > HEAVY * density.masses.max()]
    else:
        points = np.array([[x0[n] for n in sgd.names]])
    curvature = np.linalg.eigvalsh(sgd.loss.evaluate(sgd.loss.hessian, points))[:, -1].max()
    left = 1.0 - 0.5 * sgd.lr * max(float(curvature), 0.0)
    return min(left**-0.5, WIDEST) if left > 0 else WIDEST


def _stretched(axis: Axis, factor: float) -> Axis:
    reach = 0.5 * (factor - 1.0) * (axis.high - axis.low)
    return replace(axis, low=axis.low - reach, high=axis.high + reach)


def _cap(needed: Array, limits: Limits) -> Array:
    """Most cells an axis, so that all together fit."""
    most = np.minimum(needed, limits.an_axis)
    return np.asarray(np.floor(most * min(1.0, (limits.total / most.prod()) ** (1 / len(most)))))


__all__ = ["choose"]
