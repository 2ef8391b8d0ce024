"""Grids that are found: the box holds what is asked about, the cells answer it to the tolerance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import erfc, exp, pi, sqrt
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.linalg import solve_continuous_lyapunov
from scipy.special import erf

import fokkerplanck as fp
from fokkerplanck.operators.transition import moments
from fokkerplanck.step_law import step_law
from tests.exact import double_well, ornstein_uhlenbeck, valley

BROWNIAN = fp.SDE(variables=("x",), drift=["0"], diffusion="1/2")
PLANE = fp.SDE(variables=("x", "y"), drift=["0", "0"], diffusion="1/2")
FAT = fp.SDE(variables=("x",), drift=["-2*x"], diffusion="1 + x**2")  # p ~ (1 + x²)^-2


def passage_of_ou(to: float) -> float:
    """Mean passage of Ornstein–Uhlenbeck (D = 1) from 0."""
    inner = sqrt(pi / 2)
    return float(quad(lambda y: inner * exp(y * y / 2) * (1 + erf(y / sqrt(2))), 0, to, epsrel=1e-12)[0])


def normal_beyond(axis: Any, deviation: float) -> float:
    """Mass of a centred normal law outside an axis."""
    return 0.5 * (erfc(-axis.low / deviation / sqrt(2)) + erfc(axis.high / deviation / sqrt(2)))


# -- stationary laws ---------------------------------------------------------------------------


@pytest.mark.parametrize("start", [{}, {"x": 30.0}, {"x": -1e4}])
def test_box_of_a_normal_law(start: dict[str, float]) -> None:
    sde = ornstein_uhlenbeck()
    grid = fp.Grid.auto(sde, x0=start)
    x = grid["x"]
    assert normal_beyond(x, 1.0) < 1e-10
    assert x.high - x.low < 16  # 12.9 are needed
    # Power: a box of six standard deviations would not do.
    assert normal_beyond(replace(x, low=-6.0, high=6.0), 1.0) > 1e-10
    p = sde.generator(grid).stationary()
    assert p.status == "ok"
    assert abs(p.mean("x**2").value - 1) < 1e-8


@pytest.mark.parametrize(
    ("drift", "diffusion"),
    [
        ([[-1, 0], [0, -10]], [[1, 0], [0, 0.01]]),  # narrow across
        ([[-1, 0], [0, -2]], [[1, 0.5], [0.5, 1]]),  # a full tensor
        ([[-1, -2], [2, -1]], [[1, 0], [0, 1]]),  # a current
        ([[-1, 1.5], [0, -3]], [[1, -0.3], [-0.3, 0.2]]),
    ],
)
def test_anisotropic_normal_laws(drift: list[list[float]], diffusion: list[list[float]]) -> None:
    """Covariance from A S + S A' + 2 D = 0; the density itself is met to the tolerance in L1."""
    rtol = 3e-3
    a, tensor = np.array(drift), np.array(diffusion)
    covariance = solve_continuous_lyapunov(a, -2 * tensor)
    sde = fp.SDE(
        variables=("x", "y"),
        drift=[f"{r[0]}*x + {r[1]}*y" for r in drift],
        diffusion=[[str(e) for e in r] for r in diffusion],
    )
    grid = fp.Grid.auto(sde, rtol=rtol)
    deviations = np.sqrt(np.diag(covariance))
    for axis, deviation in zip(grid.axes, deviations, strict=True):
        assert normal_beyond(axis, deviation) < 0.5e-10
        assert axis.high - axis.low < 18 * deviation
    p = sde.generator(grid).stationary()
    assert p.status == "ok"
    exact = np.exp(-0.5 * np.einsum("ni,ij,nj->n", grid.points(), np.linalg.inv(covariance), grid.points()))
    assert np.abs(p.masses - exact / exact.sum()).sum() < rtol
    for name, variance in zip("xy", np.diag(covariance), strict=True):
        found = p.mean(f"{name}**2")
        assert abs(found.value / variance - 1) < rtol
        assert found.error < rtol * variance


@pytest.mark.parametrize("noise", [0.1, 0.01])
def test_double_well(noise: float) -> None:
    """p ~ exp(-(x⁴/4 - x²/2)/D); the tolerance is met, and not by far more cells than it takes."""
    sde = double_well(noise)
    grid = fp.Grid.auto(sde)
    x = grid["x"]

    def weight(y: float) -> float:
        return exp(-(y**4 / 4 - y**2 / 2 + 0.25) / noise)

    total = quad(weight, -4, 4, points=[-1, 1], limit=200)[0]
    beyond = quad(weight, x.high, x.high + 2, epsabs=0)[0] + quad(weight, x.low - 2, x.low, epsabs=0)[0]
    assert beyond / total < 1e-10
    p = sde.generator(grid).stationary()
    exact = np.array([quad(weight, a, b)[0] for a, b in zip(x.faces[:-1], x.faces[1:], strict=True)]) / total
    distance = np.abs(p.masses - exact).sum()
    assert 1e-4 < distance < 1e-3


