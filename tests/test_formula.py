"""The formula language: what parses means what it says; the rest is refused at once, with a reason."""

from __future__ import annotations

import math
import pickle
import re
import time
from collections.abc import Callable

import mpmath
import pytest
import sympy
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from fokkerplanck import formula
from fokkerplanck._algebra import Refusal, evaluate
from fokkerplanck.formula import (
    BATCH,
    LEARNING_RATE,
    FormulaError,
    check_name,
    derivative,
    parse,
    parse_number,
    parse_region,
    resolve,
    substitute,
    symbol,
)

X, Y = symbol("x"), symbol("y")
NAMES = ("x", "y", "lam", "kappa")
SOON = 0.1  # seconds of processor time for a refusal


def refused(action: Callable[[], object]) -> FormulaError:
    """The error that the action raises, and raises soon."""
    start = time.process_time()
    with pytest.raises(FormulaError) as caught:
        action()
    assert time.process_time() - start < SOON
    return caught.value


def parsed(text: str, reader: Callable[..., sympy.Expr] = parse) -> sympy.Expr | FormulaError:
    """The expression, or why there is none."""
    try:
        return reader(text, NAMES)
    except FormulaError as error:
        return error


@pytest.fixture(autouse=True, scope="module")
def warm() -> None:
    """Sympy's first operations import parts of it; that is not the language's time."""
    parse("exp(x*log(2)) + sqrt(2*x + 1)**3 + abs(log(x)) + max(x, tan(y)) - sqrt(2)", NAMES)


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


# What is refused, where and why


@pytest.mark.parametrize(
    ("text", "position", "reason"),
    [
        ("", 1, "it is empty"),
        ("  \n", 1, "it is empty"),
        ("lamm*x", 1, "unknown name 'lamm'; did you mean 'lam'? Known names: x, y, lam, kappa"),
        ("2 + Kappa", 5, "did you mean 'kappa'"),
        ("x*PI", 3, "did you mean 'pi'"),
        ("x + zzz", 5, "unknown name 'zzz'. Known names"),
        ("sinn(x)", 1, "unknown function 'sinn'; did you mean 'sin'?"),
        ("ln(x)", 1, "did you mean 'log'?"),
        ("sin", 1, "'sin' is a function: write sin(...)"),
        ("x(y)", 1, "'x' is not a function; write x*(...) for a product"),
        ("(x + y)(y)", 1, "write * for a product"),
        ("sin(x, y)", 1, "takes one argument, not 2"),
        ("max(x)", 1, "takes 2 to 6 arguments, not 1"),
        ("1 + max(1,2,3,4,5,6,x)", 5, "not 7"),
        ("2x", 2, "write * between 2 and x for a product"),
        ("x y", 3, "write * between x and y"),
        ("x^2", 2, "write ** for a power"),
        ("x +", 3, "something is missing after '+'"),
        ("x + * y", 5, "cannot be read"),
        ("(x", 1, "never closed"),
        ("x)", 2, "never opened"),
        ("x, y", 1, "only one expression"),
        ("x = 1", 3, "a formula assigns nothing"),
        ("x < 1", 1, "a comparison belongs to regions"),
        ("x and y", 3, "'and' belongs to regions"),
        ("1 if x else 2", 3, "the word 'if' is reserved"),
        ("True", 1, "reserved by Python"),
        ("x*(1/0)", 6, "division by zero"),
        ("x/(y - y)", 4, "division by zero"),
        ("0**-1", 4, "division by zero"),
        ("x/sin(0)", 3, "division by zero"),
        ("tan(pi/2)", 1, "not finite"),
        ("x + sqrt(-1)", 5, "the square root of a negative number is not real"),
        ("sqrt(-4*x**2)", 1, "not real"),
        ("(-8)**(1/3)", 8, "not real"),
        ("(-2)**x", 7, "not real"),
        ("log(0)", 1, "needs a positive number"),
        ("log(1 - pi)", 1, "needs a positive number"),
        ("0**x", 4, "not defined everywhere"),
        ("x**65", 4, "exponent 65 is beyond 64"),
        ("x**0.12345", 4, "declare it as a constant"),
        ("1e400", 1, "a number beyond 1e-100 to 1e+100"),
        ("x*1e-400", 3, "a number beyond"),
        ("1" * 41, 1, "more than 40 digits"),
        ("007", 1, "cannot be read"),
        ("0x1F", 2, "write * between 0 and x1F"),
        ("1_000", 2, "write * between 1 and _000"),
        ("1j", 2, "write * between 1 and j"),
    ],
)
def test_refusal_names_place_and_reason(text: str, position: int, reason: str) -> None:
    error = refused(lambda: parse(text, NAMES, "the loss"))
    assert error.position == position
    assert reason in error.reason
    assert str(error).startswith("the loss ")
    assert f"at character {position}: " in str(error)
    assert "\n" not in str(error)


