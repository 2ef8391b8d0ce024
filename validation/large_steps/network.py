"""A two-layer ReLU network with squared loss, by mini-batch SGD, and the sharpness of where it ends."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from models.large_steps_digits import Parameters, images
from validation.hands import each
from validation.large_steps.system import Array

P = Parameters()
ARMS = ("large", "annealed", "small", "amplified")
Weights = list[Array]  # hidden weights and biases, output weights and biases


@dataclass(frozen=True)
class Trained:
    """The end of one training."""

    train_loss: float
    test_loss: float
    test_accuracy: float
    sharpness: float


def gradient(w: Weights, x: Array, y: Array) -> Weights:
    """Of the mean of |f(x) - y|^2/2."""
    hidden = np.maximum(x @ w[0] + w[1], 0)
    error = (hidden @ w[2] + w[3] - y) / len(x)
    back = (error @ w[2].T) * (hidden > 0)
    return [x.T @ back, back.sum(axis=0), hidden.T @ error, error.sum(axis=0)]


def output(w: Weights, x: Array) -> Array:
    """f(x)."""
    return np.asarray(np.maximum(x @ w[0] + w[1], 0) @ w[2] + w[3])


def train(seed: int, arm: str, steps: int, base: int) -> Trained:
    """Train and test. All arms of a seed have the same data and start.

    "large": `steps` large steps. "small": k times as many of a k-th, each on a batch of its own. "amplified":
    the small steps, each batch used k times running: the noise of the large step without its size.
    "annealed": large steps for the first half of that time, small ones for the second.
    """
    rng = np.random.default_rng([base, 7, seed])
    x, y, x_test, y_test = images(rng, P)
    w = _start(rng, x.shape[1], y.shape[1])
    small = P.large / P.reuse
    stages: dict[str, list[tuple[int, int, float]]] = {
        "large": [(steps, 1, P.large)],
        "annealed": [(steps // 2, 1, P.large), (steps // 2 * P.reuse, 1, small)],
        "small": [(steps * P.reuse, 1, small)],
        "amplified": [(steps, P.reuse, small)],
    }
    for draws, repeats, lr in stages[arm]:
        for batch in _batches(rng, len(x), draws):
            xb, yb = x[batch], y[batch]
            for _ in range(repeats):
                for weight, slope in zip(w, gradient(w, xb, yb), strict=True):
                    weight -= lr * slope
    f = output(w, x_test)
    return Trained(
        float(np.mean(np.sum((output(w, x) - y) ** 2, axis=1)) / 2),
        float(np.mean(np.sum((f - y_test) ** 2, axis=1)) / 2),
        float(np.mean(f.argmax(axis=1) == y_test.argmax(axis=1))),
        sharpness(w, x),
    )


def _start(rng: np.random.Generator, pixels: int, classes: int) -> Weights:
    return [
        rng.standard_normal((pixels, P.hidden)) * np.sqrt(2 / pixels),
        np.zeros(P.hidden),
        rng.standard_normal((P.hidden, classes)) * np.sqrt(1 / P.hidden),
        np.zeros(classes),
    ]


def _batches(rng: np.random.Generator, n: int, draws: int) -> NDArray[np.int64]:
    """Mini-batches epoch by epoch, every image once an epoch."""
    per_epoch = n // P.batch
    epochs = -(-draws // per_epoch) or 1
    orders = [rng.permutation(n)[: per_epoch * P.batch].reshape(per_epoch, P.batch) for _ in range(epochs)]
    return np.concatenate(orders)[:draws]


def sharpness(w: Weights, x: Array, iterations: int = 100) -> float:
    """Largest eigenvalue of J'J/n, J the derivative of all outputs by all weights, by power iteration.

    It is the Hessian without the part that is proportional to the error of the fit; that part is infinite in
    places, at the kinks of the ReLU.
    """
    hidden = np.maximum(x @ w[0] + w[1], 0)
    on = hidden > 0
    rng = np.random.default_rng(0)
    v = [rng.standard_normal(p.shape) for p in w]
    value = 0.0
    for _ in range(iterations):
        norm = np.sqrt(sum(float(np.sum(p**2)) for p in v))
        v = [p / norm for p in v]
        change = ((x @ v[0] + v[1]) * on) @ w[2] + hidden @ v[2] + v[3]
        value = float(np.sum(change**2)) / len(x)
        back = (change @ w[2].T) * on
        v = [x.T @ back, back.sum(axis=0), hidden.T @ change, change.sum(axis=0)]
    return value


@cache
def trained(arm: str, repeats: int, steps: int, base: int) -> tuple[Trained, ...]:
    """One arm, a training a seed."""
    return train_all(arm, repeats, steps, base)


def train_all(
    arm: str, repeats: int, steps: int, base: int, executor: Executor | None = None
) -> tuple[Trained, ...]:
    """The same, at the same time if an executor is given."""
    one = partial(train, arm=arm, steps=steps, base=base)
    return tuple(each(one, range(repeats), executor))
