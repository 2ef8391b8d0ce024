"""Regions: a level that is positive inside."""

from __future__ import annotations

import pytest
import sympy

from fokkerplanck._algebra import evaluate
from fokkerplanck.formula import parse_region, symbol
from tests.formulas import NAMES, X, Y, refused


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
