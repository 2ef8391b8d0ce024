"""Reading formulas in tests: the names at hand, and refusals that come soon."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache

import pytest
import sympy

from fokkerplanck.formula import FormulaError, parse, symbol

X, Y = symbol("x"), symbol("y")
NAMES = ("x", "y", "lam", "kappa")
SOON = 0.1  # seconds of processor time for a refusal


@cache
def warm() -> None:
    """Sympy's first operations import parts of it; that is not the language's time."""
    parse("exp(x*log(2)) + sqrt(2*x + 1)**3 + abs(log(x)) + max(x, tan(y)) - sqrt(2)", NAMES)


def refused(action: Callable[[], object]) -> FormulaError:
    """The error that the action raises, and raises soon."""
    warm()
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
