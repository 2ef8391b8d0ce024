"""Where a process leaves a region: harmonic measures, scale functions and direct iteration."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import simpson

import fokkerplanck as fp
from fokkerplanck.operators.transition import TransitionOperator
from tests.exact import ornstein_uhlenbeck, valley
from tests.test_hitting_law_chains import autoregressive

Array = NDArray[np.float64]

DISC = "x**2 + y**2 < 1"
STARTS = [(0.0, 0.0), (0.3, 0.2), (0.8, 0.1), (0.66, 0.68)]


def brownian(dimension: int = 2) -> fp.SDE:
    names = ("x", "y", "z")[:dimension]
    return fp.SDE(variables=names, drift=["0"] * dimension, diffusion="1")


@cache
def in_the_disc(cells: int, start: tuple[float, float]) -> fp.HittingLaw:
    """The circle falls at another place of the cells on every side and every grid."""
    grid = fp.Grid(x=(-1.1, 1.13, cells), y=(-1.12, 1.1, cells))
    return brownian().generator(grid).hitting_law(DISC, x0=start)


def poisson(start: tuple[float, float], f: Callable[[Array, Array], Array]) -> float:
    """Mean of f over the circle under the Poisson kernel."""
    r, a, n = np.hypot(*start), np.arctan2(*start[::-1]), 100_000
    t = (np.arange(n) + 0.5) * 2 * np.pi / n
    kernel = (1 - r * r) / (1 - 2 * r * np.cos(t - a) + r * r)
    return float(kernel @ f(np.cos(t), np.sin(t)) / n)


@pytest.mark.parametrize("start", STARTS)
def test_harmonic_measure_of_the_disc(start: tuple[float, float]) -> None:
    law = in_the_disc(128, start)
    assert law.probabilities.min() > 0
    assert law.probabilities.sum() == pytest.approx(1, abs=1e-12)
    assert law.mean("x").value == pytest.approx(start[0], abs=1e-12)
    # x² − y² is harmonic, and its differences are exact.
    assert law.mean("x**2 - y**2").value == pytest.approx(start[0] ** 2 - start[1] ** 2, abs=1e-12)
    for text, f in (
        ("x**4", lambda x, y: x**4),
        ("exp(x)*cos(2*y)", lambda x, y: np.exp(x) * np.cos(2 * y)),
    ):
        got, exact = law.mean(text), poisson(start, f)
        assert abs(got.value - exact) < min(1.5 * got.error, 5e-6)
        assert got.error < 1e-4
    for text, g in (("y > 0.21", lambda x, y: y > 0.21), ("x + y > 0.3", lambda x, y: x + y > 0.3)):
        got, exact = law.probability(text), poisson(start, g)
        assert abs(got.value - exact) < 1.5 * got.error < 0.01
        assert abs(got.value - exact) < 5e-4


def test_means_are_second_order_and_clean() -> None:
    cells = (24, 53, 101, 190)
    laws = [in_the_disc(n, (0.3, 0.2)) for n in cells]
    exact = poisson((0.3, 0.2), lambda x, y: x**4)
    errors = [abs(law.points[:, 0] ** 4 @ law.probabilities - exact) for law in laws]
    assert -2.2 < np.polyfit(np.log(cells), np.log(errors), 1)[0] < -1.8
    assert all(abs(law.mean("x**4").value - exact) < 0.2 * e for law, e in zip(laws, errors, strict=True))


def test_errors_of_probabilities_cover() -> None:
    """Half-planes that cut the circle anywhere: those that put the edge between two exits at random."""
    rng = np.random.default_rng(3)
    ratios, misses = [], []
    for a, b, c in np.round(rng.uniform(-1, 1, (15, 3)), 4):
        for start in STARTS[1:3]:
            exact = poisson(start, lambda x, y, a=a, b=b, c=c: a * x + b * y > c)
            for cells in (48, 128):
                law = in_the_disc(cells, start)
                got = law.probability(f"{a}*x + {b}*y > {c}")
                ratios.append(abs(got.value - exact) / (got.error + 1e-14))
                if cells == 128:
                    misses.append(abs(got.value - exact))
    assert np.mean(np.array(ratios) <= 1) > 0.9
    assert max(ratios) < 3
    assert max(misses) < 1e-3


def test_half_plane() -> None:
    """A half-plane wound up to a cylinder: Cauchy's law, wrapped; a wall far away hardly changes it."""
    a, y0 = 0.37, 0.05
    grid = fp.Grid(x=(-0.51, 4, 220), y=(-1, 1, 96), boundary={"x": ("open", "reflecting"), "y": "periodic"})
    law = brownian().generator(grid).hitting_law("x > 0", x0={"x": a, "y": y0})

    def below(y: float, width: float = a) -> float:
        return float(np.arctan(np.tan(np.pi * (y - y0) / 2) / np.tanh(np.pi * width / 2)) / np.pi)

    for low, high in ((-0.7, -0.2), (-0.2, 0.1), (0.1, 0.91)):
        got, exact = law.probability(f"{low} < y < {high}"), below(high) - below(low)
        assert abs(got.value - exact) < 1.5 * got.error < 2e-3
        assert abs(got.value - exact) < 2e-4
        if high < 0.2:
            assert abs(got.value - below(high, 1.1 * a) + below(low, 1.1 * a)) > 2e-3
    wave, exact = law.mean("cos(pi*y)"), np.exp(-np.pi * a) * np.cos(np.pi * y0)
    assert abs(wave.value - exact) < min(wave.error, 1e-5)
    y = law.density("y")
    assert abs(y.mean("cos(pi*y)").value - exact) < y.mean("cos(pi*y)").error < 0.01
    kernel = np.sinh(np.pi * a) / (np.cosh(np.pi * a) - np.cos(np.pi * (y.grid["y"].centres - y0))) / 2
    np.testing.assert_allclose(y.values, kernel, rtol=3e-3)


