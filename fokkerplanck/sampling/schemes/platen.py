"""Platen's explicit scheme of weak order 2."""

from __future__ import annotations

from fokkerplanck.sampling.emit import Hoist, constant_names, join, lines_of
from fokkerplanck.sampling.emit_factor import cholesky_lines, factor_dependence, lower_entries, names_of
from fokkerplanck.sampling.program import PathProgram
from fokkerplanck.sampling.schemes._scheme import Scheme, Step

MOST = 1200  # entries of factors in a step: a full tensor of 8 variables, in a compilation of a minute or so

TEMPLATE = """

@lane
def drift($state, rate, $constants):
    $drift
    return ($drifts,)


@lane
def factor($state, rate, $constants):
    $factor
    return ($factors,)


@lane
def advance($state, $noise, h, rate, $constants):
    $advance
    return ($advanced,)
"""


class Platen(Scheme):
    r"""Platen's explicit scheme of weak order 2, without derivatives, for any noise.

    With the columns :math:`l_j` of the Cholesky factor of D, :math:`w = \sqrt{2h}\,z`, :math:`r = \sqrt{2h}`,

    .. math::
        X' = X + \tfrac h2\,\bigl(b(X + hb + Lw) + b\bigr)
             &+ \tfrac14 \sum_j \bigl(l_j(R_j^+) + l_j(R_j^-) + 2 l_j\bigr)\,w_j
              + \bigl(l_j(R_j^+) - l_j(R_j^-)\bigr)\,(w_j^2 - 2h)/r \\
             &+ \tfrac14 \sum_{j \ne k} \bigl(l_j(U_k^+) + l_j(U_k^-) - 2 l_j\bigr)\,w_j
              + \bigl(l_j(U_k^+) - l_j(U_k^-)\bigr)\,(w_j w_k + 2h\,s_{kj})/r

    at :math:`R_j^\pm = X + hb \pm r\,l_j` and :math:`U_k^\pm = X \pm r\,l_k`, with random signs
    :math:`s_{kj} = -s_{jk}`. Kloeden, Platen (1992), section 15.1, as recalled. It looks at the noise
    beyond the state: paths are lost where within a step's reach D ends (:math:`D = x` near 0), or a column
    of L turns round (:math:`D_{11}` passes through zero, :math:`D_{12}/\sqrt{D_{11}}` does not): take a
    shorter step, or Euler-Maruyama, whose law knows only D. At a kink of D or :math:`\sqrt{D}` the order
    falls.
    """

    name = "platen"
    noise = "any, smooth"
    weak = 2
    strong = 0.5
    strong_constant = 1.0
    recommended = "means at a given time under any noise, full and state-dependent too"

    def refusal(self, program: PathProgram) -> str:
        """A full tensor of many variables, seen from all its supporting points, compiles for minutes."""
        depends, d = factor_dependence(program), len(program.state)
        points = sum(4 for used in depends.values() if used)
        entries = points * len(cholesky_lines(dict.fromkeys(lower_entries(program), ""), d)[1])
        if entries <= MOST:
            return ""
        return (
            f"the factor of this diffusion tensor would be computed at {points} points a step, {entries} "
            f"numbers in all, and above {MOST} that compiles for minutes; take 'euler-maruyama', or a tensor "
            "with fewer entries that change in space"
        )

    def emit(self, program: PathProgram, hoist: Hoist) -> Step:
        """Supporting points only for columns that change there."""
        d, lower = len(program.state), lower_entries(program)
        drift = [hoist(e) for e in program.drift]
        tensor = [hoist(program.diffusion[ij]) for ij in lower]
        names = names_of(program, hoist)
        drift_lines, drifts = lines_of(drift, names)
        tensor_lines, entries = lines_of(tensor, names)
        rooted, factor = cholesky_lines(dict(zip(lower, entries, strict=True)), d)
        lines, advanced, signs = _stages(factor_dependence(program), list(factor), d, constant_names(hoist))
        blocks = {
            "drift": drift_lines,
            "drifts": join(drifts),
            "factor": tensor_lines + rooted,
            "factors": join(list(factor.values()) or ["0.0"]),
            "advance": lines,
            "advanced": join(advanced),
        }
        return Step(TEMPLATE, blocks, signs)


def _stages(
    depends: dict[int, set[int]], places: list[tuple[int, int]], d: int, constants: list[str]
) -> tuple[list[str], list[str], int]:
    """Lines of the step, the new state, and the number of signs."""
    x, tail = [f"x{i}" for i in range(d)], join(["rate", *constants])
    rows = {j: [i for i, k in places if k == j] for j in depends}
    lines = ["root = math.sqrt(2.0 * h)", "part = 0.25 * quotient(1.0, root)"]
    lines.append(f"{join([f'b{i}' for i in range(d)])}, = drift({join(x)}, {tail})")
    if places:
        lines.append(f"{join([f'l{i}_{j}' for i, j in places])}, = factor({join(x)}, {tail})")
    noise = [[f"l{i}_{j} * w{j}" for j in depends if i in rows[j]] for i in range(d)]
    lines += [f"y{i} = x{i} + h * b{i}" for i in range(d)]
    there = [" + ".join([f"y{i}", *noise[i]]) for i in range(d)]
    lines.append(f"{join([f'c{i}' for i in range(d)])}, = drift({join(there)}, {tail})")
    advanced = [[f"x{i} + 0.5 * h * (b{i} + c{i})", *noise[i]] for i in range(d)]

    def around(base: str, k: int, columns: list[int], weight: dict[int, str]) -> None:
        """Both points along column k: what they add to the noise of each of the columns."""
        for sign, end in (("+", "p"), ("-", "m")):
            at = [f"{base}{i} {sign} root * l{i}_{k}" if i in rows[k] else f"{base}{i}" for i in range(d)]
            seen = [f"{end}{base}{k}_{i}_{j}" if j in columns else "_" for i, j in places]
            lines.append(f"{join(seen)}, = factor({join(at)}, {tail})")
        for j in columns:
            if len(rows[j]) > 1:  # a column may turn round where its pivot passes through zero
                ends = [" * ".join(f"{end}{base}{k}_{i}_{j}" for end in "pm") for i in rows[j]]
                first = f"p{base}{k}_{rows[j][0]}_{j}"
                lines.append(f"{first} = where({' + '.join(ends)} >= 0.0, {first}, math.nan)")
            for i in rows[j]:
                p, m = (f"{end}{base}{k}_{i}_{j}" for end in "pm")
                advanced[i].append(f"0.25 * ({p} + {m} - 2.0 * l{i}_{j}) * w{j}")
                advanced[i].append(f"({p} - {m}) * (part * {weight[j]})")

    pairs: list[tuple[int, int]] = []
    for k, used in depends.items():
        if used:  # the drift, too, moves the point
            around("y", k, [k], {k: f"(w{k} * w{k} - 2.0 * h)"})
        columns = [j for j in depends if j != k and depends[j] & set(rows[k])]
        weight = {}
        for j in columns:
            pair = min(j, k), max(j, k)
            pairs += [] if pair in pairs else [pair]
            weight[j] = f"(w{j} * w{k} {'+' if k < j else '-'} 2.0 * h * s{pairs.index(pair)})"
        if columns:
            around("x", k, columns, weight)
    return lines, [" + ".join(terms) for terms in advanced], len(pairs)
