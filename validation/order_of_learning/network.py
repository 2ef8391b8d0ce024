"""Training of the two-layer network: hidden ReLU units, some on x1, some on x2, output weights fixed.

``f = sum_i a_i relu(U_i . x1) + sum_i b_i relu(V_i . x2)``, logistic loss plus ``decay |U, V|^2 / 2``, full
gradient, noise that is added. x2 lies in the plane of z and zeta, and so does its gradient; V starts
spherical: two coordinates of V are all that ever shows, and the others are not simulated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from models.order_of_learning import Array, Examples, Setting, draw

TESTS = 2000


@dataclass(frozen=True)
class Phase:
    """A stretch of training: rate, time (the sum of rates), and noise.

    `gradient` is the standard deviation of the spherical noise of a gradient, of the units on x1 and of those
    on x2; `activation` that of the noise of what a unit on x2 sees, drawn anew in every step for each unit
    and each of the three directions, and multiplied by the size of x2 as the signal is.
    """

    rate: float
    time: float
    gradient: tuple[float, float] = (0.0, 0.0)
    activation: float = 0.0


@dataclass(frozen=True)
class Course:
    """Along training: time, training loss (without decay and noise), training and test accuracies."""

    time: Array
    loss: Array
    train: Array
    p_only: Array
    q_only: Array
    mixed: Array


def train(setting: Setting, phases: Sequence[Phase], seed: Sequence[int], every: float) -> Course:
    """Train once, taking a record each time `every` and at the end of each phase.

    Data, tests and first weights depend on the seed only, so that courses of one seed with other phases
    differ by nothing else.
    """
    start, noise = (np.random.default_rng([*seed, k]) for k in range(2))
    net = Network(setting, start)
    records, past = [(0.0, *net.judge())], 0.0
    for phase in phases:
        steps, stride = round(phase.time / phase.rate), round(every / phase.rate)
        for k in range(1, steps + 1):
            net.step(phase, noise)
            if k % stride == 0 or k == steps:
                records.append((past + k * phase.rate, *net.judge()))
        past += steps * phase.rate
    return Course(*np.array(records).T)


class Network:
    """Weights, data and one step.

    The units on x1 are kept as ``U = shrink U_0 + X1' c`` with coefficients c of the examples: without noise
    on U a gradient is a combination of the examples, and one multiplication by their Gram matrix replaces
    two by the examples. With noise on U all goes into U_0, and activations come from the weights themselves.
    """

    def __init__(self, setting: Setting, rng: np.random.Generator) -> None:
        self.setting = setting
        self.data = draw(rng, setting.examples, setting)
        self.tests = draw(rng, TESTS, setting, mixed=False)
        self.u = rng.standard_normal((setting.dimension, setting.units_p)) * setting.spread_p
        self.v = rng.standard_normal((2, setting.units_q)) * setting.spread_q
        self.a, self.b = outputs(setting.units_p), outputs(setting.units_q)
        self.has_p = self.data.x1.any(axis=1)
        self.x = np.ascontiguousarray(self.data.x1[self.has_p])
        self.start: Array | None = None  # activations of U_0, once needed
        self.gram: Array
        self.coefficients = np.zeros((len(self.x), setting.units_p))
        self.shrink = 1.0

    def step(self, phase: Phase, rng: np.random.Generator) -> None:
        """One step of noisy gradient descent on the regularized loss."""
        s, data, eta = self.setting, self.data, phase.rate
        if phase.gradient[0]:
            self._gather()
        h = self._activations()
        g = s.directions @ self.v
        if phase.activation:
            g += phase.activation * rng.standard_normal(g.shape)
        residual = -data.y * expit(-data.y * self.output(data, h, g)) / len(data.y)
        keep = 1 - eta * s.decay

        hidden = residual[self.has_p, None] * (h > 0) * (eta * self.a)
        if phase.gradient[0]:
            self.u *= keep
            self.u -= self.x.T @ hidden
            self.u -= eta * phase.gradient[0] * rng.standard_normal(self.u.shape)
        else:
            self.coefficients *= keep
            self.coefficients -= hidden
            self.shrink *= keep

        weight = np.bincount(data.place, residual * data.size, 3)
        self.v *= keep
        self.v -= eta * (s.directions.T @ (weight[:, None] * (g > 0) * self.b))
        if phase.gradient[1]:
            self.v -= eta * phase.gradient[1] * rng.standard_normal(self.v.shape)

    def output(self, data: Examples, h: Array, g: Array) -> Array:
        """(n,) outputs for the activations h of the points that have x1, and g of the three directions."""
        f = data.size * (np.maximum(g, 0) @ self.b)[data.place]
        f[self.has_p] += np.maximum(h, 0) @ self.a
        return f

    def judge(self) -> tuple[float, float, float, float, float]:
        """Training loss and accuracy; test accuracy on P alone, Q alone, and mixed as the training data.

        That on Q alone is exact, as the sign does not depend on the size: three directions, of chances 1/4,
        1/2, 1/4. An output of zero is a wrong answer.
        """
        s, data, tests = self.setting, self.data, self.tests
        g = s.directions @ self.v
        margin = data.y * self.output(data, self._activations(), g)
        signal = np.maximum(g, 0) @ self.b
        q = float(np.array([0.25, 0.5, 0.25]) @ (signal * [-1, 1, -1] > 0))
        f = np.maximum(tests.x1 @ self.weights(), 0) @ self.a
        p = float((f * tests.y > 0).mean())
        both = float(((f + tests.size * signal[tests.place]) * tests.y > 0).mean())
        mixed = s.only_p * p + s.only_q * q + (1 - s.only_p - s.only_q) * both
        return float(np.logaddexp(0, -margin).mean()), float((margin > 0).mean()), p, q, mixed

    def weights(self) -> Array:
        """(d, units) weights of the units on x1."""
        return self.shrink * self.u + self.x.T @ self.coefficients

    def _activations(self) -> Array:
        if not self.coefficients.any():
            return self.shrink * (self.x @ self.u)
        if self.start is None:
            self.start, self.gram = self.x @ self.u, self.x @ self.x.T
        return self.shrink * self.start + self.gram @ self.coefficients

    def _gather(self) -> None:
        """Write the weights out, before noise enters them."""
        if self.shrink != 1.0 or self.coefficients.any():
            self.u = self.weights()
            self.coefficients[:] = 0.0
            self.shrink = 1.0
        self.start = None


def outputs(units: int) -> Array:
    """Output weights: half positive, half negative."""
    return np.where(np.arange(units) % 2, -1.0, 1.0) / float(np.sqrt(units))