def test_box_of_the_valley() -> None:
    """Across the valley normal of variance D/lam(x): the widest place bounds the mass that is cut off."""
    sde = valley(4.0)
    grid = fp.Grid.auto(sde, x=("-pi", "pi", "periodic"))
    assert grid["x"].periodic
    assert (grid["x"].low, grid["x"].high) == (-pi, pi)
    assert normal_beyond(grid["y"], sqrt(0.05 / (20 * exp(-0.5)))) < 1e-10
    p = sde.generator(grid).stationary()
    assert p.status == "ok"
    found, fine = p.mean("y**2"), sde.generator(refined(grid, 1.5)).stationary().mean("y**2")
    assert abs(found.value / fine.value - 1) < 1e-3
    assert grid["y"].cells > 2 * grid["x"].cells  # anisotropic, since that pays here


def test_fat_tails() -> None:
    """p = (2/pi)(1 + x²)^-2, of which x^-3 lies beyond x: one even grid in one dimension holds it."""
    grid = fp.Grid.auto(FAT)
    x = grid["x"]
    assert 4 / (3 * pi) * 0.5 * (x.high**-3 + abs(x.low) ** -3) < 1e-9
    p = FAT.generator(grid).stationary()
    assert p.status == "ok"
    assert abs(p.mean("1/(1 + x**2)").value - 0.75) < 1e-3


def test_fat_tails_in_the_plane_take_what_a_grid_allows() -> None:
    sde = fp.SDE(variables=("x", "y"), drift=["-4*x", "-y"], diffusion=["1 + x**2", "1"])  # (1 + x²)^-3
    grid = fp.Grid.auto(sde, rtol=0.02)
    p = sde.generator(grid).stationary()
    assert p.status == "ok"
    assert abs(p.mean("x**2").value - 1 / 3) < 0.02 / 3
    assert 2 * (8 / (3 * pi)) / 5 * grid["x"].high ** -5 < 1e-6


# -- exits -------------------------------------------------------------------------------------


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


def test_given_ranges_and_cells_stay() -> None:
    sde = ornstein_uhlenbeck()
    kept = fp.Grid.auto(sde, cells=32, x=("-pi", "pi", "reflecting"))
    assert kept == fp.Grid(x=("-pi", "pi", 32), boundary="reflecting")
    assert fp.Grid.auto(sde, cells=100).shape == (100,)
    half = fp.Grid.auto(sde, cells=64, x=(0, 8, ("reflecting", "open")))
    assert half["x"].ends == ("reflecting", "open")


# -- chains ------------------------------------------------------------------------------------


def quadratic(lr: float, batch: int = 1) -> tuple[fp.SGD, float]:
    """x' = (1 - lr h) x + lr s, and the variance lr/(B h (2 - lr h)) of its law."""
    h = 2.0
    loss = fp.Loss("h*x**2/2 - s*x", ("x",), {"s": fp.Normal(0, 1)}, constants={"h": h})
    return fp.SGD(loss, lr, batch), lr / (batch * h * (2 - lr * h))


@pytest.mark.parametrize("per_step", [1.2, 2.0])
def test_grid_of_a_chain_resolves_its_step(per_step: float) -> None:
    sgd, variance = quadratic(0.01, 4)
    grid = sgd.auto_grid(per_step=per_step)
    law, _ = step_law(sgd.loss, sgd.lr, sgd.batch, "iid")
    step = float(np.sqrt(moments(law(grid.points()))[1].max()))
    assert step == pytest.approx(0.01 / 4**0.5)
    assert per_step <= step / grid["x"].spacing < 1.1 * per_step
    assert normal_beyond(grid["x"], variance**0.5) < 1e-10
    assert sgd.transition(grid).stationary().mean("x**2").value == pytest.approx(variance, rel=1e-7)
    assert fp.Grid.auto(sgd, cells=100).shape == (100,)


