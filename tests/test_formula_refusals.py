"""What the formula language refuses: at once, where and why; attacks, and any text at all."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fokkerplanck.formula import FormulaError, check_name, parse, parse_region, symbol
from tests.formulas import NAMES, parsed, refused


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
