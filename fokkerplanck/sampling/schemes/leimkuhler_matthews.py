"""Leimkuhler-Matthews."""

from __future__ import annotations

from fokkerplanck.sampling.emit import Hoist, join
from fokkerplanck.sampling.emit_factor import coefficient_lines
from fokkerplanck.sampling.program import PathProgram
from fokkerplanck.sampling.schemes._scheme import ADVANCE, Scheme, Step, is_constant


class LeimkuhlerMatthews(Scheme):
    r"""Leimkuhler-Matthews: Euler-Maruyama with the mean of two normal numbers that follow each other.

    .. math:: X_{k+1} = X_k + h\,b(X_k) + \sqrt{2h}\,L\,\tfrac12(z_k + z_{k+1}), \qquad LL^T = D

    for constant D. One evaluation of the drift a step, yet the stationary law is of order 2 where no current
    flows (:math:`D^{-1}b` is a gradient), and there :math:`\langle y^2\rangle` of a quadratic is exact for
    :math:`h\lambda < 2`. With a current it is of order 1, as is the law at a fixed time; each end of a path
    lacks half a normal number, so that the strong order is 1/2. Leimkuhler, Matthews (2013), Appl. Math. Res.
    Express 2013, 34-56; orders: Leimkuhler, Matthews, Tretyakov (2014); processed: Vilmart (2015); all
    as recalled.
    """

    name = "leimkuhler-matthews"
    noise = "constant D"
    weak = 1
    strong = 0.5
    stationary = 2
    exact_variance = True
    previous = True
    recommended = "stationary laws of constant D without a current, at the price of Euler-Maruyama"

    def refusal(self, program: PathProgram) -> str:
        """D must be the same everywhere."""
        if is_constant(program):
            return ""
        changing = ", ".join(str(s) for s in program.state if program.diffusion.has(s))
        return f"it needs a constant diffusion tensor, and this one changes with {changing}; take 'platen'"

    def emit(self, program: PathProgram, hoist: Hoist) -> Step:
        """The noise of a step is half its own and half that of the step before."""
        c = coefficient_lines(program, hoist)
        mixed = [f"w{j} = 0.5 * (v{j} + w{j})" for j in range(len(program.state))]
        advanced = [" + ".join([f"x{i} + h * {b}", *c.noise(i)]) for i, b in enumerate(c.drift)]
        return Step(ADVANCE, {"advance": c.lines + mixed, "advanced": join(advanced)})