def through_the_side(x: float, y: float, a: float, b: float) -> float:
    """Chance that Brownian motion in (0, a) x (0, b) leaves through x = a."""
    k = 2 * np.arange(200) + 1
    reach = (
        np.exp(k * np.pi * (x - a) / b) * np.expm1(-2 * k * np.pi * x / b) / np.expm1(-2 * k * np.pi * a / b)
    )
    return float((4 / (k * np.pi) * np.sin(k * np.pi * y / b)) @ reach)


@pytest.mark.parametrize("walls", [False, True])
def test_rectangle(walls: bool) -> None:
    """Through which side: a region inside a box, and a box with absorbing ends."""
    margin, start = (0.0 if walls else 0.1), {"x": 1.2, "y": 0.3}
    grid = fp.Grid(
        x=(-margin, 2 + margin, 176),
        y=(-margin, 1 + margin, 96),
        boundary="absorbing" if walls else "open",
    )
    region = None if walls else "0 < x < 2 and 0 < y < 1"
    law = brownian().generator(grid).hitting_law(region, x0=start)
    sides = {
        "x > 1.99999": through_the_side(1.2, 0.3, 2, 1),
        "x < 0.00001": through_the_side(0.8, 0.3, 2, 1),
        "y < 0.00001": through_the_side(0.7, 1.2, 1, 2),
        "y > 0.99999": through_the_side(0.3, 1.2, 1, 2),
    }
    assert sum(sides.values()) == pytest.approx(1, abs=1e-12)
    for side, exact in sides.items():
        got = law.probability(side)
        assert abs(got.value - exact) < 1.5 * got.error + 1e-6
        assert abs(got.value / exact - 1) < 2e-3
        assert got.error < 0.01 * exact


def test_correlated_noise_is_a_turned_and_stretched_disc() -> None:
    """D = M Mᵀ in the region |M⁻¹x| < 1 is Brownian motion in the unit disc, seen through M."""
    m = np.array([[1.0, 0.0], [1.2, 0.6]])
    d = m @ m.T
    sde = fp.SDE(variables=("x", "y"), drift=["0", "0"], diffusion=d.tolist())
    inverse = np.linalg.inv(m)
    q = inverse.T @ inverse
    region = f"{q[0, 0]}*x**2 + {2 * q[0, 1]}*x*y + {q[1, 1]}*y**2 < 1"
    start = m @ np.array([0.5, -0.3])
    exact = poisson((0.5, -0.3), lambda u, v: u**4 + v)
    u, v = (f"({row[0]}*x + {row[1]}*y)" for row in inverse)
    errors, cells = [], (40, 83, 161)
    for n in cells:
        grid = fp.Grid(x=(-1.1, 1.13, n), y=(-1.5, 1.47, n))
        law = sde.generator(grid).hitting_law(region, x0=tuple(start))
        got = law.mean(f"{u}**4 + {v}")
        assert abs(got.value - exact) < got.error < 0.01
        along = inverse @ law.points.T
        np.testing.assert_allclose(np.hypot(*along), 1, atol=1e-9)
        errors.append(abs(float((along[0] ** 4 + along[1]) @ law.probabilities) - exact))
    assert np.polyfit(np.log(cells), np.log(errors), 1)[0] < -1.7
    half = poisson((0.5, -0.3), lambda u, v: u - v > 0.1)
    chance = law.probability(f"{u} - {v} > 0.1")
    assert abs(chance.value - half) < 1.5 * chance.error < 0.01


