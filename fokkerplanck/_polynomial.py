"""Polynomials in sample variables whose coefficients are expressions in everything else."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import sympy

Polynomial = dict[tuple[int, ...], Any]  # exponents of the sample symbols -> coefficient

MAX_DEGREE = 16  # of a gradient in the sample variables
MAX_TERMS = 200  # of one expression: a covariance costs its square


class NotPolynomialError(Exception):
    """Some sample symbols enter the expression in another way than as a polynomial."""

    def __init__(self, part: Any, symbols: set[Any]) -> None:
        super().__init__(str(part))
        self.part, self.symbols = part, symbols


def polynomial(expr: Any, symbols: Sequence[Any]) -> Polynomial:
    """The expression as a polynomial in the symbols; nothing but these is expanded."""
    held = expr.free_symbols.intersection(symbols)
    zero = (0,) * len(symbols)
    if not held:
        return {zero: expr}
    if expr.is_Symbol:
        return {tuple(int(expr == s) for s in symbols): sympy.S.One}
    if expr.is_Add:
        total: Polynomial = {}
        for part in expr.args:
            add_into(total, polynomial(part, symbols))
        return total
    if expr.is_Mul:
        product: Polynomial = {zero: sympy.S.One}
        for part in expr.args:
            product = multiply(product, polynomial(part, symbols))
        return product
    if expr.is_Pow and expr.exp.is_Integer and expr.exp > 0:
        base = polynomial(expr.base, symbols)
        if int(expr.exp) > MAX_DEGREE:
            raise ValueError(_too_high(expr))
        product = {zero: sympy.S.One}
        for _ in range(int(expr.exp)):
            product = multiply(product, base)
        return product
    raise NotPolynomialError(expr, held)


def add_into(total: Polynomial, other: Polynomial, weight: Any = sympy.S.One) -> None:
    """total += weight * other; vanished terms go."""
    for power, coefficient in other.items():
        value = total.get(power, sympy.S.Zero) + weight * coefficient
        if value == 0:
            total.pop(power, None)
        else:
            total[power] = value


def multiply(left: Polynomial, right: Polynomial, highest: int = MAX_DEGREE) -> Polynomial:
    """The product, refused where it grows beyond the limits."""
    product: Polynomial = {}
    for (p, a), (q, b) in itertools.product(left.items(), right.items()):
        power = tuple(i + j for i, j in zip(p, q, strict=True))
        if sum(power) > highest:
            raise ValueError(_too_high("the loss"))
        add_into(product, {power: a * b})
        if len(product) > MAX_TERMS:
            raise ValueError(
                f"formula: more than {MAX_TERMS} terms in the sample variables; "
                "write the loss with fewer sample variables or lower powers of them"
            )
    return product


def _too_high(what: Any) -> str:
    return (
        f"formula: the degree of {what} in the sample variables is above {MAX_DEGREE}, the limit; "
        "give the power its own sample variable, or a data set that tabulates it"
    )
