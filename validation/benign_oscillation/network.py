"""The patch network: batch-1 SGD against the step, and how fast its weak weights grow."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cache, partial

import numpy as np

from models.benign_oscillation import Parameters, Points, points
from validation.benign_oscillation import kernel
from validation.benign_oscillation.system import SEED, Array
from validation.hands import each

P = Parameters()
STEPS, EVERY, TESTED = 30_000, 20, 1_000


@dataclass(frozen=True)
class Run:
    """What one training leaves."""

    finished: bool
    train_accuracy: float
    weak_accuracy: float
    strong_accuracy: float
    record: Array  # (records, 6), see kernel.RECORDED
    loudest: float  # largest |xi|^2 of the points without the strong feature
    complete: bool  # each sign starts with a weak and with a strong weight that its ReLU lets through


def learning_rate(a: float) -> float:
    """The step at which the reduced one, 2 eta |v|^2/m, is a."""
    return a * P.neurons / (2 * P.strong**2)


def train(a: float, seed: int, steps: int = STEPS, base: int = SEED) -> Run:
    """Train once and test on points with the weak feature only, and with both."""
    rng = np.random.default_rng([base, seed])
    data = points(rng, P.points, P, P.missing)
    tests = [points(rng, TESTED, P, missing) for missing in (1.0, 0.0)]
    start = rng.standard_normal((2 * P.neurons, P.dimension)) * P.start
    weak, strong = start[:, 0].copy(), start[:, 1].copy()
    complete = _complete(weak, strong)
    products = start[:, 2:] @ data.noise.T
    coefficients = np.zeros_like(products)
    picks = rng.integers(0, P.points, steps)
    record = np.zeros((steps // EVERY, len(kernel.RECORDED)))
    done = kernel.train(
        weak,
        strong,
        products,
        coefficients,
        data.noise @ data.noise.T,
        data.label,
        data.has_strong.astype(float),
        picks,
        np.array([P.weak, P.strong]),
        learning_rate(a),
        EVERY,
        record,
    )
    noise = start[:, 2:] + coefficients @ data.noise
    fitted, only_weak, both = (_accuracy(weak, strong, noise, d) for d in (data, *tests))
    loudest = float(np.max(np.sum(data.noise[~data.has_strong] ** 2, axis=1)))
    return Run(done == steps, fitted, only_weak, both, record[: done // EVERY], loudest, complete)


def output(weak: Array, strong: Array, noise: Array, d: Points) -> Array:
    """Outputs of the network for some points."""
    sign = np.repeat([1.0, -1.0], P.neurons) / P.neurons
    parts = [
        np.outer(d.label * P.weak, weak),
        np.outer(d.label * d.has_strong * P.strong, strong),
        d.noise @ noise.T,
    ]
    return np.asarray(sum((np.maximum(h, 0) ** 2 @ sign for h in parts), np.zeros(len(d.label))))


def _accuracy(weak: Array, strong: Array, noise: Array, d: Points) -> float:
    return float(np.mean(np.sign(output(weak, strong, noise, d)) == d.label))


@cache
def runs(a: float, repeats: int, base: int) -> tuple[Run, ...]:
    """The trainings at one step."""
    return train_all(a, repeats, base)


def train_all(a: float, repeats: int, base: int, executor: Executor | None = None) -> tuple[Run, ...]:
    """One training a seed; an executor runs them at the same time."""
    return tuple(each(partial(train, a, base=base), range(repeats), executor))


def _complete(weak: Array, strong: Array) -> bool:
    """Without such a weight, chance 2^(1 - m) a feature, a sign can never learn that feature."""
    return all(bool((h > 0).any()) for w in (weak, strong) for h in (w[: P.neurons], -w[P.neurons :]))


def growth(run: Run, early: int, full: float) -> float:
    """Growth of the logarithm of the weak weights a step, mean of both signs, nan where there is no window.

    Half the slope of ln(weak output), from step `early` until that output is `full`: before, points without
    the strong feature are still being fitted; after, the weak feature carries part of the fit.
    """
    rates = []
    first = early // EVERY
    for column in (0, 1):
        weak = run.record[:, column]
        over = np.nonzero(weak > full)[0]
        last = (int(over[0]) if len(over) else len(weak)) - 1
        if last - first < 10 or weak[first] <= 0:
            return float("nan")
        rates.append(0.5 * np.log(weak[last] / weak[first]) / ((last - first) * EVERY))
    return float(np.mean(rates))
