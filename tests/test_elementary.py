"""Elementary functions of the kernels against mpmath, and at the edges of floating-point numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mpmath
import numba
import numpy as np
import pytest
from numpy.typing import NDArray

from fokkerplanck._kernels import elementary
from fokkerplanck._kernels._jit import OPTIONS
from fokkerplanck._kernels.gauss import normals_of

Array = NDArray[np.float64]

ULPS = 3.0
RNG = np.random.default_rng(20261129)


def values(name: str, x: Array) -> Array:
    """A loop as in a kernel, which the compiler vectorises and is free to reorder."""
    function: Callable[[float], float] = getattr(elementary, name)

    @numba.njit(**OPTIONS)  # type: ignore[untyped-decorator]
    def loop(x: Array, y: Array) -> None:
        for i in range(x.shape[0]):
            y[i] = function(x[i])

    y = np.empty_like(x)
    loop(x, y)
    return y


def units(y: Array, exact: list[Any]) -> float:
    """Largest distance in units of the last place."""
    return max(
        abs(float(mpmath.mpf(float(a)) - e)) / np.spacing(abs(float(e)))
        for a, e in zip(y, exact, strict=True)
    )


@pytest.mark.parametrize(
    ("name", "x"),
    [
        ("exp", [RNG.uniform(-745, 709.7, 500), RNG.uniform(-1, 1, 500)]),
        (
            "log",
            [
                10 ** RNG.uniform(-320, 308, 500),
                RNG.uniform(0.7, 1.5, 500),
                1 + 10 ** RNG.uniform(-15, -1, 500),
            ],
        ),
        ("sin", [RNG.uniform(-10, 10, 500), RNG.uniform(-1e8, 1e8, 500)]),
        ("cos", [RNG.uniform(-10, 10, 500), RNG.uniform(-1e8, 1e8, 500)]),
        ("tan", [RNG.uniform(-10, 10, 500), RNG.uniform(-1e6, 1e6, 500)]),
        ("sinh", [RNG.uniform(-709, 709, 500), 10 ** RNG.uniform(-12, 0.3, 500)]),
        ("cosh", [RNG.uniform(-709, 709, 500), RNG.uniform(-2, 2, 500)]),
        ("tanh", [RNG.uniform(-25, 25, 500), 10 ** RNG.uniform(-12, 0, 500)]),
    ],
)
def test_within_three_units_of_the_last_place(name: str, x: list[Array]) -> None:
    points = np.concatenate(x)
    with mpmath.workprec(160):
        exact = [getattr(mpmath, name)(mpmath.mpf(float(v))) for v in points]
        assert units(values(name, points), exact) < ULPS


def test_powers() -> None:
    base, exponent = RNG.uniform(1e-3, 1e3, 500), RNG.uniform(-3, 3, 500)
    found = [elementary.power(a, b) for a, b in zip(base, exponent, strict=True)]
    np.testing.assert_allclose(found, base**exponent, rtol=1e-14)
    assert elementary.power(-2.0, 3.0) == pytest.approx(-8.0, rel=1e-15)
    assert elementary.power(-2.0, -2.0) == pytest.approx(0.25, rel=1e-15)
    assert math.isnan(elementary.power(-2.0, 0.5))


@pytest.mark.parametrize("name", ["exp", "log", "sinh", "cosh", "tanh", "sqrt"])
def test_edges_of_the_numbers(name: str) -> None:
    """Zeros with their signs, infinities, nan, the smallest and the largest number."""
    edges = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, 1e308])
    with np.errstate(all="ignore"):
        expected = getattr(np, name)(edges)
    found = values(name, edges)
    np.testing.assert_allclose(found, expected, rtol=1e-15)
    np.testing.assert_array_equal(np.signbit(found[:2]), np.signbit(expected[:2]))


def test_angles_that_are_no_number() -> None:
    for name in ("sin", "cos", "tan"):
        assert np.isnan(values(name, np.array([np.inf, -np.inf, np.nan]))).all()


def test_normals_of_a_word() -> None:
    """Radius and angle as Box and Muller have them, from the same bits."""
    for word in RNG.integers(0, 2**64, 300, dtype=np.uint64):
        high, low = int(word) >> 24, int(word) & 0xFFFFFF
        radius = math.sqrt(-2.0 * math.log((high + 0.5) * 2.0**-40))
        a = ((low & 0x7FFFFF) + 0.5) * 2.0**-22 - 1.0
        sign = -1.0 if low & 0x800000 else 1.0
        c, s = normals_of(word)
        assert c == pytest.approx(sign * radius * math.cos(0.5 * math.pi * a), rel=0, abs=2e-9)
        assert s == pytest.approx(radius * math.sin(0.5 * math.pi * a), rel=0, abs=2e-9)
