"""Drift and diffusion read from formulas, in any interpretation, into those of the Itô equation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy

from fokkerplanck import formula

# Itô drift = b + a div D.
INTERPRETATIONS = {
    "ito": sympy.Integer(0),
    "stratonovich": sympy.Rational(1, 2),
    "anti-ito": sympy.Integer(1),
}

Parse = Callable[[Any, str], sympy.Expr]  # formula and what it is called -> expression


@dataclass(frozen=True)
class Coefficients:
    """Itô drift (d, 1) and diffusion (d, d) of ``dX = b dt + sqrt(2D) dW``, and numbers for their symbols."""

    variables: tuple[sympy.Symbol, ...]
    drift: sympy.Matrix
    diffusion: sympy.Matrix
    parameters: Mapping[sympy.Symbol, float]


def read_coefficients(
    variables: Sequence[str],
    drift: Sequence[Any],
    diffusion: Any,
    noise: Any,
    where: Mapping[str, Any] | None,
    constants: Mapping[str, float] | None,
    interpretation: str,
) -> Coefficients:
    """Read what a user types; see `fokkerplanck.SDE` for the arguments and what is refused."""
    if isinstance(variables, str):
        raise ValueError(f"variables is a sequence of names, such as ('x',); got the text {variables!r}")
    names = tuple(variables)
    numbers = {k: formula.parse_number(v, what=f"constant {k!r}") for k, v in dict(constants or {}).items()}
    if len(set(names)) != len(names) or not names:
        raise ValueError(f"variables must be different names, at least one; got {names}")
    if twice := set(names) & set(numbers):
        raise ValueError(
            f"constants holds {', '.join(sorted(twice))}, which is a variable too: rename one of the two"
        )
    if interpretation not in INTERPRETATIONS:
        raise ValueError(f"interpretation is {interpretation!r}; take one of {', '.join(INTERPRETATIONS)}")
    if (diffusion is None) == (noise is None):
        raise ValueError("give either diffusion= (D of dX = b dt + sqrt(2 D) dW) or noise= (sigma), not both")
    definitions = formula.resolve(dict(where or {}), (*names, *numbers))
    known = (*names, *numbers, *(s.name for s in definitions))

    def parse(text: Any, what: str) -> sympy.Expr:
        return formula.parse(text, known, what=what).subs(definitions)

    d = len(names)
    if isinstance(drift, str) or len(drift) != d:
        raise ValueError(f"drift needs {d} formulas, one for each of {', '.join(names)}; got {drift!r}")
    symbols = tuple(formula.symbol(n) for n in names)
    b = sympy.Matrix(d, 1, [parse(f, f"drift of {n}") for f, n in zip(drift, names, strict=True)])
    share = INTERPRETATIONS[interpretation]
    if noise is not None:
        sigma = _rectangle(noise, d, parse)
        tensor = (sigma * sigma.T) / 2
        b = b + share * _noise_induced(sigma, symbols)
    else:
        tensor = _tensor(diffusion, d, parse)
        b = b + share * divergence(tensor, symbols)
    return Coefficients(symbols, b, tensor, {formula.symbol(n): v for n, v in numbers.items()})


def divergence(tensor: sympy.Matrix, variables: Sequence[sympy.Symbol]) -> sympy.Matrix:
    """Row divergence of a tensor, (d, 1)."""
    rows = [sum(tensor[i, j].diff(x) for j, x in enumerate(variables)) for i in range(tensor.rows)]
    return sympy.Matrix(len(rows), 1, rows)


def _noise_induced(sigma: sympy.Matrix, variables: Sequence[sympy.Symbol]) -> sympy.Matrix:
    r""":math:`\sigma_{kj}\partial_k\sigma_{ij}`, of which Stratonovich adds half, and anti-Itô all."""
    pairs = [(k, x, j) for k, x in enumerate(variables) for j in range(sigma.cols)]
    rows = [sum(sigma[k, j] * sigma[i, j].diff(x) for k, x, j in pairs) for i in range(sigma.rows)]
    return sympy.Matrix(len(rows), 1, rows)


def _tensor(given: Any, d: int, parse: Parse) -> sympy.Matrix:
    """D from a scalar, a diagonal or a full matrix of formulas."""
    if given is None or isinstance(given, str | int | float | sympy.Basic):
        return parse(given, "diffusion") * sympy.eye(d)
    rows = given.tolist() if hasattr(given, "tolist") else list(given)
    if len(rows) != d:
        raise ValueError(
            f"diffusion has {len(rows)} rows for {d} variables: give a scalar, {d} entries, or {d} x {d}"
        )
    if all(isinstance(r, list | tuple) for r in rows):
        if any(len(r) != d for r in rows):
            raise ValueError(f"diffusion must be {d} x {d}; its rows have {[len(r) for r in rows]} entries")
        full = sympy.Matrix(d, d, [parse(e, "diffusion") for r in rows for e in r])
        if sympy.simplify(full - full.T) != sympy.zeros(d):
            raise ValueError("diffusion must be a symmetric tensor; its off-diagonal entries differ")
        return full
    return sympy.diag(*(parse(e, "diffusion") for e in rows))


def _rectangle(given: Any, d: int, parse: Parse) -> sympy.Matrix:
    """The d x m matrix of noise amplitudes from rows, or from a column of formulas."""
    rows = given.tolist() if hasattr(given, "tolist") else [given] if isinstance(given, str) else list(given)
    rows = [r if isinstance(r, list | tuple) else [r] for r in rows]
    if len(rows) != d or len({len(r) for r in rows}) != 1:
        raise ValueError(f"noise must have {d} rows of equal length, one for each variable; got {given!r}")
    return sympy.Matrix(d, len(rows[0]), [parse(e, "noise") for r in rows for e in r])


__all__ = ["INTERPRETATIONS", "Coefficients", "divergence", "read_coefficients"]
