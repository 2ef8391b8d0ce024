"""The drift potential of a valley in closed form, by integration over the curvature.

With noise ``Sigma_yy = sum_p c_p lambda^p`` across the valley and curvature noise
``Var h = c lambda^2``, the second moment is ``eta Sigma_yy/(2 lambda (1 - a lambda))``,
``a = eta (1 + c)/2`` (``a = eta c/2`` for the SDE), and ``V' = L0' + lambda' <u^2>/2`` depends on x
through lambda only, so that V is an integral over lambda of a rational function.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sympy

from fokkerplanck.formula import LEARNING_RATE

_HIGHEST_POWER = 4


@dataclass(frozen=True)
class Integrated:
    """``plain + sum coefficient * log(argument)``: exponentials of it become powers."""

    plain: Any
    logarithms: tuple[tuple[Any, Any], ...] = ()

    @property
    def expression(self) -> Any:
        return self.plain + sum(c * sympy.log(a) for c, a in self.logarithms)

    def boltzmann(self, temperature: Any) -> Any:
        """exp(-self/temperature)."""
        powers = [a ** tidy(-c / temperature) for c, a in self.logarithms]
        return sympy.exp(-tidy(self.plain / temperature)) * sympy.Mul(*powers)


def powers_of(expr: Any, curvature: Any, slow: Any) -> dict[int, Any] | None:
    """``{p: c_p}`` with expr = sum c_p curvature**p and c_p free of the slow variable; None if it has no "
    "such form."""
    found: dict[int, Any] = {}
    for term in sympy.Add.make_args(sympy.expand(expr)):
        for power in range(_HIGHEST_POWER + 1):
            ratio = tidy(term / curvature**power)
            if not ratio.has(slow):
                found[power] = found.get(power, sympy.S.Zero) + ratio
                break
        else:
            return _whole_power(expr, curvature, slow)
    return found


def _whole_power(expr: Any, curvature: Any, slow: Any) -> dict[int, Any] | None:
    """A sum whose terms are no powers may still be one as a whole, as lambda = 1 + x^2 is."""
    for power in range(_HIGHEST_POWER + 1):
        ratio = tidy(expr / curvature**power)
        if not ratio.has(slow):
            return {power: ratio}
    return None


def integrate_over_curvature(powers: dict[int, Any], a: Any, curvature: Any) -> Integrated:
    r""":math:`\int \frac{\eta\sum_p c_p\lambda^p}{4\lambda(1 - a\lambda)} d\lambda`."""
    plain: Any = sympy.S.Zero
    logs: dict[Any, Any] = {}
    wall = 1 - a * curvature
    for power, coefficient in powers.items():
        front = LEARNING_RATE * coefficient / 4
        if power == 0:
            logs[curvature] = logs.get(curvature, 0) + front
            if a != 0:
                logs[wall] = logs.get(wall, 0) - front
        elif a == 0:
            plain += front * curvature**power / power
        else:
            quotient = (curvature ** (k + 1) / ((k + 1) * a ** (power - 1 - k)) for k in range(power - 1))
            plain -= front * sum(quotient)
            logs[wall] = logs.get(wall, 0) - front / a**power
    return Integrated(plain, tuple((tidy(c), arg) for arg, c in logs.items()))


def integrate_along(expr: Any, slow: Any) -> Integrated:
    """Integral over the slow variable: in closed form if rational and small, else left as an Integral "
    "from 0."""
    if expr == 0:
        return Integrated(sympy.S.Zero)
    if expr.is_polynomial(slow):
        return Integrated(sympy.integrate(sympy.expand(expr), slow))
    if _is_small_rational(expr, slow):
        done = sympy.integrate(sympy.cancel(expr), slow)
        if not done.has(sympy.Integral, sympy.RootSum, sympy.I):
            return Integrated(done)
    inner = sympy.Symbol("t", real=True)
    return Integrated(sympy.Integral(expr.subs(slow, inner), (inner, 0, slow)))


def _is_small_rational(expr: Any, slow: Any) -> bool:
    """Whether sympy integrates it in no time: few operations, low degrees, no other symbols."""
    if sympy.count_ops(expr) > 60 or expr.free_symbols - {slow} or not expr.is_rational_function(slow):
        return False
    parts = sympy.fraction(sympy.together(expr))
    return all(not part.has(slow) or sympy.degree(part, slow) <= 4 for part in parts)


def tidy(expr: Any) -> Any:
    """sympy's simplify where it is quick, the expression as it is elsewhere."""
    return sympy.simplify(expr) if sympy.count_ops(expr) < 120 else expr


def combine(parts: Sequence[Integrated]) -> Integrated:
    """The sum."""
    return Integrated(sum(p.plain for p in parts), tuple(entry for p in parts for entry in p.logarithms))
