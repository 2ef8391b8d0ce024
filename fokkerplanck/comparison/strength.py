r"""Strength of the regularizer, from the measured drift.

The drift along the valley beyond that of the floor is :math:`-S\,(-\ln F)' `, so S is the regression of
:math:`\partial_x L - L_0'`, at the states that are visited, on :math:`g = -(\ln F)'`; theory says
:math:`S = \lambda\langle u^2\rangle`, which is :math:`\Delta` in the small-lr limit. The marginal cannot show
it: for L0 = 0 it does not depend on :math:`\Delta` at all.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.comparison.setting import Setting
from fokkerplanck.estimate import Estimate
from fokkerplanck.formula import derivative
from fokkerplanck.results import Density
from fokkerplanck.sgd import SGD
from fokkerplanck.theory import EffectiveLoss

Array = NDArray[np.float64]

BLOCKS = 20
SNAPSHOTS = 12
SETTLED = 12.0  # relaxation times across the valley before anything is measured


def predicted(setting: Setting, effective: EffectiveLoss) -> Estimate:
    """Strength by theory, for starts spread evenly along the valley."""
    x = setting.along
    g = slope_of_flatness(effective, x)
    s = effective.evaluate(effective.curvature * effective.second_moment, x)
    status = effective.validity(x)
    value = float((g**2 * s).sum() / (g**2).sum()) if status == "ok" else float("nan")
    method = "finite-lr law" if effective.finite else "SDE limit"
    return Estimate(value, unit="loss", method=method, assumptions=effective.assumptions, status=status)


def measured(setting: Setting, sgd: SGD, key: int) -> tuple[Estimate, Array]:
    """Strength of SGD chains started evenly along the valley, and their final states (n, 2).

    Snapshots of one replica, two relaxation times apart, are pooled; only replicas count as independent.
    """
    effective = setting.effective.at(sgd.lr, sgd.batch)
    n = setting.effort.strength_chains // BLOCKS * BLOCKS
    axis = setting.box[str(setting.slow)]
    # Every block of replicas covers the valley evenly by itself, so that blocks are independent and alike.
    places = axis.low + (np.arange(n // BLOCKS) + 0.5) * (axis.high - axis.low) / (n // BLOCKS)
    start = setting.floor_at(np.tile(places, BLOCKS))
    slowest = float(effective.evaluate("curvature", setting.along).min())
    relaxation = 1.0 / (sgd.lr * slowest)
    seed, done, state = setting.rng(key), 0, start
    above, below = np.zeros(BLOCKS), np.zeros(BLOCKS)
    for k in range(SNAPSHOTS):
        steps = int(np.ceil((SETTLED if k == 0 else 2.0) * relaxation))
        run = sgd.simulate(n, steps, state, rng=seed, first_step=done)
        if run.diverged.any():
            return Estimate(float("nan"), unit="loss", method="SGD chains", status=run.status), run.final
        state, done = run.final, done + steps
        g = slope_of_flatness(effective, state[:, sgd.names.index(str(setting.slow))])
        above += (drift_excess(effective, sgd, state) * g).reshape(BLOCKS, -1).sum(axis=1)
        below += (g**2).reshape(BLOCKS, -1).sum(axis=1)
    return Estimate.from_replicas(above / below, unit="loss", method=f"SGD chains, {n} replicas"), state


def of_density(setting: Setting, density: Density, effective: EffectiveLoss) -> Estimate:
    """Strength from the conditional law across the valley at every place along it."""

    def regress(p: Density) -> float:
        x = p.grid[str(setting.slow)].centres
        column = p.grid.names.index(str(setting.slow))
        weight = np.moveaxis(p.values, column, 0)
        excess = np.moveaxis(
            drift_excess(effective, setting.sgd, p.grid.points()).reshape(p.grid.shape), column, 0
        )
        mean = (weight * excess).sum(axis=1) / weight.sum(axis=1)
        g = slope_of_flatness(effective, x)
        return float((mean * g).sum() / (g**2).sum())

    return density.estimate(regress, "loss")


def drift_excess(effective: EffectiveLoss, sgd: SGD, points: Array) -> Array:
    """Slope of the mean loss along the valley at points (n, 2), less that of its floor, (n,)."""
    k = sgd.names.index(str(effective.slow))
    slope = sgd.loss.evaluate(sgd.loss.gradient, points)[:, k, 0]
    floor: Any = derivative(effective.floor.loss, effective.slow)
    return np.asarray(slope - effective.evaluate(floor, points[:, k]))


def slope_of_flatness(effective: EffectiveLoss, x: Array) -> Array:
    """``-(ln F)'`` at places along the valley, = lambda'/(2 lambda)."""
    return effective.evaluate("steepening", x)
