"""Whether the noise of a diffusion tensor commutes, and how its amplitude changes along itself."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import sympy

from fokkerplanck.codegen import numpy_function, real_form
from fokkerplanck.sampling.program import PathProgram
from fokkerplanck.sampling.schemes._scheme import is_constant

Terms = tuple[tuple[tuple[int, int], tuple[sympy.Expr, ...]], ...]  # (j, k), j <= k -> (l_j . grad) l_k

MOST = 3  # coordinates of a full tensor that changes in space: beyond, its symbolic factor fills pages
REMEDY = "take 'platen' (weak order 2) or 'euler-maruyama'"


@lru_cache(maxsize=64)
def commuting_terms(program: PathProgram) -> tuple[Terms, str]:
    r"""The terms :math:`(l_j\cdot\nabla)\,l_k` of the Cholesky factor's columns, or why there are none.

    Without a root: with :math:`D = U\,\mathrm{diag}(p)\,U^T`, :math:`l_j = \sqrt{p_j}\,u_j`, the diagonal
    ones are rational in D.
    """
    if is_constant(program):
        return (), ""
    if program.diffusion.is_diagonal():
        return _diagonal(program)
    if len(program.state) > MOST:
        return (), (
            "whether noise commutes is checked for full tensors that change in space up to "
            f"{MOST} variables, and here are {len(program.state)}; {REMEDY}"
        )
    return _full(program)


def _diagonal(program: PathProgram) -> tuple[Terms, str]:
    tensor, state = program.diffusion, program.state
    noisy = [i for i in range(len(state)) if tensor[i, i] != 0]
    found: list[tuple[tuple[int, int], tuple[sympy.Expr, ...]]] = []
    for i in noisy:
        if others := [state[k] for k in noisy if k != i and tensor[i, i].has(state[k])]:
            return (), (
                f"its noise must commute, and the noise of {state[i]} changes with {others[0]}, which has a "
                f"noise of its own; {REMEDY}"
            )
        change = [sympy.S.Zero] * len(state)
        change[i] = tensor[i, i].diff(state[i]) / 2
        found.append(((i, i), tuple(change)))
    return tuple(found), ""


def _full(program: PathProgram) -> tuple[Terms, str]:
    state, rest, d = program.state, sympy.Matrix(program.diffusion), len(program.state)
    columns: dict[int, tuple[sympy.Expr, sympy.Matrix]] = {}  # p and u
    for j in range(d):
        p = _short(rest[j, j])
        if _vanishes(p):
            if not all(_vanishes(rest[i, j]) for i in range(j + 1, d)):
                return (), f"its diffusion tensor is not positive semidefinite; {REMEDY}"
            continue
        u = sympy.Matrix([_short(rest[i, j] / p) if i >= j else sympy.S.Zero for i in range(d)])
        columns[j] = p, u
        rest = rest - p * u * u.T

    def along(u: sympy.Matrix, f: sympy.Expr) -> sympy.Expr:
        return sum(a * real_form(f.diff(s)) for a, s in zip(u, state, strict=True))

    found: list[tuple[tuple[int, int], tuple[sympy.Expr, ...]]] = []
    for j, (p, u) in columns.items():
        found.append(((j, j), tuple(_short(p * along(u, e) + e * along(u, p) / 2) for e in u)))
        for k, (q, v) in columns.items():
            if k <= j:
                continue
            there = [along(u, e) + e * along(u, q) / (2 * q) for e in v]
            back = [along(v, e) + e * along(v, p) / (2 * p) for e in u]
            if not all(_vanishes(a - b) for a, b in zip(there, back, strict=True)):
                return (), (
                    "its noise must commute, and the columns of this tensor's Cholesky factor do not, nor do "
                    f"those of most full tensors that change in space; {REMEDY}"
                )
            found.append(((j, k), tuple(sympy.sqrt(p * q) * _short(e) for e in there)))
    return tuple(found), ""


def _short(e: sympy.Expr) -> sympy.Expr:
    """Common factors of numerator and denominator cancelled, so that no 0/0 is left where it need not be."""
    return sympy.cancel(sympy.together(e))


def _vanishes(e: sympy.Expr) -> bool:
    """Whether an expression is zero: not at a few points, or else by simplification."""
    if e.is_Number:
        return bool(e == 0)
    symbols = sorted(e.free_symbols, key=str)
    points = np.random.default_rng(0).uniform(0.3, 1.7, (len(symbols), 5))
    (values,) = numpy_function([e], symbols)(*points)
    values = values[np.isfinite(values)]
    if values.size and np.abs(values).max() > 1e-8:
        return False
    return bool(sympy.simplify(e) == 0)
