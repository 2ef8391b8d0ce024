r"""Thresholds of SGD with momentum, linearised at a point: mean and mean square.

In a curved direction of curvature :math:`\lambda` the mean of (u, b) is multiplied by

.. math:: \begin{pmatrix} 1 - s\eta\lambda & -\eta c \\ \lambda & \mu \end{pmatrix},
          \qquad (s, c) = (1, \mu) \text{ or, Nesterov, } (1+\mu, \mu^2),

whose spectral radius is below 1 for :math:`\eta\lambda < 2(1+\mu)`, Nesterov
:math:`\eta\lambda < 2(1+\mu)/(1+2\mu)` (the conditions of Jury). A gradient noise Q that does not change
gives u the stationary second moment G[Q]; the scatter of the batch Hessians makes the noise :math:`S[X]` of
the second moment X of u. The mean square is stable while the largest eigenvalue of :math:`S\circ G` is below
1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from fokkerplanck.estimate import Estimate
from fokkerplanck.theory.mean_square import scatter_operator
from fokkerplanck.theory.stability import DivergenceThresholds, Thresholds

Array = NDArray[np.float64]
SCANNED = 400  # rates at which the first crossing is looked for
NOT_DERIVED = "not computed with momentum"


@dataclass(frozen=True)
class MomentumThresholds(DivergenceThresholds):
    """Thresholds at one point for SGD with momentum; what is not computed for it says so."""

    momentum: float = 0.0
    nesterov: bool = False

    @cached_property
    def lr_deterministic(self) -> Estimate:
        """Above it the mean diverges."""
        share, text = 2 * (1 + self.momentum), "2 (1 + mu)/lambda_max"
        if self.nesterov:
            share, text = share / (1 + 2 * self.momentum), "2 (1 + mu)/((1 + 2 mu) lambda_max)"
        value = share / float(self.curvatures.max()) if self._usable else math.nan
        return self._estimate(value, "lr", text, noise=False)

    @cached_property
    def lr_mean_square(self) -> Estimate:
        """Above it the variance diverges."""
        limit = self.lr_deterministic.value
        if not self._usable or not self.linear.multiplies:
            return self._estimate(limit, "lr", "spectral radius of the second moments")
        rates = limit * np.linspace(0, 1, SCANNED + 1)[1:-1]
        beyond = [self._amplification(eta) >= 1 for eta in rates]
        first = beyond.index(True) if any(beyond) else len(rates) - 1
        low = float(rates[first - 1]) if first else 1e-9 * limit
        high = float(rates[first]) if any(beyond) else limit * (1 - 1e-12)
        value = float(brentq(lambda eta: 1 - 1 / self._amplification(eta), low, high, xtol=1e-13 * limit))
        return self._estimate(value, "lr", "spectral radius of the second moments")

    @cached_property
    def sde_mean_square(self) -> Estimate:
        """Not computed with momentum."""
        return self._unknown("lr", "SDE, mean square")

    @cached_property
    def lr_almost_sure(self) -> Estimate:
        """That of the mean where no sample changes the curvature; else not computed with momentum."""
        if self._usable and not self.linear.multiplies:
            return self.lr_deterministic.with_(status=self._noise_status)
        return self._unknown("lr", "Lyapunov exponent")

    @cached_property
    def intervals(self) -> tuple[tuple[float, float], ...]:
        """Rates at which almost every path is stable, where no sample changes the curvature; else empty."""
        known = self._usable and not self.linear.multiplies
        return ((0.0, self.lr_deterministic.value),) if known else ()

    def tail_exponent(self, lr: float | None = None) -> Estimate:
        """Not computed with momentum."""
        return self._unknown("", "Kesten exponent")

    @cached_property
    def noise_scale(self) -> Thresholds:
        """Thresholds in q of ``g -> E g + q (g - E g)`` at the given learning rate; mean square only."""
        unit, stable = "noise scale", self._usable and self.lr < self.lr_deterministic.value
        mean = self._estimate(math.inf if stable else 0.0, unit, "deterministic", noise=False)
        square, reason = math.inf if stable else 0.0, (f"Infinite {self._reason}.",) if stable else ()
        if stable and self.linear.multiplies:
            square, reason = 1 / math.sqrt(self._amplification(self.lr)), ()
        found = self._estimate(square, unit, "mean square", assumptions=reason)
        known = self._usable and not self.linear.multiplies
        return Thresholds(mean, found, found if known else self._unknown(unit, "almost sure"))

    def _unknown(self, unit: str, method: str) -> Estimate:
        status = self._noise_status
        return Estimate(math.nan, unit=unit, method=method, status=status if status != "ok" else NOT_DERIVED)

    def _amplification(self, eta: float) -> float:
        """Largest eigenvalue of S G: the noise that noise makes, at a rate at which the mean is stable."""
        k = len(self.curvatures)
        response = np.zeros((k, k))
        for i in range(k):
            for j in range(i, k):
                response[i, j] = response[j, i] = self._response(i, j, eta)
        # G acts on each entry of Q by itself, as the mean step is diagonal in the eigenbasis; it may be
        # negative on mixed entries, so this is no symmetric problem.
        product = scatter_operator(self.linear.scatter) * response.ravel()
        return float(np.abs(np.linalg.eigvals(product)).max())

    def _response(self, i: int, j: int, eta: float) -> float:
        """The stationary moment E[u_i u_j] for a unit covariance of the gradient's noise in i and j."""
        left, right = (self._step(float(self.curvatures[n]), eta) for n in (i, j))
        kick = np.array([-eta * self._share, 1.0])
        system = np.eye(4) - np.kron(left, right)
        return float(np.linalg.solve(system, np.kron(kick, kick))[0])

    @property
    def _share(self) -> float:
        return 1 + self.momentum if self.nesterov else 1.0

    def _step(self, curvature: float, eta: float) -> Array:
        mu = self.momentum
        carried = mu**2 if self.nesterov else mu
        return np.array([[1 - self._share * eta * curvature, -eta * carried], [curvature, mu]])
