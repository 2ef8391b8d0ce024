"""``abs``, ``min`` and ``max`` in forms whose derivatives are functions: ``sign`` and ``Heaviside``.

Sympy differentiates ``Abs(log(x))`` through re, im and atan2, because log(x) may be complex; the maximum of u
and -u is the same number and stays clean.
"""

from __future__ import annotations

from collections.abc import Mapping

import sympy

NOT_FINITE = (sympy.nan, sympy.zoo, sympy.oo, -sympy.oo)
_NOT_NUMERIC = (sympy.Derivative, sympy.Subs, sympy.re, sympy.im, sympy.arg, sympy.conjugate, sympy.I)


def absolute(argument: sympy.Expr) -> sympy.Expr:
    """Abs, or max(u, -u) where sympy cannot know that u is real."""
    if argument.is_extended_real:
        return sympy.Abs(argument)
    return sympy.Max(argument, -argument, evaluate=False)


def derivative(expr: sympy.Expr, variable: sympy.Symbol) -> sympy.Expr:
    """The derivative, with ``sign`` and ``Heaviside`` at kinks and without the deltas of second derivatives.

    The value at a kink is the mean of both sides; a delta is zero everywhere else and cannot be evaluated.

    Raises
    ------
    ValueError
        If sympy finds no derivative that can be evaluated.

    Examples
    --------
    >>> from fokkerplanck.formula import parse, symbol
    >>> x = symbol("x")
    >>> derivative(parse("abs(x)*x", ["x"]), x)
    x*sign(x) + Abs(x)
    """
    result = _real_kinks(sympy.sympify(expr)).diff(variable)
    if result.has(sympy.DiracDelta):
        result = result.replace(sympy.DiracDelta, lambda *_: sympy.S.Zero)
    if result.has(*_NOT_NUMERIC, *NOT_FINITE):
        raise ValueError(f"{expr} has no derivative in {variable} that can be evaluated")
    return result


def substitute(expr: sympy.Expr, values: Mapping[sympy.Symbol, sympy.Expr]) -> sympy.Expr:
    """Expressions put in for symbols; ``abs`` keeps a form that can be differentiated.

    Examples
    --------
    >>> from fokkerplanck.formula import parse, symbol
    >>> x, y = symbol("x"), symbol("y")
    >>> substitute(parse("abs(x)", ["x"]), {x: parse("log(y)", ["y"])})
    Max(-log(y), log(y))
    """
    kinks = {kink: absolute(substitute(kink.args[0], values)) for kink in expr.atoms(sympy.Abs)}
    return expr.xreplace({**kinks, **values})


def _real_kinks(expr: sympy.Expr) -> sympy.Expr:
    """Abs and sign of what sympy does not know to be real, in forms that differentiate to Heaviside."""
    unknown = [kink for kink in expr.atoms(sympy.Abs, sympy.sign) if not kink.args[0].is_extended_real]
    if not unknown:
        return expr
    forms = {}
    for kink in unknown:
        inner = _real_kinks(kink.args[0])
        forms[kink] = absolute(inner) if isinstance(kink, sympy.Abs) else 2 * sympy.Heaviside(inner) - 1
    return expr.xreplace(forms)
