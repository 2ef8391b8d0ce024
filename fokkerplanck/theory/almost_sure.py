"""Where almost every path of the linearised chain diverges: the sign of its top Lyapunov exponent."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from fokkerplanck.loss import Loss
from fokkerplanck.theory.factors import curvature_factor
from fokkerplanck.theory.linear import Linearisation
from fokkerplanck.theory.lyapunov import AtomicFactor, Factor
from fokkerplanck.theory.mean_square import scatter_operator
from fokkerplanck.theory.products import ProductExponent

Array = NDArray[np.float64]
Line = Callable[[Any], tuple[Any, Any]]  # a coordinate -> (learning rate, noise scale)


class Crossing(NamedTuple):
    """Where the exponent changes sign, with the Monte Carlo error of the law if it was drawn."""

    value: float
    stat: float = 0.0


@dataclass(frozen=True)
class TopExponent:
    """Growth rate of products of ``1 - eta (H + q (H_B - H))``: in the learning rate eta, the noise scale q.

    Exact with one curved direction and a normal or atomic law; otherwise the law, or the product, is drawn.
    """

    loss: Loss
    linear: Linearisation
    batch: int
    sampling: str
    seed: int

    @property
    def curvatures(self) -> Array:
        """Eigenvalues of the mean Hessian on its range, ascending."""
        return self.linear.curvatures

    @property
    def exact(self) -> bool:
        """Whether the exponent is exact; a simulated one costs more and shows no narrow gaps."""
        return len(self.curvatures) == 1 and self.factor.exact

    @cached_property
    def factor(self) -> Factor:
        """The standardised law of the batch curvature, one curved direction."""
        rng = np.random.default_rng(self.seed)
        return curvature_factor(self.loss, self.linear.direction_entry(0, 0), self.batch, self.sampling, rng)

    @cached_property
    def _product(self) -> ProductExponent:
        return ProductExponent.draw(self.loss, self.linear, self.batch, self.sampling, self.seed)

    @property
    def _deviation(self) -> float:
        """Standard deviation of the batch curvature, one curved direction."""
        return math.sqrt(float(self.linear.scatter[0, 0, 0, 0]))

    @property
    def _spread(self) -> float:
        """Size of the batch Hessian's deviations, any number of curved directions."""
        return math.sqrt(float(np.linalg.norm(scatter_operator(self.linear.scatter), 2)))

    def multiplier(self, lr: Any, noise: Any = 1.0) -> tuple[Any, Any]:
        """Mean m and deviation tau of the factor of one step, one curved direction."""
        return 1 - lr * self.curvatures[0], lr * self._deviation * noise

    def at(self, lr: Any, noise: Any = 1.0) -> Array:
        """The exponent, arrays of one shape or numbers."""
        rates, scales = np.broadcast_arrays(np.atleast_1d(lr), np.atleast_1d(noise))
        if len(self.curvatures) == 1:
            return self.factor.log_mean(*self.multiplier(rates, scales))
        return np.array([self._product.exponents(e, q).mean() for e, q in zip(rates, scales, strict=True)])

    def error(self, lr: float, noise: float) -> float:
        """One standard error of the exponent; 0 where it is exact."""
        if len(self.curvatures) == 1:
            return self.factor.log_error(*self.multiplier(lr, noise))
        runs = self._product.exponents(lr, noise)
        return float(runs.std(ddof=1) / math.sqrt(len(runs)))

    def stable_rates(self) -> list[tuple[float, Crossing]]:
        """Intervals of learning rates at which almost every path is stable."""

        def line(lr: Any) -> tuple[Any, Any]:
            return lr, 1.0

        scan = self._searched()
        values = self.at(scan)
        found: list[tuple[float, Crossing]] = []
        low = 0.0
        for k in range(1, len(scan)):
            if values[k - 1] < 0 <= values[k]:
                found.append((low, self._crossing(line, scan[k - 1], scan[k])))
            elif values[k - 1] >= 0 > values[k]:
                low = self._crossing(line, scan[k - 1], scan[k]).value
        return found

    def critical_noise(self, lr: float, near: float) -> Crossing | None:
        """First noise scale above which almost every path diverges; None where none was found."""
        scan = near * np.geomspace(1e-3, 1e3, 600 if self.exact else 40)
        values = self.at(lr, scan)
        crossings = np.flatnonzero((values[:-1] < 0) & (values[1:] >= 0))
        if crossings.size == 0:
            return None if values[0] < 0 else Crossing(0.0)
        k = int(crossings[0])
        return self._crossing(lambda noise: (lr, noise), scan[k], scan[k + 1])

    def _searched(self) -> Array:
        """Learning rates between which the exponent is searched for changes of sign."""
        fine = 40 if self.exact else 1
        scan = np.concatenate([np.linspace(0, 8, 40 * fine + 1)[1:], np.geomspace(8, 200, 10 * fine)[1:]])
        scan /= float(self.curvatures.max())
        # Strong noise: the threshold is of the order of 1/deviation. Where the exponent is drawn its sign is
        # lost in the draws far below that.
        lowest = (1e-3 if self.exact else 0.05) / self._spread
        if 50 * lowest < scan[0] or (not self.exact and lowest < scan[0]):
            below = max(2, int((50 if self.exact else 8) * math.log10(scan[0] / lowest)))
            scan = np.concatenate([np.geomspace(lowest, scan[0], below)[:-1], scan])
        if self.exact and isinstance(self.factor, AtomicFactor):
            h = self.curvatures[0] + self._deviation * self.factor.values  # narrow gaps about 1/h
            scan = np.union1d(scan, 1 / h[(h > 0) & (1 / np.where(h > 0, h, 1) < scan[-1])])
        return scan

    def _crossing(self, line: Line, low: float, high: float) -> Crossing:
        """The change of sign between two coordinates of a line."""

        def height(s: float) -> float:
            # Inside a bracket that ends on a singularity of -inf the sign is all that is known.
            return float(np.clip(self.at(*line(s))[0], -1e3, 1e3))

        value = float(brentq(height, low, high, xtol=1e-14))
        error = self.error(*line(value))
        if not error:
            return Crossing(value)
        spread = 1e-4 * value
        below, above = self.at(*line(np.array([value - spread, value + spread])))
        return Crossing(value, error / abs(float(above - below) / (2 * spread)))
