r"""Laws of a time whose chance of survival is a matrix exponential.

.. math:: S(t) = \alpha^\top e^{-tG}\,\beta, \qquad\text{in steps}\quad S(n) = \alpha^\top (1-G)^n\,\beta.

Source: S. Asmussen and M. Bladt, in *Matrix-Analytic Methods in Stochastic Models* (1996); with the rates of
a chain for G they are the phase-type laws of M. F. Neuts.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, optimize

Array = NDArray[np.float64]

GONE = 500.0  # decay times of its slowest mode after which nothing is left of a block
SMALL = 1e-4  # rate a step below which a power is taken as an exponential: 1 - 1e-13 has lost the rate
CONDITION = 1e5  # of the eigenvectors of G, up to which its modes may be summed
SPAN = np.geomspace(1e-3, 5.0, 12)  # times, in units of a time scale, where two models are compared
SAFETY = 3.0
NEAR = np.array([0.8, 1.0, 1.25])  # differences cross 0, so that one time does not tell


@dataclass(frozen=True)
class Block:
    """One invariant block: ``matrix`` G (m, m), ``end`` alpha (m,), ``start`` beta (m,)."""

    matrix: Array
    end: Array
    start: Array
    steps: bool = False

    def at(self, t: float, power: int) -> float:
        r"""Return :math:`\alpha^\top G^k S_t\,\beta`, with ``S_t`` that of the survivors; in whole steps."""
        if t * self.slowest > GONE:
            return 0.0
        if self._shares is not None:
            return float((self._shares * self._rates**power * self._survivors(t)).sum().real)
        if self.steps:
            after = np.linalg.matrix_power(np.eye(len(self.start)) - self.matrix, int(t)) @ self.start
        else:
            after = linalg.expm(-t * self.matrix) @ self.start
        return float(self.end @ (self.matrix @ after if power else after))

    def moment(self, k: int) -> float:
        r"""Return :math:`\alpha^\top G^{-k}\beta`."""
        return float(self.end @ np.linalg.matrix_power(np.linalg.inv(self.matrix), k) @ self.start)

    @cached_property
    def slowest(self) -> float:
        """Slowest rate of decay, a unit of time or a step."""
        if not self.steps:
            return float(self._rates.real.min())
        nearest = int(np.argmax(np.abs(1.0 - self._rates)))
        return -float(np.log1p(-self._rates[nearest]).real)

    def _survivors(self, t: float) -> NDArray[np.complex128]:
        """What is left of each mode."""
        if not self.steps:
            return np.exp(-t * self._rates)
        slow = np.abs(self._rates) < SMALL
        return np.where(
            slow, np.exp(t * np.log1p(-np.where(slow, self._rates, 0.0))), (1.0 - self._rates) ** t
        )

    @cached_property
    def _rates(self) -> NDArray[np.complex128]:
        return self._eigen[0].astype(complex)

    @cached_property
    def _shares(self) -> NDArray[np.complex128] | None:
        """Share of each mode; None where the modes are too parallel to add up."""
        right = self._eigen[1]
        if np.linalg.cond(right) > CONDITION:
            return None
        return np.asarray((self.end @ right) * np.linalg.solve(right, self.start.astype(complex)))

    @cached_property
    def _eigen(self) -> tuple[NDArray[Any], NDArray[Any]]:
        values, vectors = np.linalg.eig(self.matrix)
        return values, vectors


@dataclass(frozen=True)
class MatrixExponential:
    """A law as a sum of blocks; from the difference to a `smaller` model its errors are told."""

    blocks: tuple[Block, ...]
    smaller: MatrixExponential | None = None

    @property
    def steps(self) -> bool:
        """Whether time is counted in steps."""
        return self.blocks[0].steps

    def survival(self, t: float) -> float:
        """Chance that the time is longer than t; between steps linear."""
        if not self.steps:
            return self._sum(t, 0)
        part = t % 1.0
        return (1.0 - part) * self._sum(t - part, 0) + (part * self._sum(t - part + 1, 0) if part else 0.0)

    def density(self, t: float) -> float:
        """Density at t; in steps the chance of the step that ends at t or holds it."""
        return self._sum(float(np.ceil(t)) - 1.0, 1) if self.steps else self._sum(t, 1)

    def quantile(self, p: float) -> float:
        """Time that is exceeded with the chance 1 - p."""
        low, high = 0.0, self.mean
        while self.survival(high) > 1 - p:
            low, high = high, 2 * high
        while low == 0 and high > 1e-15 * self.mean:
            if self.survival(high / 2) > 1 - p:
                low = high / 2
            else:
                high /= 2
        return float(optimize.brentq(lambda t: self.survival(t) - (1 - p), low, high, rtol=1e-12))

    @cached_property
    def mean(self) -> float:
        """Mean."""
        return sum(b.moment(1) for b in self.blocks)

    @property
    def rate(self) -> float:
        """Rate of the exponential tail."""
        return min(b.slowest for b in self.blocks)

    def error(self, t: float, density: bool = False) -> float:
        """Error of the chance of survival (or of the density) near t, told from the smaller model."""
        if self.smaller is None:
            return 0.0
        a, b = (m.density if density else m.survival for m in (self, self.smaller))
        return SAFETY * max(abs(a(u) - b(u)) for u in NEAR * t)

    def change(self) -> tuple[float, float]:
        """Largest change from the smaller model, of chances and of the density over its largest value."""
        scales = [self.mean, *(1 / b.slowest for b in self.blocks)]
        times = np.multiply.outer(scales, SPAN).ravel()
        largest = max(self.density(t) for t in times)
        return max(self.error(t) for t in times), max(self.error(t, True) for t in times) / largest

    def _sum(self, t: float, power: int) -> float:
        return sum(b.at(t, power) for b in self.blocks) if t >= 0 else 0.0
