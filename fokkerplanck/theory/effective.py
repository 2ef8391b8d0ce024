"""The effective loss of a valley: what the noise across it does to the motion along it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sympy

from fokkerplanck.formula import BATCH, LEARNING_RATE, derivative
from fokkerplanck.schedules import Schedule
from fokkerplanck.sde import SDE
from fokkerplanck.theory.closure import (
    Integrated,
    combine,
    integrate_along,
    integrate_over_curvature,
    powers_of,
    tidy,
)
from fokkerplanck.theory.floor import find_floor
from fokkerplanck.theory.inputs import Algorithm, settings
from fokkerplanck.theory.slow import SlowLaw


def effective_loss(sgd: Algorithm, slow: str, floor: Any = None) -> EffectiveLoss:
    r"""Effective loss along the slow direction of a valley with one slow and one fast direction.

    Derived from the Loss: floor, curvature and noise across it, stationary second moment

    .. math:: \langle u^2\rangle = \frac{\eta\Sigma_{yy}}{2\lambda - \eta(\lambda^2 + \mathrm{Var}\,h)},

    slow drift :math:`-V'`, :math:`V' = L_0' + \lambda'\langle u^2\rangle/2`, and slow diffusion
    :math:`D_x = \frac{\eta}{2}(\Sigma_{xx} + \frac12\partial_y^2\Sigma_{xx}\langle u^2\rangle)`.

    Parameters
    ----------
    sgd : SGD
        With one learning rate for all steps.
    slow : str
        The variable along the valley.
    floor : number or sympy expression in the constants, optional
        Where the valley's floor is, if there are several.

    Raises
    ------
    ValueError
        No valley, or a floor that bends (change variables so that it is straight).

    References
    ----------
    Yang, Tang, Tu, Phys. Rev. Lett. 130, 237101 (2023); the finite-learning-rate forms are derived here.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from fokkerplanck.loss import Loss, Normal
    >>> loss = Loss("exp(-x)*y**2/2 - s*y - r*x", ("x", "y"), {"s": Normal(0, 1), "r": Normal(0, 1)})
    >>> effective_loss(SimpleNamespace(loss=loss, lr=0.1, batch=4, sampling="iid"), slow="x").small_lr.drift
    eta/(4*B)
    """
    loss, lr, batch, sampling = settings(sgd)
    return EffectiveLoss(loss, lr, batch, find_floor(loss, slow, sampling, floor))


@dataclass(frozen=True)
class EffectiveLoss(SlowLaw):
    """The three effective losses of a valley and what they are made of; see :func:`effective_loss`.

    Expressions hold the constants, the learning rate ``eta`` and the batch size ``B`` as symbols;
    :meth:`evaluate` puts the numbers in.

    Attributes
    ----------
    drift_potential : V(x), the slow drift is -V'
    marginal : unnormalised density p(x) of the slow variable, or None (see `reasons`)
    joint_correction : L_SGD with P(x, y*) ~ exp(-(L + L_SGD)/Delta), or None (see `reasons`)
    curvature, flatness : lambda(x) and F = lambda^(-1/2)
    second_moment, slow_diffusion : <u^2> across the valley and D_x along it
    small_lr : the same for the first-order SDE
    """

    def __repr__(self) -> str:
        level = f"finite lr {self.lr:g}" if self.finite else "small-lr limit"
        return f"EffectiveLoss(V = {self.drift_potential}, {level}, batch {self.batch})"

    @property
    def curvature(self) -> Any:
        """lambda(x), the mean loss's second derivative across the floor (the sharpness)."""
        return self.floor.curvature

    @property
    def flatness(self) -> Any:
        """F = lambda^(-1/2)."""
        return 1 / sympy.sqrt(self.curvature)

    @cached_property
    def damping(self) -> Any:
        """eta (1 + Var h/lambda^2)/2, so that <u^2> = eta Sigma/(2 lambda (1 - damping lambda))."""
        relative = tidy(self.floor.curvature_noise / self.curvature**2)
        return LEARNING_RATE * (relative + (1 if self.finite else 0)) / 2

    @cached_property
    def second_moment(self) -> Any:
        """Stationary <(y - y*)^2> at fixed x."""
        stiffness = 2 * (1 - self.damping * self.curvature)
        return LEARNING_RATE * tidy(self.floor.noise_across / self.curvature) / stiffness

    @cached_property
    def slow_diffusion(self) -> Any:
        """D_x(x)."""
        growth = self.floor.noise_along_growth * self.second_moment
        return tidy(LEARNING_RATE * (self.floor.noise_along + growth) / 2)

    @cached_property
    def _potential(self) -> Integrated:
        bare = Integrated(self.floor.loss)
        steepness = derivative(self.curvature, self.slow)
        if steepness == 0 or self.floor.noise_across == 0:
            return bare
        powers = powers_of(self.floor.noise_across, self.curvature, self.slow)
        if powers is not None and not self.damping.has(self.slow):
            return combine([bare, integrate_over_curvature(powers, self.damping, self.curvature)])
        return combine([bare, integrate_along(tidy(steepness * self.second_moment / 2), self.slow)])

    @cached_property
    def steepening(self) -> Any:
        """-(ln F)' = lambda'/(2 lambda)."""
        return tidy(derivative(self.curvature, self.slow) / (2 * self.curvature))

    @property
    def drift_potential(self) -> Any:
        """V(x)."""
        return self._potential.expression

    @cached_property
    def drift(self) -> Any:
        """-V'(x), per unit time."""
        slope = derivative(self.floor.loss, self.slow)
        stretch = tidy(derivative(self.curvature, self.slow) / self.curvature)
        stiffness = 2 * (1 - self.damping * self.curvature)
        return -slope - LEARNING_RATE * stretch * self.floor.noise_across / (2 * stiffness)

    @cached_property
    def collapse(self) -> tuple[float, ...]:
        """Points of -10 < x < 10 where no noise acts along the valley (all of them: ``(nan,)``)."""
        if self.slow_diffusion == 0:
            return (float("nan"),)
        return self.zeros("slow_diffusion") if self.slow_diffusion.has(self.slow) else ()

    @cached_property
    def marginal(self) -> Any:
        """p(x) ~ exp(-int V'/D_x)/D_x, not normalised; None where `reasons` says why."""
        if self.collapse:
            return None
        if not self.slow_diffusion.has(self.slow):
            return self._potential.boltzmann(self.slow_diffusion)
        whole = integrate_along(tidy(-self.drift / self.slow_diffusion), self.slow)
        return whole.boltzmann(sympy.S.One) / self.slow_diffusion

    @cached_property
    def joint_correction(self) -> Any:
        """L_SGD(x), up to a constant; None where `reasons` says why."""
        noise = LEARNING_RATE * self.floor.noise_across / 2
        if noise == 0 or noise.has(self.slow) or self.collapse:
            return None
        if not self.slow_diffusion.has(self.slow):
            ratio = tidy(noise / self.slow_diffusion)
            return tidy((ratio - 1) * self.floor.loss) + self._joint_noise_part(ratio, noise)
        exponent = integrate_along(tidy(-self.drift / self.slow_diffusion), self.slow).expression
        spread = sympy.log(self.second_moment / noise) / 2
        return noise * (exponent + sympy.log(self.slow_diffusion / noise) + spread) - self.floor.loss

    def _joint_noise_part(self, ratio: Any, noise: Any) -> Any:
        """ratio (V - L0) + (Delta/2) ln(<u^2>/Delta), logarithms of equal argument taken together."""
        logs = dict.fromkeys([self.curvature, 1 - self.damping * self.curvature], sympy.S.Zero)
        for argument in logs:
            logs[argument] -= noise / 2
        for coefficient, argument in self._potential.logarithms:
            logs[argument] = logs.get(argument, sympy.S.Zero) + ratio * coefficient
        plain = ratio * (self._potential.plain - self.floor.loss)
        return plain + sum(sympy.factor(tidy(c)) * sympy.log(a) for a, c in logs.items())

    @property
    def anisotropy(self) -> Any:
        """Sigma_yy/Sigma_xx on the floor (kappa), where it is constant; else None."""
        if self.floor.noise_along == 0:
            return None
        ratio = tidy(self.floor.noise_across / self.floor.noise_along)
        return None if ratio.has(self.slow) else ratio

    @property
    def reasons(self) -> Mapping[str, str]:
        """Why an object is None, a sentence for each that is."""
        reasons: dict[str, str] = {}
        if self.collapse:
            where = (
                "everywhere on the floor"
                if np.isnan(self.collapse[0])
                else (f"at {self.slow} = {', '.join(f'{c:g}' for c in self.collapse)}")
            )
            reasons["marginal"] = (
                f"no stationary density: no noise acts along the valley {where}, so the chain collapses onto "
                "such a line or never crosses it"
            )
        if self.joint_correction is None:
            reasons["joint_correction"] = reasons.get("marginal") or (
                f"not defined: the noise across the valley, {self.floor.noise_across}, changes along it, "
                "so that "
                "exp(-L/Delta) has no single Delta"
            )
        return reasons

    @cached_property
    def small_lr(self) -> EffectiveLoss:
        """The same objects for the first-order SDE, to leading order in the learning rate at fixed eta/B."""
        return EffectiveLoss(self.loss, self.lr, self.batch, self.floor, finite=False)

    def at(self, lr: float, batch: int) -> EffectiveLoss:
        """The same expressions with other numbers; nothing is derived again."""
        for name in ("drift", "drift_potential", "marginal", "steepening"):
            getattr(self, name)
        other = copy.copy(self)  # with every expression found so far
        object.__setattr__(other, "lr", float(lr))
        object.__setattr__(other, "batch", int(batch))
        if self.finite:
            other.__dict__["small_lr"] = self.small_lr.at(lr, batch)
        return other

    @property
    def sde(self) -> SDE:
        """The one-dimensional Ito SDE of the slow variable, learning rate and batch put in."""
        numbers = {LEARNING_RATE: sympy.Rational(repr(self.lr)), BATCH: sympy.Integer(self.batch)}
        return SDE.from_expressions(
            (self.slow,),
            sympy.Matrix([[self.drift.subs(numbers)]]),
            sympy.Matrix([[self.slow_diffusion.subs(numbers)]]),
            dict(zip(self.loss.parameters, self.loss.parameter_values, strict=True)),
            schedule=Schedule(self.lr),
            assumptions=self.assumptions,
        )

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What had to be assumed, a sentence each."""
        level = (
            "Finite learning rate: exact second moment of the linear chain across the valley."
            if self.finite
            else "Small learning rate: the first-order SDE; the chain differs from it by about eta lambda/2."
        )
        said = [
            f"Adiabatic: motion along {self.slow} is slow against the rate lambda across, whose law is "
            "stationary.",
            level,
            f"Fluctuations of the drift along {self.slow} about its mean are left out of its diffusion.",
        ]
        if self.floor.quartic != 0:
            said.append("Quadratic across the valley: <u^2> d^4L/dy^4 is far below lambda.")
        return tuple(said)
