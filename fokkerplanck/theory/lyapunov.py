r"""Logarithmic and power means of a random factor, :math:`E\ln|m + \tau W|` and :math:`E|m + \tau W|^\alpha`.

W has mean 0 and variance 1. For a normal W the logarithm has the closed form
:math:`\ln\tau - (\gamma + \ln 2)/2 + \sqrt2\int_0^{m/\tau} F(t/\sqrt2)\,dt` with Dawson's
integral F, so that no quadrature meets the singularity.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import dawsn

Array = NDArray[np.float64]
_EULER = 0.5772156649015329
_FAR = 12.0  # beyond it the asymptotic series has all digits
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(80)


class Factor(Protocol):
    """The law of W; not exact where its values are random draws."""

    @property
    def exact(self) -> bool: ...

    def log_mean(self, m: Array, tau: Array) -> Array:
        """E ln|m + tau W|, for arrays of one shape."""
        ...

    def log_error(self, m: float, tau: float) -> float:
        """One standard error of it."""
        ...

    def power_mean(self, m: float, tau: float, alpha: float) -> float:
        """ln E|m + tau W|^alpha."""
        ...


@dataclass(frozen=True)
class NormalFactor:
    """W normal."""

    exact: bool = True

    def log_mean(self, m: Array, tau: Array) -> Array:
        m, tau = np.abs(np.asarray(m, dtype=float)), np.abs(np.asarray(tau, dtype=float))
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = m / tau
            near = np.minimum(ratio, _FAR)
            points = near[..., None] * (1 + _NODES) / 2
            inside = near / 2 * np.sqrt(2) * (dawsn(points / np.sqrt(2)) @ _WEIGHTS)
            small = np.log(tau) - (_EULER + math.log(2)) / 2 + inside
            large = np.log(m)
            term = np.ones_like(ratio)
            for n in range(1, 16):  # E Z^(2n)/(2n mu^(2n))
                term = term * (2 * n - 1) / ratio**2
                large = large - term / (2 * n)
        return np.where(ratio > _FAR, large, small)

    def log_error(self, m: float, tau: float) -> float:
        return 0.0

    def power_mean(self, m: float, tau: float, alpha: float) -> float:
        m, tau = abs(m), abs(tau)
        reach = 10.0 + 2 * math.sqrt(alpha)
        kink = -m / tau
        cuts = np.unique(np.clip(np.append(np.linspace(-reach, reach, 161), kink), -reach, reach))
        half = np.diff(cuts) / 2
        z = cuts[:-1, None] + half[:, None] * (1 + _NODES)
        with np.errstate(divide="ignore"):
            exponent = alpha * np.log(np.abs(m + tau * z)) - z**2 / 2
        top = float(exponent.max())
        total = float((half[:, None] * _WEIGHTS * np.exp(exponent - top)).sum())
        return top + math.log(total) - math.log(2 * math.pi) / 2


@dataclass(frozen=True)
class AtomicFactor:
    """W on finitely many values; ``exact`` is False where they are random draws."""

    values: Array
    weights: Array
    exact: bool = True

    def log_mean(self, m: Array, tau: Array) -> Array:
        m, tau = np.asarray(m, dtype=float), np.asarray(tau, dtype=float)
        result = np.empty(m.shape)
        with np.errstate(divide="ignore"):
            for index in np.ndindex(m.shape):
                logs = np.log(np.abs(m[index] + tau[index] * self.values))
                result[index] = float(self.weights @ logs)
        return result

    def log_error(self, m: float, tau: float) -> float:
        if self.exact:
            return 0.0
        logs = np.log(np.abs(m + tau * self.values))
        return float(logs.std() / math.sqrt(len(logs)))

    def power_mean(self, m: float, tau: float, alpha: float) -> float:
        with np.errstate(divide="ignore"):
            exponent = alpha * np.log(np.abs(m + tau * self.values))
        top = float(exponent.max())
        return top + math.log(float(self.weights @ np.exp(exponent - top)))
