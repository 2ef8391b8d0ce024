"""Milstein, for noise that commutes."""

from __future__ import annotations

from fokkerplanck.sampling.emit import Hoist, join
from fokkerplanck.sampling.emit_factor import coefficient_lines
from fokkerplanck.sampling.program import PathProgram
from fokkerplanck.sampling.schemes._commuting import commuting_terms
from fokkerplanck.sampling.schemes._scheme import ADVANCE, Scheme, Step


class Milstein(Scheme):
    r"""Milstein: Euler-Maruyama with the change of the noise amplitude within the step.

    .. math:: X' = X + h\,b + L w + \tfrac12 \sum_{jk} (l_j\cdot\nabla)\,l_k\,(w_j w_k - 2h\,\delta_{jk}),
              \qquad w = \sqrt{2h}\,z

    with the columns :math:`l_j` of the Cholesky factor of D. Only where they commute,
    :math:`(l_j\cdot\nabla)\,l_k = (l_k\cdot\nabla)\,l_j`, do increments suffice; this is checked
    symbolically: constant D, diagonal D of which each entry depends on its own coordinate, one noise for all
    coordinates. (The order is that for this factor, whose sign flips where a pivot passes through zero; the
    law does not mind, a path does.) Milstein (1974); Kloeden, Platen (1992), section 10.3, as recalled.
    """

    name = "milstein"
    noise = "commuting: constant, diagonal each of its own coordinate, rank one"
    weak = 1
    strong = 1.0
    bridge = True
    recommended = "paths themselves (strong order 1) under multiplicative noise that commutes"

    def refusal(self, program: PathProgram) -> str:
        """Columns of the factor must commute."""
        return commuting_terms(program)[1]

    def emit(self, program: PathProgram, hoist: Hoist) -> Step:
        """Euler-Maruyama and the corrections."""
        terms = [(jk, i, e) for jk, entries in commuting_terms(program)[0] for i, e in enumerate(entries)]
        terms = [(jk, i, e) for jk, i, e in terms if e != 0]
        c = coefficient_lines(program, hoist, [e for _, _, e in terms])
        advanced = [[f"x{i} + h * {b}", *c.noise(i)] for i, b in enumerate(c.drift)]
        lines = []
        for ((j, k), i, _), text in zip(terms, c.more, strict=True):
            square = f"0.5 * (w{j} * w{j} - 2.0 * h)" if j == k else f"w{j} * w{k}"
            lines.append(f"a{j}_{k} = {square}")
            advanced[i].append(f"{text} * a{j}_{k}")
        lines = list(dict.fromkeys(lines))
        return Step(
            ADVANCE, {"advance": c.lines + lines, "advanced": join([" + ".join(a) for a in advanced])}
        )
