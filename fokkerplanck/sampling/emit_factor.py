"""Lines of a step that compute its coefficients: drift, and Cholesky factor of the diffusion tensor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy

from fokkerplanck.formula import LEARNING_RATE
from fokkerplanck.sampling.emit import Hoist, lines_of, named
from fokkerplanck.sampling.program import PathProgram

Entries = dict[tuple[int, int], str]  # code of the nonzero lower entries of a matrix


@dataclass(frozen=True)
class Coefficients:
    """Lines that compute them, and the texts of the results."""

    lines: list[str]
    drift: list[str]
    factor: Entries
    more: list[str]

    def noise(self, i: int) -> list[str]:
        """Terms of L w in row i."""
        return [f"{entry} * w{j}" for (row, j), entry in sorted(self.factor.items()) if row == i]


def cholesky_lines(entries: Entries, d: int) -> tuple[list[str], Entries]:
    """Lines that compute the Cholesky factor of a semidefinite matrix, and its entries."""
    lines: list[str] = []
    factor: Entries = {}
    for j in range(d):
        for i in range(j, d):
            inner = [f"l{i}_{m} * l{j}_{m}" for m in range(j) if (i, m) in factor and (j, m) in factor]
            if (i, j) not in entries and not inner:
                continue
            value = " - ".join([entries.get((i, j), "0.0"), *inner])
            if i == j:
                lines.append(f"l{j}_{j} = pivot_root({value}, {entries.get((j, j), '0.0')})")
            elif (j, j) in factor:
                lines.append(f"l{i}_{j} = quotient({value}, l{j}_{j})")
            else:  # an off-diagonal entry over a zero on the diagonal: not semidefinite
                lines.append(f"l{i}_{j} = math.nan")
            factor[i, j] = f"l{i}_{j}"
    return lines, factor


def lower_entries(program: PathProgram) -> list[tuple[int, int]]:
    """Places of the diffusion tensor that are not zero, on and below the diagonal."""
    return [(i, j) for i in range(len(program.state)) for j in range(i + 1) if program.diffusion[i, j] != 0]


def names_of(program: PathProgram, hoist: Hoist) -> dict[sympy.Symbol, str]:
    """Internal names of the symbols of a step; to be asked for once all its formulas are hoisted."""
    rate = {LEARNING_RATE: "rate"} if program.scheduled else {}
    return named(hoist, x=program.state) | rate


def coefficient_lines(program: PathProgram, hoist: Hoist, more: Sequence[sympy.Expr] = ()) -> Coefficients:
    """Drift, factor, and `more` expressions, with shared sub-expressions computed once."""
    d, lower = len(program.state), lower_entries(program)
    expressions = [hoist(e) for e in (*program.drift, *(program.diffusion[ij] for ij in lower), *more)]
    lines, results = lines_of(expressions, names_of(program, hoist))
    tensor = dict(zip(lower, results[d : d + len(lower)], strict=True))
    rooted, factor = cholesky_lines(tensor, d)
    return Coefficients(lines + rooted, results[:d], factor, results[d + len(lower) :])


def factor_dependence(program: PathProgram) -> dict[int, set[int]]:
    """Coordinates on which each column of the Cholesky factor depends; empty columns are left out."""
    d, state = len(program.state), program.state
    found: dict[tuple[int, int], set[int]] = {}
    for j in range(d):
        for i in range(j, d):
            inner = [(i, m) for m in range(j) if (i, m) in found and (j, m) in found]
            if program.diffusion[i, j] == 0 and not inner:
                continue
            used = {k for k, s in enumerate(state) if program.diffusion[i, j].has(s)}
            for _, m in inner:
                used |= found[i, m] | found[j, m]
            found[i, j] = used | found.get((j, j), set())
    columns: dict[int, set[int]] = {}
    for (_, j), used in found.items():
        columns[j] = columns.get(j, set()) | used
    return columns
