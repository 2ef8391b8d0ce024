"""Grids that are found: the box holds the stationary law, the cells meet the tolerance; what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import exp, pi, sqrt

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.linalg import solve_continuous_lyapunov

import fokkerplanck as fp
from tests.boxes import BROWNIAN, PLANE, normal_beyond, refined
from tests.exact import double_well, ornstein_uhlenbeck, valley

FAT = fp.SDE(variables=("x",), drift=["-2*x"], diffusion="1 + x**2")  # p ~ (1 + x²)^-2


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


def test_given_ranges_and_cells_stay() -> None:
    sde = ornstein_uhlenbeck()
    kept = fp.Grid.auto(sde, cells=32, x=("-pi", "pi", "reflecting"))
    assert kept == fp.Grid(x=("-pi", "pi", 32), boundary="reflecting")
    assert fp.Grid.auto(sde, cells=100).shape == (100,)
    half = fp.Grid.auto(sde, cells=64, x=(0, 8, ("reflecting", "open")))
    assert half["x"].ends == ("reflecting", "open")


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
    # Found with two grids; quoted from three, which adds by how much their corrections fail to fall by 4.
    assert found.error < 2 * reach * found.value
