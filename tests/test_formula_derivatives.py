"""Derivatives of everything the formula language can say."""

from __future__ import annotations

import pytest
import sympy

from fokkerplanck._algebra import Refusal, evaluate
from fokkerplanck.formula import derivative, parse, substitute, symbol
from tests.formulas import NAMES, X, Y


@pytest.mark.parametrize(
    "text",
    [
        "abs(x)",
        "abs(x*y)*x",
        "abs(log(y))",
        "abs(sqrt(x) - y)",
        "abs(1/x - y)",
        "abs(x**(1/3) - y)",
        "max(x, sqrt(y), 1)",
        "min(x, y, x*y, 2 - x)",
        "max(min(x, y), abs(log(x)))**2",
        "abs(abs(x - 2)*y - 1)",
        "tanh(max(0, x - y))",
        "abs(tan(x))",
        "x**y",
        "sqrt(x**2 + y**2)",
        "lam*exp(-abs(log(x)))",
        "abs(sqrt(x))*abs(x/y)",
        "min(abs(x), abs(y))**1.5",
        "cosh(x)/sinh(y)",
    ],
)
def test_derivatives_can_be_evaluated(text: str) -> None:
    expr = parse(text, NAMES)
    known = (
        sympy.Function,
        sympy.Add,
        sympy.Mul,
        sympy.Pow,
        sympy.Number,
        sympy.NumberSymbol,
        sympy.Symbol,
        sympy.Min,
        sympy.Max,
    )
    functions = {sympy.exp, sympy.log, sympy.sin, sympy.cos, sympy.tan, sympy.tanh, sympy.sinh, sympy.cosh,
                 sympy.Abs, sympy.sign, sympy.Heaviside}  # fmt: skip
    at = {X: 1.7, Y: 0.6, symbol("lam"): 2.0, symbol("kappa"): 1.0}
    for first in (X, Y):
        once = derivative(expr, first)
        assert evaluate(once, at) == pytest.approx(_difference(expr, first, at), rel=1e-6, abs=1e-6)
        for second in (X, Y):
            twice = derivative(once, second)
            assert evaluate(twice, at) == pytest.approx(_difference(once, second, at), rel=1e-6, abs=1e-6)
            for node in sympy.preorder_traversal(twice):
                assert isinstance(node, known)
                assert not isinstance(node, sympy.Function) or node.func in functions


def _difference(expr: sympy.Expr, variable: sympy.Symbol, at: dict[sympy.Symbol, float]) -> float:
    step = 1e-5
    high, low = ({**at, variable: at[variable] + sign * step} for sign in (1, -1))
    return (evaluate(expr, high) - evaluate(expr, low)) / (2 * step)


def test_derivative_at_a_kink_is_the_mean_of_both_sides() -> None:
    for text in ("abs(x)", "abs(log(1 + x))", "max(x, -x)"):
        assert evaluate(derivative(parse(text, ["x"]), X), {X: 0.0}) == 0.0


def test_substitute_keeps_abs_differentiable() -> None:
    expr = substitute(parse("abs(x) + abs(abs(x) - 1)", ["x"]), {X: parse("sqrt(y)", ["y"])})
    assert evaluate(derivative(expr, Y), {Y: 0.25}) == pytest.approx(0.0)
    assert evaluate(derivative(expr, Y), {Y: 4.0}) == pytest.approx(0.5)


def test_derivative_refuses_what_it_cannot_do() -> None:
    with pytest.raises(ValueError, match="no derivative"):
        derivative(sympy.Function("f")(X), X)


def test_evaluate_refuses() -> None:
    for expr in (sympy.zoo, sympy.I, sympy.log(X), 1 / X):
        with pytest.raises(Refusal):
            evaluate(expr, {X: 0.0})
