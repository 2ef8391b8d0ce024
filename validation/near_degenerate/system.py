"""The model, its formulas, and what is measured of chains and on the grid."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize_scalar

import fokkerplanck as fp
from fokkerplanck.passages import from_passages
from fokkerplanck.theory import EffectiveLoss
from validation.seeds import seed

Array = NDArray[np.float64]
MODEL = Path(__file__).parents[2] / "models" / "near_degenerate_valley.toml"
SEED = 61
BLOCKS, SNAPSHOTS, SETTLED = 20, 12, 12.0
MOVED = (5, 8, 10)  # batches with Delta = .1, .0625, .05; the SDE's threshold is .05
QUIET = 20  # Delta = .025


@lru_cache
def valley(batch: int) -> tuple[fp.Model, EffectiveLoss]:
    """The model at a batch size, and its law."""
    model = fp.load(MODEL, batch=batch)
    return model, fp.effective_loss(model.sgd, slow="x")


def number(name: str) -> float:
    """One of the model's constants."""
    return float(valley(10)[0].loss.constants[name])


def delta(batch: int) -> float:
    """Noise strength."""
    return valley(batch)[0].sgd.lr * number("sigma") ** 2 / (2 * batch)


def asymptotic(noise: float, joint: bool) -> float:
    """x* by the formula: of V and the marginal, or of the joint law."""
    ratio = number("b") / number("c")
    threshold = ratio * number("kappa") / (number("kappa") - 1) if joint else ratio
    return float(np.sqrt(max(number("c") * (1 - threshold / noise), 0.0) / number("d")))


def lowest(law: EffectiveLoss) -> float:
    """Where the drift potential of a law is lowest, x >= 0."""

    def height(x: float) -> float:
        return float(law.evaluate("drift_potential", x))

    found = minimize_scalar(height, bounds=(0.0, 1.6), method="bounded", options={"xatol": 1e-6})
    return float(found.x) if height(float(found.x)) < height(0.0) - 1e-12 else 0.0


@lru_cache
def slopes(batch: int, low: float, high: float, n: int, base: int) -> tuple[Array, Array]:
    """States x of chains started in a window, and slopes of the mean loss there: (blocks, values)."""
    model, law = valley(batch)
    n = n // BLOCKS * BLOCKS
    x = low + (high - low) * (np.arange(n // BLOCKS) + 0.5) / (n // BLOCKS)
    state, done = np.stack([np.tile(x, BLOCKS), np.zeros(n)], axis=1), 0
    relaxation = 1 / (model.sgd.lr * float(law.evaluate("curvature", 0.5 * (low + high))))
    places, values = [], []
    for k in range(SNAPSHOTS):
        steps = int((SETTLED if k == 0 else 2.0) * relaxation)
        run = model.sgd.simulate(n, steps, state, rng=[base, batch, round(1000 * high)], first_step=done)
        if run.diverged.any():
            raise ValueError(run.status)
        state, done = run.final, done + steps
        slope = model.loss.evaluate(model.loss.gradient, state)[:, 0, 0]
        places.append(state[:, 0].reshape(BLOCKS, -1))
        values.append(np.asarray(slope).reshape(BLOCKS, -1))
    return np.concatenate(places, axis=1), np.concatenate(values, axis=1)


def strengths(batch: int, low: float, high: float, n: int) -> tuple[fp.Estimate, float]:
    """Strength S of the regularizer in a window: of chains, and of the law at the same places.

    The slope of the loss less that of the floor is S times -(ln F)'; theory says S = Delta in the SDE limit.
    """
    law = valley(batch)[1]
    x, slope = slopes(batch, low, high, n, seed(SEED))

    def strength(places: Array, excess: Array) -> float:
        g = law.evaluate("steepening", places)
        return float((g @ excess) / (g @ g))

    b = number("b")
    rows = [strength(a, s - b * a) for a, s in zip(x, slope, strict=True)]
    every = x.ravel()
    by_law = strength(every, -law.evaluate("drift", every) - b * every)
    return fp.Estimate.from_replicas(rows, unit="loss"), by_law


def place(batch: int, n: int) -> fp.Estimate:
    """Where the effective loss of chains is lowest, from its strength nearby.

    The strength over that of the law, a mean over the window, scales the law's own slope; the minimum is
    where the slope of the floor, b x, and the scaled one cancel.
    """
    around = lowest(valley(batch)[1])
    found, by_law = strengths(batch, around - 0.2, around + 0.2, n)
    scale, error = found.value / by_law, found.stat / by_law
    spread = abs(still(batch, scale + error) - still(batch, scale - error)) / 2
    return fp.Estimate(still(batch, scale), stat=spread)


def still(batch: int, scale: float) -> float:
    """Where the effective loss at this lr is lowest if its regularizer is so many times as strong."""
    law = valley(batch)[1]

    def slope(x: float) -> float:
        excess = -float(law.evaluate("drift", x)) - number("b") * x
        return number("b") * x + scale * excess

    return float(brentq(slope, 1e-3, 1.6)) if slope(1e-3) < 0 else 0.0


def strength_at(batch: int, x: float) -> float:
    """Strength S of the regularizer at a place, by the law at this lr."""
    law = valley(batch)[1]
    excess = -float(law.evaluate("drift", x)) - number("b") * x
    return excess / float(law.evaluate("steepening", x))


@lru_cache
def grid_modes(batch: int) -> tuple[float, float]:
    """Modes, x >= 0, of the marginal and of P(x, 0) of the SDE on the grid."""
    model, _ = valley(batch)
    if model.grid is None:
        raise ValueError(f"{MODEL} has no [grid]")
    p = model.sgd.sde().generator(model.grid).stationary()
    x = model.grid["x"].centres
    return mode(x, p.marginal("x").values), mode(x, p.slice(y=0.0))


def mode(x: Array, p: Array) -> float:
    """Where a symmetric law is largest, x >= 0: top of a parabola through three cells, or 0."""
    half = x > 0
    x, p = x[half], np.log(p[half])
    k = int(np.argmax(p))
    if k == 0:
        return 0.0
    a, b, _ = np.polyfit(x[k - 1 : k + 2], p[k - 1 : k + 2], 2)
    return float(-b / (2 * a))


@lru_cache
def arrival(batch: int, n: int, base: int) -> fp.Estimate:
    """Mean steps of chains from x = 0 to |x| = 1."""
    model, _ = valley(batch)
    limit = int(30 * law_of_arrival(batch, True))
    run = model.sgd.first_passage("abs(x) < 1", n, (0, 0), limit, rng=[base, 8, batch])
    return from_passages(run, f"{n} SGD chains", "steps")


def law_of_arrival(batch: int, finite: bool) -> float:
    """The same by the law at this lr, or by its SDE."""
    model, law = valley(batch)
    law = law if finite else law.small_lr
    return law.passage_time(0.0, (-1.0, 1.0), edge_shift=finite).value / model.sgd.lr
