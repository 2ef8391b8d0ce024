"""How p(x) and P(x, y*) follow the flatness: least-squares slopes against ln F, weighted by p."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.comparison.setting import Setting
from fokkerplanck.estimate import Estimate
from fokkerplanck.results import Density
from fokkerplanck.theory import EffectiveLoss

Array = NDArray[np.float64]

BINS = 40
BLOCKS = 20
VISIBLE = 1e-12  # share of the largest value below which a cell is left out


def fit(log_flatness: Array, log_p: Array, weight: Array) -> float:
    """Weighted least-squares slope."""
    w = weight / weight.sum()
    u = log_flatness - w @ log_flatness
    return float((w * u) @ log_p / (w @ u**2))


def of_density(setting: Setting, density: Density, effective: EffectiveLoss) -> tuple[Estimate, Estimate]:
    """Slopes of ln p and of ln P(x, y*) of a density on a grid."""
    slow = str(setting.slow)
    floor = float(setting.floor_at(np.zeros(1))[0, setting.sgd.names.index(setting.fast)])

    def slope(p: Density, joint: bool) -> float:
        x, m = p.grid[slow].centres, p.marginal(slow).values
        values = p.slice(**{setting.fast: floor}) if joint else m
        keep = (m > VISIBLE * m.max()) & (values > 0)
        log_f = np.log(effective.evaluate("flatness", x[keep]))
        return fit(log_f, np.log(values[keep]), m[keep])

    return density.estimate(lambda p: slope(p, False)), density.estimate(lambda p: slope(p, True))


def of_theory(setting: Setting, effective: EffectiveLoss) -> tuple[Estimate, Estimate]:
    """Slopes of the law of the slow variable."""
    status = effective.validity(setting.along)
    method = "finite-lr law" if effective.finite else "SDE limit"
    if effective.marginal is None:
        status = effective.reasons["marginal"]
    a, b = effective.log_slopes(setting.along) if status == "ok" else (np.nan, np.nan)
    gap = float(effective.separation(setting.along).max()) if status == "ok" else 0.0
    common: dict[str, Any] = {"method": method, "assumptions": effective.assumptions, "status": status}
    # Adiabatic elimination is asymptotic: its relative error is of the order of the ratio of rates.
    return Estimate(a, model=abs(a) * gap, **common), Estimate(b, model=abs(b) * gap, **common)


def of_states(
    setting: Setting, states: Array, effective: EffectiveLoss, method: str
) -> tuple[Estimate, Estimate]:
    """Slopes of chains: `states` (n, snapshots, 2); replicas are independent, snapshots of one are not."""
    axis = setting.box[str(setting.slow)]
    column = setting.sgd.names.index(str(setting.slow))
    n = len(states) // BLOCKS * BLOCKS
    blocks = states[:n].reshape(BLOCKS, -1, 2)
    width = axis.high - axis.low
    faces = np.linspace(axis.low, axis.high, BINS + 1)
    middle = 0.5 * (faces[1:] + faces[:-1])
    log_f = np.log(effective.evaluate("flatness", middle))

    def histogram(sample: Array) -> tuple[Array, Array]:
        x, y = sample[:, column], sample[:, 1 - column]
        if axis.periodic:
            x = axis.low + np.mod(x - axis.low, width)
        counts, _ = np.histogram(x, faces)
        sums, _ = np.histogram(x, faces, weights=y)
        squares, _ = np.histogram(x, faces, weights=y**2)
        with np.errstate(all="ignore"):
            return counts, squares / counts - (sums / counts) ** 2

    def slopes(sample: Array) -> tuple[float, float]:
        counts, variance = histogram(sample)
        keep = counts > 20
        log_p = np.log(counts[keep])
        return (
            fit(log_f[keep], log_p, counts[keep]),
            fit(log_f[keep], log_p - 0.5 * np.log(variance[keep]), counts[keep]),
        )

    whole = np.array(slopes(states[:n].reshape(-1, 2)))
    # Leave-one-block-out: a slope of a logarithm is biased in a small block, far less in nineteen of twenty.
    left = np.array([slopes(np.delete(blocks, k, axis=0).reshape(-1, 2)) for k in range(BLOCKS)])
    value = BLOCKS * whole - (BLOCKS - 1) * left.mean(axis=0)
    error = np.sqrt((BLOCKS - 1) / BLOCKS * ((left - left.mean(axis=0)) ** 2).sum(axis=0))
    normal = (
        "The law across the valley is normal at every place along it (its value on the floor follows).",
    )
    return (
        Estimate(float(value[0]), stat=float(error[0]), method=method),
        Estimate(float(value[1]), stat=float(error[1]), method=method, assumptions=normal),
    )


def stationary_states(setting: Setting, effective: EffectiveLoss, key: int) -> tuple[Array, str]:
    """States (n, snapshots, 2) of chains started from the law of theory and run on before the first snapshot,
    so that a law that is not the chain's own decays; and the status of the run."""
    effort, axis = setting.effort, setting.box[str(setting.slow)]
    rng = np.random.default_rng(setting.rng(key, 0))
    p = effective.evaluate("marginal", axis.centres)
    cells = rng.choice(axis.cells, size=effort.chains, p=p / p.sum())
    x = axis.centres[cells] + (rng.random(effort.chains) - 0.5) * axis.spacing
    state = setting.floor_at(x)
    state[:, setting.sgd.names.index(setting.fast)] += rng.standard_normal(len(x)) * np.sqrt(
        effective.evaluate("second_moment", x)
    )
    seed, done, snapshots = setting.rng(key, 1), 0, []
    for k in range(effort.snapshots):
        steps = effort.burn_in if k == 0 else effort.burn_in // 4
        run = setting.sgd.simulate(effort.chains, steps, state, rng=seed, first_step=done)
        if run.diverged.any():
            return run.final[:, None, :], run.status
        state, done = run.final, done + steps
        snapshots.append(state)
        setting.report(0.2 + 0.3 * (k + 1) / effort.snapshots)
    return np.stack(snapshots, axis=1), "ok"
