"""Grids that are found for an exit time: it meets the tolerance, and a wider box changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, pi, sqrt
from typing import Any

import pytest
from scipy.integrate import quad
from scipy.special import erf

import fokkerplanck as fp
from tests.boxes import BROWNIAN, PLANE, widened
from tests.exact import double_well, ornstein_uhlenbeck, valley


def passage_of_ou(to: float) -> float:
    """Mean passage of Ornstein–Uhlenbeck (D = 1) from 0."""
    inner = sqrt(pi / 2)
    return float(quad(lambda y: inner * exp(y * y / 2) * (1 + erf(y / sqrt(2))), 0, to, epsrel=1e-12)[0])


@dataclass(frozen=True)
class Exit:
    """A mean exit time that is known."""

    sde: fp.SDE
    region: str
    x0: dict[str, float]
    exact: float
    ranges: dict[str, Any] | None = None


EXITS = {
    "OU to 1": Exit(ornstein_uhlenbeck(), "x < 1", {"x": 0.0}, 2.0934066496783),
    "OU to 2": Exit(ornstein_uhlenbeck(), "x < 2", {"x": 0.0}, 10.428409397996),
    "OU over a barrier of 18": Exit(ornstein_uhlenbeck(), "x < 6", {"x": 0.0}, passage_of_ou(6.0)),
    "OU within a thousandth": Exit(ornstein_uhlenbeck(), "abs(x) < 0.001", {"x": 0.0}, 5e-7),
    "double well": Exit(double_well(), "x < 1", {"x": -1.0}, 66.26862636),
    "to the saddle": Exit(double_well(), "x < 0", {"x": -1.0}, 30.82130247),
    "valley": Exit(valley(4.0), "cos(x) > -0.5", {"x": 0.0, "y": 0.0}, 109.95),
    "valley, once around": Exit(
        valley(2.0), "cos(x) > -0.5", {"x": 0.0, "y": 0.0}, 68.24, {"x": ("-pi", "pi", "periodic")}
    ),
    "Brownian, interval": Exit(BROWNIAN, "-1 < x < 2", {"x": 0.9}, 1.9 * 1.1),
    "Brownian, near the edge": Exit(BROWNIAN, "abs(x) < 1", {"x": 0.99}, 1 - 0.99**2),
    "Brownian, reflected": Exit(BROWNIAN, "x < 2", {"x": 0.0}, 4.0, {"x": (0, 2.5, ("reflecting", "open"))}),
    "Brownian, absorbed": Exit(BROWNIAN, "x < 5", {"x": 1.0}, 3.0, {"x": (0, 4, "absorbing")}),
    "Brownian, disc": Exit(PLANE, "x**2 + y**2 < 1", {"x": 0.6, "y": 0.3}, 0.5 * (1 - 0.45)),
    "Brownian, strip": Exit(PLANE, "abs(x) < 1", {"x": 0.5, "y": 0.0}, 1 - 0.25),
}


@pytest.mark.parametrize("case", EXITS.values(), ids=EXITS)
def test_exit_times_meet_the_tolerance(case: Exit) -> None:
    """The value and its own error are within the tolerance, and a wider box changes nothing."""
    rtol = 1e-3
    grid = fp.Grid.auto(case.sde, case.region, case.x0, rtol, **case.ranges or {})
    assert grid.size <= 200**grid.ndim * 1.3
    found = case.sde.generator(grid).exit_time(case.region).at(**case.x0)
    assert found.status == "ok"
    assert found.error < rtol * found.value
    assert abs(found.value / case.exact - 1) < rtol
    wide = widened(grid, {} if case.ranges is None else case.ranges)
    again = case.sde.generator(wide).exit_time(case.region).at(**case.x0)
    assert abs(again.value / found.value - 1) < 1e-2 * rtol


@pytest.mark.parametrize("rtol", [1e-2, 1e-4])
def test_the_tolerance_decides_about_the_cells(rtol: float) -> None:
    sde = ornstein_uhlenbeck()
    grid = fp.Grid.auto(sde, "x < 1", (0,), rtol)
    found = sde.generator(grid).exit_time("x < 1").at(x=0)
    assert 0.1 * rtol < found.error / found.value < rtol


def test_a_box_for_an_exit_holds_the_law_too() -> None:
    sde = double_well()
    grid = fp.Grid.auto(sde, "x < 0.5", (-1,))
    p = sde.generator(grid).stationary()
    assert p.status == "ok"
    assert abs(p.mean("x").value) < 1e-8  # both wells are there
    # Where the law takes a far wider box than the region, that is left out.
    narrow = fp.Grid.auto(ornstein_uhlenbeck(), "abs(x) < 0.001", (0,), cells=64)
    assert narrow["x"].high < 0.0015


def test_power_a_box_too_small_is_caught() -> None:
    """What the boxes above avoid: the value is wrong, and the engine says so."""
    sde = ornstein_uhlenbeck()
    short = sde.generator(fp.Grid(x=(-1, 1.2, 220))).exit_time("x < 1").at(x=0)
    assert "open ends of the box matter" in short.status
    assert abs(short.value / 2.0934066496783 - 1) > 1e-3
    law = sde.generator(fp.Grid(x=(-4, 4, 200))).stationary()
    assert "box too small" in law.status
    grid = fp.Grid.auto(sde, "x < 1", (0,))
    assert grid["x"].low < -6
    assert grid["x"].high > 1