@pytest.mark.parametrize("lr", [0.2, 0.75])
def test_box_of_a_chain_is_wider_than_that_of_its_sde(lr: float) -> None:
    """At lr times curvature 1.5 the variance is four times that of the SDE."""
    sgd, variance = quadratic(lr)
    grid = fp.Grid.auto(sgd)
    assert normal_beyond(grid["x"], variance**0.5) < 1e-10
    p = sgd.transition(grid).stationary()
    assert p.status == "ok"
    assert p.mean("x**2").value == pytest.approx(variance, rel=1e-6)
    sde_box = fp.Grid.auto(sgd.sde())
    assert normal_beyond(sde_box["x"], variance**0.5) > 1e-10 * (lr > 0.5)


def test_exit_of_a_chain_meets_the_tolerance() -> None:
    sgd, variance = quadratic(0.1)
    region, x0 = f"x < {1.5 * variance**0.5!r}", {"x": 0.0}
    grid = fp.Grid.auto(sgd, region, x0)
    found = sgd.transition(grid).exit_time(region).at(**x0)
    fine = sgd.transition(refined(grid, 4.0)).exit_time(region).at(**x0)
    assert found.status == "ok"
    assert found.error < 1e-3 * found.value
    assert abs(found.value / fine.value - 1) < 1e-3
    coarse = sgd.auto_grid(region, x0)  # as the step needs it: the edge of the region asks for more
    assert coarse["x"].cells < grid["x"].cells


# -- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fp.Grid.auto(BROWNIAN), "no box was found that holds the stationary law .* not be normalis"),
        (lambda: fp.Grid.auto(fp.SDE(variables=("x",), drift=["x"], diffusion="1")), "no box was found"),
        (
            lambda: fp.Grid.auto(fp.SDE(variables=("x",), drift=["-0.2*x"], diffusion="1 + x**2")),
            "tails of the law along x are too fat for one even grid: a box of .* does not hold them",
        ),
        (lambda: fp.Grid.auto(BROWNIAN, "x < 2", (0,)), "mean exit time may be infinite"),
        (
            lambda: fp.Grid.auto(ornstein_uhlenbeck(), "x < 1", (0,), 1e-9),
            r"rtol = 1e-09 asks for about \d+ cells, more than .* about \S+ is within reach. Ask for that",
        ),
        (lambda: fp.Grid.auto(ornstein_uhlenbeck(), "x < 1", (2,)), "lies outside the region 'x < 1'"),
        (lambda: fp.Grid.auto(PLANE, "x < 1", {"x": 0}), "x0 lacks y: a mean exit time needs a start"),
        (lambda: fp.Grid.auto(ornstein_uhlenbeck(), x0={"z": 0}), "x0 names z; the variables are x"),
        (lambda: fp.Grid.auto(ornstein_uhlenbeck(), z=(-1, 1)), "ranges for z; the variables are x"),
        (lambda: fp.Grid.auto(ornstein_uhlenbeck(), x=3), r"x is 3: give \(low, high\)"),
        (lambda: fp.Grid.auto(ornstein_uhlenbeck(), rtol=0), "rtol is 0: give a relative tolerance"),
        (lambda: fp.Grid.auto(ornstein_uhlenbeck(), cells=2), "cells is 2: give a whole number"),
        (lambda: fp.Grid.auto("x"), "Grid.auto takes an SDE or an SGD, got str"),
    ],
)
def test_refusals(call: Callable[[], fp.Grid], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_what_is_said_to_be_within_reach_is() -> None:
    sde = ornstein_uhlenbeck()
    with pytest.raises(ValueError, match="within reach") as refusal:
        fp.Grid.auto(sde, "x < 1", (0,), 1e-9)
    reach = float(str(refusal.value).split("about ")[2].split()[0])
    grid = fp.Grid.auto(sde, "x < 1", (0,), 1.5 * reach)
    found = sde.generator(grid).exit_time("x < 1").at(x=0)
    assert found.error < 1.5 * reach * found.value


# -- helpers -----------------------------------------------------------------------------------


def refined(grid: fp.Grid, factor: float) -> fp.Grid:
    return fp.Grid.from_axes(replace(a, cells=round(a.cells * factor)) for a in grid.axes)


def widened(grid: fp.Grid, ranges: dict[str, Any]) -> fp.Grid:
    """A quarter more cells of the same width at every end that was found."""

    def wide(axis: Any) -> Any:
        if axis.name in ranges:
            return axis
        more = axis.cells // 4
        low, high = axis.low - more * axis.spacing, axis.high + more * axis.spacing
        return replace(axis, low=low, high=high, cells=axis.cells + 2 * more)

    return fp.Grid.from_axes(wide(a) for a in grid.axes)
