"""The trapezoidal rule, implicit in the drift, by two iterations of Newton's method."""

from __future__ import annotations

from fokkerplanck.codegen import real_form
from fokkerplanck.sampling.emit import Hoist, constant_names, join, lines_of
from fokkerplanck.sampling.emit_factor import coefficient_lines, names_of
from fokkerplanck.sampling.program import PathProgram
from fokkerplanck.sampling.schemes._linear import elimination, solution
from fokkerplanck.sampling.schemes._scheme import Scheme, Step

TEMPLATE = """

@lane
def drift($state, rate, $constants):
    $drift
    return ($drifts,)


@lane
def advance($state, $noise, h, rate, $constants):
    $advance
    return ($advanced,)
"""


class ImplicitTrapezoid(Scheme):
    r"""The trapezoidal rule in the drift, explicit in the noise, for stiff valleys.

    .. math:: X' = X + \tfrac h2\,\bigl(b(X) + b(X')\bigr) + \sqrt{2h}\,L(X)\,z

    by two iterations of Newton's method with the symbolic Jacobian J of the drift at X, factored once,
    :math:`I - \tfrac h2 J`. Bounded at every :math:`h\lambda` on a quadratic, where with constant D the
    stationary covariance is exact, with and without a current: so the slow drift along a stiff valley, which
    lives off :math:`\langle y^2\rangle`, is right though the step across is not resolved. (One iteration, a
    Rosenbrock step, would have a slow drift of the wrong sign for :math:`h\lambda > 2`, and implicit Euler
    a variance too small by :math:`1 + h\lambda/2`.) What decays fast oscillates,
    by :math:`(1 - h\lambda/2)/(1 + h\lambda/2)` a step, so that a law across is forgotten only after the time
    :math:`h^2\lambda/4`, which should stay short of the slow one. A direction that grows must be resolved,
    :math:`h\mu < 2`; beyond, paths are lost rather than wrong. With constant D it is of weak order 2.
    Kloeden, Platen (1992), section 15.4, has the drift-implicit family, as recalled; two iterations are our
    own choice.
    """

    name = "implicit-trapezoid"
    noise = "any"
    weak = 1
    weak_constant = 2
    strong = 0.5
    strong_constant = 1.0
    exact_variance = True
    stiff = True
    recommended = "stiff valleys, at steps far beyond the fast time scale; constant D with a current"

    def emit(self, program: PathProgram, hoist: Hoist) -> Step:
        """Newton's equation twice, with one elimination."""
        d, state = len(program.state), program.state
        jacobian = {
            (i, j): real_form(b.diff(s)) for i, b in enumerate(program.drift) for j, s in enumerate(state)
        }
        jacobian = {ij: e for ij, e in jacobian.items() if e != 0}
        c = coefficient_lines(program, hoist, list(jacobian.values()))
        drift_lines, drifts = lines_of([hoist(e) for e in program.drift], names_of(program, hoist))
        slopes = dict(zip(jacobian, c.more, strict=True))
        matrix = {(i, i): f"1.0 - half * {slopes[i, i]}" if (i, i) in slopes else "1.0" for i in range(d)}
        matrix |= {ij: f"-half * {slope}" for ij, slope in slopes.items() if ij[0] != ij[1]}
        lines, places = elimination(matrix, d)
        f = [" + ".join([f"h * {b}", *c.noise(i)]) for i, b in enumerate(c.drift)]
        lines = ["half = 0.5 * h", *(f"f{i} = {text}" for i, text in enumerate(f)), *lines]
        lines += solution("f", "g", places, d)
        there = [f"x{i} + g{i}" for i in range(d)]
        new, tail = [f"b{i}" for i in range(d)], join(["rate", *constant_names(hoist)])
        lines.append(f"{join(new)}, = drift({join(there)}, {tail})")
        lines += [f"q{i} = f{i} + half * (b{i} - {b}) - g{i}" for i, b in enumerate(c.drift)]
        lines += solution("q", "y", places, d)
        return Step(
            TEMPLATE,
            {
                "drift": drift_lines,
                "drifts": join(drifts),
                "advance": c.lines + lines,
                "advanced": join([f"x{i} + g{i} + y{i}" for i in range(d)]),
            },
        )