ATTACKS = {
    "import": "__import__('os').system('touch owned')",
    "attribute": "x.__class__.__mro__",
    "lambda": "(lambda: 1)()",
    "subscript": "x[0]",
    "f-string": "f'{x}'",
    "string": "'x'",
    "walrus": "(y := 1)",
    "comprehension": "[x for x in y]",
    "generator": "max(x for x in y)",
    "starred": "max(*x)",
    "keyword argument": "max(x, y, evaluate=0)",
    "statement": "x; y",
    "comment": "x # y",
    "continuation": "x \\\n + y",
    "await": "await x",
    "yield": "(yield x)",
    "ellipsis": "...",
    "look-alike": "\uff58",
    "unicode digit": "\u0663*x",
    "minus sign": "x \u2212 y",
    "null byte": "x\0",
    "bell": "x\a",
    "a million characters": "x" * 10**6,
    "parentheses": "(" * 10_000 + "x" + ")" * 10_000,
    "less deep": "(" * 1_000 + "x" + ")" * 1_000,
    "minus": "-" * 999 + "x",
    "tower": "9**9**9",
    "tower right": "2**" * 300 + "2",
    "tower left": "((9**60)**60)**60",
    "tower in x": "((x**60)**60)**60",
    "hidden exponent": "2**(x - x + 10**9)",
    "exp tower": "exp(exp(exp(700)))",
    "exp tower behind x": "exp(exp(exp(exp(x + pi - x))))",
    "overflow": "1e308*1e308",
    "overflow by parts": "1e99*1e99*x",
    "underflow": "1e-99**60",
    "power through log": "exp(x*log(2) + 1000000*log(3))",
    "root that never ends": "12**0.123456789012345",
    "the same, hidden": "(12*x)**0.123456789012345",
    "the same, in parts": "12**(1/97)*12**(1/89)*12**(1/83)*x",
    "the same, nested": "(12**(1/97)*x)**(1/89)*12**(1/83)",
    "many large roots": "*".join(f"sqrt({10**18 + i})" for i in range(60)),
    "a large root": "sqrt(" + "7" * 40 + ")",
    "surds that cancel": "exp(sqrt(2)+sqrt(3)-sqrt(5+2*sqrt(6)) + sqrt(7)+sqrt(11)-sqrt(18+2*sqrt(77)))",
    "many kinks": "max(x," * 17 + "y" + ")" * 17,
    "kinks that double": "abs(log(" * 15 + "x" + "))" * 15,
    "many arguments": "min(" + ",".join(f"x**{i}*y" for i in range(40)) + ")",
    "long sum": "x" + "+x" * 600,
    "long name": "x" * 3_000,
    "deep functions": "sin(" * 41 + "x" + ")" * 41,
}


