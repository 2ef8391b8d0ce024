"""Random smooth functions of a point, and the complete recipe built from them, without formulas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Function = Callable[[Any], Any]  # points (n, d), real or complex, to (n, ...)

STEP = 1e-30  # of derivatives along the imaginary axis: exact to rounding


def derivative(f: Function, x: Array, axis: int) -> Array:
    """Derivative of an analytic function of points (n, d) along an axis."""
    moved = x.astype(complex)
    moved[:, axis] += 1j * STEP
    return np.asarray(np.imag(f(moved)) / STEP)


@dataclass(frozen=True)
class Wave:
    """``sum_k a_k sin(w_k . x + phase_k)`` with sum of |a_k| equal to `size`; periodic where w is whole."""

    amplitude: Array
    vector: Array
    phase: Array

    @classmethod
    def draw(cls, rng: np.random.Generator, size: float, whole: Any, terms: int = 2) -> Wave:
        """Wave vectors of length about 1, whole numbers along the axes where `whole` says so."""
        amplitude = rng.normal(size=terms)
        vector = rng.uniform(-1.2, 1.2, size=(terms, len(whole)))
        vector = np.where(whole, rng.integers(1, 3, vector.shape) * rng.choice([-1, 1], vector.shape), vector)
        return cls(size * amplitude / np.abs(amplitude).sum(), vector, rng.uniform(0, 2 * np.pi, terms))

    def __call__(self, x: Any) -> Any:
        return np.sin(x @ self.vector.T + self.phase) @ self.amplitude


@dataclass(frozen=True)
class Recipe:
    """Drift ``-(D + Q) grad U + div (D + Q)`` of the law ``exp(-U)``, and D (Ma, Chen and Fox 2015)."""

    potential: Function
    diffusion: Function
    skew: Function

    def __call__(self, x: Array) -> tuple[Array, Array]:
        def both(y: Any) -> Any:
            return self.diffusion(y) + self.skew(y)

        drift, here = np.zeros_like(x), both(x)
        for j in range(x.shape[1]):
            drift += derivative(both, x, j)[:, :, j]
            drift -= here[:, :, j] * derivative(self.potential, x, j)[:, None]
        return drift, self.diffusion(x)


@dataclass(frozen=True)
class Scaled:
    """The process ``centre + scale * xi`` of a process xi given by its coefficients."""

    inner: Callable[[Array], tuple[Array, Array]]
    centre: Array
    scale: Array

    def __call__(self, x: Array) -> tuple[Array, Array]:
        drift, diffusion = self.inner((x - self.centre) / self.scale)
        return drift * self.scale, diffusion * np.multiply.outer(self.scale, self.scale)


def tensor(rng: np.random.Generator, whole: Any, spread: float) -> Function:
    """A full, state-dependent, positive diffusion tensor ``R R'`` of condition up to about exp(4 spread)."""
    d = len(whole)
    size = rng.uniform(-0.5, 0.5, d) * spread * 2
    diagonal = [Wave.draw(rng, 0.3, whole) for _ in range(d)]
    below = {(i, j): Wave.draw(rng, 0.4, whole) for i in range(d) for j in range(i)}
    lean = {pair: rng.uniform(-0.8, 0.8) for pair in below}

    def evaluate(x: Any) -> Any:
        root = np.zeros((len(x), d, d), dtype=x.dtype)
        for i in range(d):
            root[:, i, i] = np.exp(size[i] + diagonal[i](x))
        for (i, j), wave in below.items():
            root[:, i, j] = np.exp(size[i]) * (lean[i, j] + wave(x))
        return root @ np.swapaxes(root, 1, 2)

    return evaluate


def rank_one(rng: np.random.Generator, whole: Any, turning: float) -> Function:
    """Noise along one direction of the plane, which turns by up to `turning` radians about its mean."""
    angle, wave, size = rng.uniform(0, np.pi), Wave.draw(rng, turning, whole), Wave.draw(rng, 0.3, whole)

    def evaluate(x: Any) -> Any:
        a = angle + wave(x)
        n = np.stack([np.cos(a), np.sin(a)], axis=1) * np.exp(size(x))[:, None]
        return n[:, :, None] * n[:, None, :]

    return evaluate


def skew(rng: np.random.Generator, whole: Any, size: float, walls: Any, varying: float = 0.6) -> Function:
    """A skew matrix; its rows of an axis with walls at -1 and 1 vanish there, so that nothing flows out."""
    d = len(whole)
    parts = {(i, j): Wave.draw(rng, varying * size, whole) for i in range(d) for j in range(i)}
    mean = {pair: rng.choice([-1.0, 1.0]) * size for pair in parts}

    def evaluate(x: Any) -> Any:
        q = np.zeros((len(x), d, d), dtype=x.dtype)
        for (i, j), wave in parts.items():
            q[:, i, j] = mean[i, j] + wave(x)
            for k in (i, j):
                if walls[k]:
                    q[:, i, j] = q[:, i, j] * (1.0 - x[:, k] ** 2)
            q[:, j, i] = -q[:, i, j]
        return q

    return evaluate
