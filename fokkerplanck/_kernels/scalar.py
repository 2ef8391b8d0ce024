"""Scalar functions of generated kernels that have no name in ``math``; nan goes through all of them."""

from __future__ import annotations

import math

from fokkerplanck._kernels._jit import lane

LIMIT = 1e8  # a coordinate beyond this has diverged
_TINY = 1e-13  # a pivot below this part of its diagonal entry is rounding: the matrix is singular
_NEGATIVE = -1e-8  # a pivot below this part of it is no rounding: the matrix is indefinite


@lane
def bounded(x: float) -> float:
    """The coordinate, or nan once it has diverged."""
    return x if abs(x) <= LIMIT else math.nan


@lane
def sign(x: float) -> float:
    """-1, 0 or 1."""
    return x if x != x else (1.0 if x > 0.0 else (-1.0 if x < 0.0 else 0.0))


@lane
def heaviside(x: float) -> float:
    """0, 1/2 or 1."""
    return x if x != x else (1.0 if x > 0.0 else (0.0 if x < 0.0 else 0.5))


@lane
def minimum(a: float, b: float) -> float:
    """The smaller, or nan."""
    return a if a < b or a != a else b


@lane
def maximum(a: float, b: float) -> float:
    """The larger, or nan."""
    return a if a > b or a != a else b


@lane
def where(condition: bool, a: float, b: float) -> float:
    """A choice of which both sides have been computed."""
    return a if condition else b


@lane
def pivot_root(pivot: float, diagonal: float) -> float:
    """Diagonal entry of a Cholesky factor; 0 for a singular matrix, nan for an indefinite one."""
    if pivot > _TINY * diagonal:
        return math.sqrt(pivot)
    return 0.0 if pivot >= _NEGATIVE * abs(diagonal) else math.nan


@lane
def quotient(a: float, b: float) -> float:
    """a / b, and 0 where b = 0: the column of a zero pivot."""
    return 0.0 if b == 0.0 else a / b