@pytest.mark.parametrize("text", ATTACKS.values(), ids=ATTACKS.keys())
@pytest.mark.parametrize("reader", [parse, parse_region])
def test_attacks_are_refused_at_once(text: str, reader: Callable[..., object], tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.chdir(tmp_path)
    suffix = "" if reader is parse else " < x"
    assert len(str(refused(lambda: reader(text + suffix, NAMES)))) < 500
    assert not list(tmp_path.iterdir())


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(alphabet="xy0123.e()+-*/,<=andorniftsqlgmxi _'[\u00b2", max_size=30))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    for reader in (parse, parse_region):
        expr = parsed(text, reader)
        if isinstance(expr, FormulaError):
            assert 1 <= expr.position <= max(len(text), 1)
        else:
            assert expr.free_symbols <= {symbol(name) for name in NAMES}


def test_errors_survive_pickling() -> None:
    error = refused(lambda: parse("x +", NAMES))
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    assert type(error).__module__ == "fokkerplanck.formula"


@pytest.mark.parametrize(
    "name", ["lambda", "if", "None", "pi", "exp", "abs", "", "1x", "a b", "a-b", "\u03bb", "x" * 41, "a\n", 3]
)
def test_names_that_cannot_be(name: str) -> None:
    refused(lambda: check_name(name))
    refused(lambda: parse("1", [name]))


# Regions


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("x < 1", (0.9, 0), (1.1, 0)),
        ("x >= 1", (1.1, 0), (0.9, 0)),
        ("-1 < x <= 1", (0, 0), (-1.5, 0)),
        ("2 > x > y", (1, 0), (1, 1.5)),
        ("x < 0 or y < 0", (1, -1), (1, 1)),
        ("x < 0 and y < 0", (-1, -1), (-1, 1)),
        ("not x < 0", (1, 0), (-1, 0)),
        ("not (x < 0 or y < 0)", (1, 1), (1, -1)),
        ("not -1 < x < 1", (2, 0), (0, 0)),
        ("not (x < 0 and not y < 0)", (-1, -1), (-1, 1)),
        ("cos(x) > -0.5 and abs(y) < lam", (0, 0), (0, 3)),
        ("x**2 + y**2 < 1 or (x > 2 and y > 2) or x < -9", (2.5, 2.5), (2.5, 0)),
    ],
)  # fmt: skip
def test_level_is_positive_inside(
    text: str, inside: tuple[float, float], outside: tuple[float, float]
) -> None:
    level = parse_region(text, NAMES)
    for (x, y), sign in ((inside, 1), (outside, -1)):
        assert evaluate(level, {X: x, Y: y, symbol("lam"): 2.0}) * sign > 0


def test_level_of_one_comparison_is_the_difference() -> None:
    assert parse_region("x < 1", NAMES) == 1 - X
    assert parse_region(X < 1, NAMES) == 1 - X
    assert parse_region(1 - X, NAMES) == 1 - X
    assert parse_region(sympy.And(X < 1, Y > 0), NAMES) == sympy.Min(1 - X, Y)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x", "a region needs a comparison, such as x < 1"),
        ("x and y < 1", "a region needs a comparison"),
        ("not x", "a region needs a comparison"),
        ("x == 1", "== and != do not bound a region"),
        ("x != 1", "== and != do not bound a region"),
        ("(x < 1)*2 < 3", "a comparison has no value"),
        ("abs(x < 1) < 2", "a comparison has no value"),
        ("x < (y < 1)", "a comparison has no value"),
        ("1 < 2", "the same everywhere"),
        ("x < x", "the same everywhere"),
        ("x <", "something is missing after '<'"),
        ("x in y", "the word 'in' is reserved"),
        ("x < 1 & y < 2", "write and"),
        ("x < 1 and", "something is missing after 'and'"),
        ("x => 1", "comparisons are <= and >="),
        ("xx < 1", "did you mean 'x'"),
        (" or ".join(f"x < {i}" for i in range(20)), "more than 16"),
    ],
)
def test_regions_refused(text: str, reason: str) -> None:
    assert reason in refused(lambda: parse_region(text, NAMES)).reason


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


# Derivatives of everything the language can say


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


def test_module_lists_what_it_offers() -> None:
    assert all(hasattr(formula, name) for name in formula.__all__)
