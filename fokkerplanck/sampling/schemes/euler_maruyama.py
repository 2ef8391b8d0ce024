"""Euler-Maruyama."""

from __future__ import annotations

from fokkerplanck.sampling.emit import Hoist, join
from fokkerplanck.sampling.emit_factor import coefficient_lines
from fokkerplanck.sampling.program import PathProgram
from fokkerplanck.sampling.schemes._scheme import ADVANCE, Scheme, Step


class EulerMaruyama(Scheme):
    r"""Euler-Maruyama: the coefficients of the start hold for the whole step.

    .. math:: X' = X + h\,b(X) + \sqrt{2h}\,L(X)\,z, \qquad LL^T = D

    L is the Cholesky factor, computed in the kernel; D may be singular. On a quadratic with constant D and
    curvature :math:`\lambda` it needs :math:`h\lambda < 2`, and its variance is too large by the factor
    :math:`1/(1 - h\lambda/2)`: with Gaussian noise it *is* SGD at h = lr. Maruyama (1955), as recalled.
    """

    name = "euler-maruyama"
    noise = "any"
    weak = 1
    strong = 0.5
    strong_constant = 1.0
    bridge = True
    recommended = "a first answer; first passage; the cheapest step"

    def emit(self, program: PathProgram, hoist: Hoist) -> Step:
        """State, drift, noise."""
        c = coefficient_lines(program, hoist)
        advanced = [" + ".join([f"x{i} + h * {b}", *c.noise(i)]) for i, b in enumerate(c.drift)]
        return Step(ADVANCE, {"advance": c.lines, "advanced": join(advanced)})
