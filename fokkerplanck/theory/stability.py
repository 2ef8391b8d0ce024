"""Above which learning rate, and above which noise, the linearised chain diverges."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.estimate import Estimate
from fokkerplanck.loss import Loss
from fokkerplanck.theory import mean_square
from fokkerplanck.theory.almost_sure import Crossing, TopExponent
from fokkerplanck.theory.linear import Linearisation, linearise
from fokkerplanck.theory.tails import kesten_exponent

Array = NDArray[np.float64]
LEAK = "no linear threshold: samples push out of the curved directions: drift or run-away along the valley"
NO_CROSSING = "no threshold found: the Lyapunov exponent does not change sign where it was searched"


class Thresholds(NamedTuple):
    """Three thresholds in one quantity."""

    deterministic: Estimate
    mean_square: Estimate
    almost_sure: Estimate


@dataclass(frozen=True)
class DivergenceThresholds:
    """Thresholds at one point; see `divergence_thresholds`. Each is computed when first asked for."""

    loss: Loss
    lr: float
    batch: int
    sampling: str
    point: Array
    seed: int = 0

    def __repr__(self) -> str:
        where = ", ".join(f"{n}={v:.4g}" for n, v in zip(self.loss.names, self.point, strict=True))
        return (
            f"DivergenceThresholds({where}: lr deterministic {self.lr_deterministic}, "
            f"mean square {self.lr_mean_square}, almost sure {self.lr_almost_sure})"
        )

    @cached_property
    def linear(self) -> Linearisation:
        """The linearised chain."""
        return linearise(self.loss, self.point, self.batch, self.sampling)

    @property
    def curvatures(self) -> Array:
        """Eigenvalues of the mean Hessian on its range, ascending."""
        return self.linear.curvatures

    @cached_property
    def status(self) -> str:
        """``"ok"``, or why there is no threshold at this point."""
        curved = self.curvatures
        if curved.size == 0:
            return "no threshold: the mean loss has no curvature at this point"
        if curved.min() < 0:
            return f"no threshold: negative curvature {curved.min():.4g}, the point is unstable at every rate"
        if self.linear.gradient_across > 1e-6:
            return (
                "not valid here: the mean gradient does not vanish in the curved directions "
                f"(the floor is about {self.linear.gradient_across:.3g} away)"
            )
        return "ok"

    @property
    def _noise_status(self) -> str:
        return LEAK if self.status == "ok" and self.linear.leaks else self.status

    @property
    def _reason(self) -> str:
        """Why noise sets no bound."""
        fast = [
            name
            for name, row in zip(self.loss.names, self.linear.directions, strict=True)
            if np.abs(row).max(initial=0.0) > 1e-8
        ]
        return f"because no sample multiplies {' or '.join(fast)}"

    def _estimate(self, value: float, unit: str, method: str, noise: bool = True, **more: Any) -> Estimate:
        status = self._noise_status if noise else self.status
        if status not in ("ok", LEAK):
            value = math.nan
        said = ("Linearised at the point: what happens far from it is another question.",)
        more["assumptions"] = said + more.pop("assumptions", ())
        return Estimate(value, unit=unit, method=method, status=status, **more)

    @property
    def _usable(self) -> bool:
        return self.status == "ok"

    # -- thresholds in the learning rate -------------------------------------------------------

    @cached_property
    def lr_deterministic(self) -> Estimate:
        """2/lambda_max: above it the mean diverges."""
        value = 2 / float(self.curvatures.max()) if self._usable else math.nan
        return self._estimate(value, "lr", "2/lambda_max", noise=False)

    @cached_property
    def lr_mean_square(self) -> Estimate:
        """Above it the variance diverges."""
        value = self.lr_deterministic.value
        if self._usable and self.linear.multiplies:
            value = mean_square.critical_rate(self.curvatures, self.linear.scatter)
        return self._estimate(value, "lr", "2/lambda_max(C^-1 D)")

    @cached_property
    def sde_mean_square(self) -> Estimate:
        """The first-order SDE's own bound for the variance: it leaves out the term eta^2 H x H."""
        value = math.nan
        reason: tuple[str, ...] = ()
        if self._usable and self.linear.multiplies:
            value = mean_square.critical_rate_of_sde(self.curvatures, self.linear.scatter)
        elif self._usable:
            value, reason = math.inf, (f"Infinite {self._reason}.",)
        return self._estimate(value, "lr", "first-order SDE, mean square", assumptions=reason)

    @cached_property
    def lr_almost_sure(self) -> Estimate:
        """Above it almost every path diverges: the end of the first interval of stability."""
        if not self._usable or not self.linear.multiplies:
            if not self._usable:
                return self._estimate(math.nan, "lr", "Lyapunov exponent")
            return self.lr_deterministic.with_(status=self._noise_status)
        if not self._almost_sure:
            return self._estimate(math.nan, "lr", "Lyapunov exponent").with_(status=NO_CROSSING)
        return self._almost_sure[0][1]

    @cached_property
    def intervals(self) -> tuple[tuple[float, float], ...]:
        """Learning rates at which almost every path is stable; there may be several intervals."""
        if not self._usable:
            return ()
        if not self.linear.multiplies:
            return ((0.0, self.lr_deterministic.value),)
        return tuple((low, high.value) for low, high in self._almost_sure)

    @cached_property
    def _almost_sure(self) -> list[tuple[float, Estimate]]:
        found = self._growth.stable_rates()
        return [(low, self._at_crossing(high, "lr", "Lyapunov exponent = 0")) for low, high in found]

    @cached_property
    def _growth(self) -> TopExponent:
        return TopExponent(self.loss, self.linear, self.batch, self.sampling, self.seed)

    def _at_crossing(self, found: Crossing, unit: str, method: str) -> Estimate:
        return self._estimate(found.value, unit, method, stat=found.stat, disc=1e-12 * found.value)

    # -- tails and noise -------------------------------------------------------------------------

    def tail_exponent(self, lr: float | None = None) -> Estimate:
        """Kesten's exponent alpha of the stationary tail, P(|u| > r) ~ r^-alpha: E|1 - lr h|^alpha = 1.

        Moments of order alpha and above are infinite; for alpha <= 4 no error bar on a variance holds.
        """
        eta = self.lr if lr is None else float(lr)
        method = "E|1 - lr h|^alpha = 1"
        if not (math.isfinite(eta) and eta > 0):
            raise ValueError(f"lr: got {eta:g}; expected a finite rate > 0")
        if not self._usable:
            return self._estimate(math.nan, "", method)
        if not self.linear.multiplies:
            if eta >= self.lr_deterministic.value:
                return self._estimate(math.nan, "", method).with_(
                    status="no stationary law: the mean diverges"
                )
            return self._estimate(math.inf, "", method, assumptions=(f"Infinite {self._reason}.",))
        if len(self.curvatures) > 1:
            side = "above" if eta < self.lr_mean_square.value else "at most"
            said = (
                f"computed for one curved direction only; here it is {side} 2, by the mean-square threshold"
            )
            return self._estimate(math.nan, "", method).with_(status=said)
        if float(self._growth.at(eta)[0]) >= 0:
            return self._estimate(math.nan, "", method).with_(
                status="no stationary law: almost every path diverges"
            )
        alpha = kesten_exponent(self._growth.factor, *self._growth.multiplier(eta))
        if math.isinf(alpha):
            reason = ("Infinite, or beyond 10^4: no sample stretches by more than it shrinks.",)
            return self._estimate(math.inf, "", method, assumptions=reason)
        return self._estimate(alpha, "", method, disc=1e-9 * alpha)

    @cached_property
    def noise_scale(self) -> Thresholds:
        """Thresholds in q of ``g -> E g + q (g - E g)`` at the given learning rate."""
        names = ("deterministic", "mean square", "almost sure")
        unit = "noise scale"
        if not self._usable:
            return Thresholds(*(self._estimate(math.nan, unit, n) for n in names))
        stable = self.lr * float(self.curvatures.max()) < 2
        mean_only = self._estimate(
            math.inf if stable else 0.0,
            unit,
            names[0],
            noise=False,
            assumptions=("The mean does not see the noise.",),
        )
        if not self.linear.multiplies:
            reason = (f"Infinite {self._reason}.",) if stable else ("The mean diverges without any noise.",)
            same = [self._estimate(mean_only.value, unit, n, assumptions=reason) for n in names[1:]]
            return Thresholds(mean_only, *same)
        square = 0.0
        if stable:
            square = mean_square.critical_noise(self.curvatures, self.linear.scatter, self.lr)
        return Thresholds(
            mean_only, self._estimate(square, unit, names[1]), self._noise_almost_sure(square or 1e-3)
        )

    def _noise_almost_sure(self, near: float) -> Estimate:
        found = self._growth.critical_noise(self.lr, near)
        if found is None:
            return self._estimate(math.nan, "noise scale", "almost sure").with_(status=NO_CROSSING)
        return self._at_crossing(found, "noise scale", "almost sure")
