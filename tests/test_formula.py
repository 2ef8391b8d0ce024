"""The formula language: what parses means what it says, and so do numbers and definitions."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import mpmath
import pytest
import sympy
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from fokkerplanck import formula
from fokkerplanck._algebra import evaluate
from fokkerplanck.formula import BATCH, LEARNING_RATE, FormulaError, parse, parse_number, resolve, symbol
from tests.formulas import NAMES, X, Y, parsed, refused

# What parses


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lam/2*y**2 - x", symbol("lam") * Y**2 / 2 - X),
        ("0.1", sympy.Rational(1, 10)),
        (".5e-1*x", X / 20),
        ("1.", sympy.Integer(1)),
        ("-x**2", -(X**2)),
        ("2**-x", 2**-X),
        ("x - y - x", -Y),
        ("x/y/x*y*y", Y),
        ("+x", X),
        (" \t(x\n + y) ", X + Y),
        ("sqrt(x**2)", sympy.Abs(X)),
        ("sin(pi/6)", sympy.Rational(1, 2)),
        ("max(1, 2, x, 1.5)", sympy.Max(2, X)),
        ("min(pi, 3)", sympy.Integer(3)),
        ("abs(1 - pi)", sympy.pi - 1),
        ("abs(x)", sympy.Abs(X)),
        ("exp(1)", sympy.E),
        ("x**0.5", sympy.sqrt(X)),
        ("kappa**x", symbol("kappa") ** X),
    ],
)
def test_parses_exactly(text: str, expected: sympy.Expr) -> None:
    assert parse(text, NAMES) == expected


@pytest.mark.parametrize("name", [*"SNEIOQCB_", "beta", "gamma", "zeta", "lambda_", "re", "Symbol", "eta"])
def test_names_never_clash_with_sympy(name: str) -> None:
    expr = parse(f"2*{name} + {name}**2", [name])
    assert expr.free_symbols == {symbol(name)}
    assert expr.subs(symbol(name), 3) == 15
    assert not expr.free_symbols & {LEARNING_RATE, BATCH}


def test_numbers_and_sympy_expressions_are_taken_too() -> None:
    assert parse(0.1, ()) == sympy.Rational(1, 10)
    assert parse(3, ()) == 3
    assert parse(sympy.Symbol("x") * 0.5 + sympy.Symbol("y", positive=True), NAMES) == X / 2 + Y
    assert parse(sympy.sin(X) ** 2 + sympy.Max(X, 1, Y), NAMES) == sympy.sin(X) ** 2 + sympy.Max(X, 1, Y)
    assert "nearest" not in str(refused(lambda: parse(sympy.Symbol("lamm"), NAMES)))
    assert "did you mean 'lam'" in str(refused(lambda: parse(sympy.Symbol("lamm"), NAMES)))


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, True, None, [1], b"x", 1e200, sympy.I * X, sympy.gamma(X), sympy.oo]
)
def test_other_objects_are_refused(value: object) -> None:
    refused(lambda: parse(value, NAMES))  # type: ignore[arg-type]


# A formula evaluates to what its tree says


Node = tuple[str, Callable[[], mpmath.mpf]]
AT = {"x": mpmath.mpf("1.37"), "y": mpmath.mpf("-0.61")}


def _leaf(text: str) -> Node:
    return text, lambda: AT[text] if text in AT else mpmath.pi() if text == "pi" else mpmath.mpf(text)


def _unary(name: str, inner: Node) -> Node:
    of = {"abs": abs, "": lambda v: v, "-": lambda v: -v}.get(name) or getattr(mpmath, name)

    def value() -> mpmath.mpf:
        at = inner[1]()
        assume(not (name in ("log", "sqrt") and at <= 0) and abs(at) < 30)
        return of(at)

    return f"{name}({inner[0]})", value


def _binary(sign: str, left: Node, right: Node) -> Node:
    of: dict[str, Callable[[mpmath.mpf, mpmath.mpf], mpmath.mpf]] = {
        "+": lambda a, b: a + b,
        "-": lambda a, b: a - b,
        "*": lambda a, b: a * b,
        "/": lambda a, b: a / b,
    }

    def value() -> mpmath.mpf:
        a, b = left[1](), right[1]()
        assume(sign != "/" or abs(b) > 1e-9)
        return of[sign](a, b)

    return f"({left[0]} {sign} {right[0]})", value


def _choice(name: str, inner: list[Node]) -> Node:
    of = min if name == "min" else max
    return f"{name}({', '.join(text for text, _ in inner)})", lambda: of(value() for _, value in inner)


def _power(inner: Node, exponent: int) -> Node:
    return f"({inner[0]})**{exponent}", lambda: inner[1]() ** exponent


UNARY = ["exp", "log", "sqrt", "sin", "cos", "tan", "tanh", "sinh", "cosh", "abs", "-", ""]
TREES = st.recursive(
    st.sampled_from(["x", "y", "pi", "2", "0.3", "1.5e-1", "7"]).map(_leaf),
    lambda inner: st.one_of(
        st.builds(_binary, st.sampled_from("+-*/"), inner, inner),
        st.builds(_unary, st.sampled_from(UNARY), inner),
        st.builds(_choice, st.sampled_from(["min", "max"]), st.lists(inner, min_size=2, max_size=3)),
        st.builds(_power, inner, st.integers(0, 3)),
    ),
    max_leaves=8,
)
LIMITS = "constants that cancel|too many|a number|it has more|more than|exponent|the abs"


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(TREES)
def test_formula_means_its_tree(tree: Node) -> None:
    text, value = tree
    with mpmath.workdps(60):
        expected = value()
        assume(abs(expected) < 1e12)
        expr = parsed(text)
        if isinstance(expr, FormulaError):
            assert re.match(LIMITS, expr.reason)  # a limit, not a misreading
            return
        actual = sympy.lambdify([X, Y], expr, "mpmath")(AT["x"], AT["y"])
        assert abs(actual - expected) < 1e-30 * (1 + abs(expected))
        if abs(expected) < 1e9:
            at = {X: float(AT["x"]), Y: float(AT["y"])}
            assert evaluate(expr, at) == pytest.approx(float(expected), rel=1e-5, abs=1e-5)


# Numbers and definitions


def test_parse_number() -> None:
    assert parse_number("-pi/2") == -math.pi / 2
    assert parse_number(3) == 3.0
    assert parse_number("1e-3") == 1e-3
    assert parse_number("a*b", {"a": 2, "b": 0.25}) == 0.5


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1/a", "division by zero"),
        ("log(-b)", "not a finite real"),
        ("exp(b**64)", "above"),
        ("x", "unknown name"),
        (math.nan, "finite"),
    ],
)
def test_parse_number_refuses(text: str, reason: str) -> None:
    assert reason in str(refused(lambda: parse_number(text, {"a": 0.0, "b": 2.0}, "lr")))


def test_resolve_in_any_order() -> None:
    done = resolve({"c": "a*b", "a": "x + b", "b": "2*y"}, ["x", "y"])
    assert done == {symbol("c"): (X + 2 * Y) * (2 * Y), symbol("a"): X + 2 * Y, symbol("b"): 2 * Y}
    assert list(done) == [symbol("c"), symbol("a"), symbol("b")]
    assert parse("c/b", ["x", "y"], where=done) == X + 2 * Y


@pytest.mark.parametrize(
    ("definitions", "reason"),
    [
        ({"a": "b", "b": "c + 1", "c": "a"}, "a -> b -> c -> a"),
        ({"a": "a + 1"}, "a -> a"),
        ({"x": "1"}, "already a variable"),
        ({"exp": "1"}, "a meaning of its own"),
        ({"a": "bb", "b": "1"}, "did you mean 'b'"),
        ({f"a{i}": f"a{i - 1}**2 + a{i - 1} + 1" if i else "x + y" for i in range(40)}, "written out"),
        ({f"a{i}": f"a{i - 1}**40" if i else "x" for i in range(40)}, "exponents multiply"),
        ({"a": "12**(1/97)", "b": "12**(1/89)", "c": "12**(1/83)", "d": "a*b*c"}, "fractional"),
    ],
)
def test_resolve_refuses(definitions: dict[str, str], reason: str) -> None:
    assert reason in str(refused(lambda: resolve(definitions, ["x", "y"])))


def test_module_lists_what_it_offers() -> None:
    assert all(hasattr(formula, name) for name in formula.__all__)