def test_three_dimensions() -> None:
    """From a point in a ball: harmonic polynomials keep their value."""
    grid = fp.Grid(x=(-1.1, 1.13, 20), y=(-1.12, 1.1, 20), z=(-1.1, 1.1, 20))
    law = brownian(3).generator(grid).hitting_law("x**2 + y**2 + z**2 < 1", x0=(0.3, -0.2, 0.1))
    assert law.mean("x*y - z").value == pytest.approx(-0.16, abs=1e-5)
    # E x² from E(x² - |X|²/3) = x0² - |x0|²/3.
    got, exact = law.mean("x**2"), 1 / 3 + 0.09 - 0.14 / 3
    assert abs(got.value - exact) < got.error + 1e-9 < 1e-2
    half = law.probability("x > 0")
    # By symmetry the start at -0.3 has the rest; Poisson's kernel by quadrature.
    t, p = np.meshgrid(np.linspace(-1, 1, 2001), (np.arange(400) + 0.5) * 2 * np.pi / 400, indexing="ij")
    r = np.sqrt(1 - t**2)
    distance = (t - 0.3) ** 2 + (r * np.cos(p) + 0.2) ** 2 + (r * np.sin(p) - 0.1) ** 2
    kernel = ((1 - 0.14) / distance**1.5).mean(axis=1) / 2
    exact = float(simpson(kernel[1000:], x=t[1000:, 0]) / simpson(kernel, x=t[:, 0]))
    assert abs(half.value - exact) < 1.5 * half.error < 0.03
    with pytest.raises(ValueError, match="one or two axes, this has 3"):
        law.plot()


# -- in steps -------------------------------------------------------------------------------------------


def test_the_valley_is_left_on_both_sides_alike() -> None:
    gen = valley(4).generator(fp.Grid(x=("-pi", "pi", 64), y=(-0.45, 0.45, 64), boundary={"x": "periodic"}))
    law = gen.hitting_law("cos(x) > -0.5", x0={"x": 0, "y": 0})
    right = law.probability("sin(x) > 0")
    assert right.value == pytest.approx(0.5, abs=1e-9)
    # On the edge y has about the width of its equilibrium there: a little more, for it is y² that drives x.
    assert 1 < law.mean("y**2").value / (0.05 / (20 * np.exp(-0.25))) < 1.06
    other = gen.hitting_law("cos(x) > -0.5", x0={"x": 1.0, "y": 0}).probability("sin(x) > 0")
    q = gen.committor("cos(x) < -0.5 and sin(x) < 0", "cos(x) < -0.5 and sin(x) > 0").at(x=1.0, y=0)
    assert other.value == pytest.approx(q.value, rel=1e-5)  # extrapolated in different ways


def test_pictures_and_tables() -> None:
    law = in_the_disc(64, (0.5, 0.2))
    ax = law.plot()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x", "y")
    r, a = np.hypot(0.5, 0.2), np.arctan2(0.2, 0.5)
    t = np.arctan2(law.points[:, 1], law.points[:, 0])
    kernel = (1 - r * r) / (1 - 2 * r * np.cos(t - a) + r * r) / 2 / np.pi
    assert np.median(np.abs(law.crowding() / kernel - 1)) < 0.04
    table = law.to_xarray()
    assert float(table["probability"].sum()) == pytest.approx(1, abs=1e-12)
    assert (table["x"].values == law.points[:, 0]).all()
    assert table.attrs["x0_x"] == 0.5
    line = ornstein_uhlenbeck().generator(fp.Grid(x=(-8, 8, 64))).hitting_law("abs(x) < 2", x0=(0.5,))
    assert line.plot().get_ylabel() == "probability to leave here"


def test_next_to_the_edge() -> None:
    """Within a cell of a curved edge no polynomial is positive; the error says what is lost."""
    start = (0.66, 0.70)
    law = in_the_disc(32, start)
    assert law.probabilities.min() >= 0
    got, exact = law.mean("x**4"), poisson(start, lambda x, y: x**4)
    assert abs(got.value - exact) < got.error < 0.5


def test_open_ends_and_refusals() -> None:
    wide = brownian(1).generator(fp.Grid(x=(-5, 5, 100)))
    assert wide.hitting_law("abs(x) < 1", x0=(0.2,)).mean("x").status == "ok"
    plane = brownian().generator(fp.Grid(x=(-1, 3, 48), y=(-2, 2, 48)))
    law = plane.hitting_law("x > 0", x0=(1.0, 0.0))
    assert "open ends of the box matter" in law.mean("y**2").status
    assert "open ends of the box matter" in law.probability("y > 0.3").status
    with pytest.raises(ValueError, match="lies outside the region"):
        wide.hitting_law("x < 1", x0={"x": 2})
    with pytest.raises(ValueError, match="say which region is left"):
        wide.hitting_law(x0={"x": 2})
    ends = TransitionOperator(fp.Grid(x=(-1, 1, 64), boundary="absorbing"), autoregressive)
    with pytest.raises(ValueError, match="no place on the grid"):
        ends.hitting_law(x0={"x": 0})
