"""Variance and law of exit times against series, quadratures and direct iteration."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import cumulative_simpson, simpson
from scipy.special import erfc
from scipy.stats import norm

import fokkerplanck as fp
from fokkerplanck.operators.transition import Step, TransitionOperator
from tests.exact import double_well, ornstein_uhlenbeck, valley

Array = NDArray[np.float64]

OU = ornstein_uhlenbeck()
TIMES = (0.03, 0.1, 0.5, 1.0, 3.0, 20.0)


def brownian(noise: float = 1.0) -> fp.SDE:
    return fp.SDE(variables=("x",), drift=["0"], diffusion="D", constants={"D": noise})


def theta(t: float, x: float, derivative: int = 0) -> float:
    """Survival (or minus its derivative) of Brownian motion, D = 1, on (-1, 1) from x."""
    k = 2 * np.arange(200) + 1
    rate = (k * np.pi / 2) ** 2
    share = 4 / (k * np.pi) * np.sin(k * np.pi * (x + 1) / 2)
    return float((share * rate**derivative * np.exp(-rate * t)).sum())


@cache
def between_ends(x: float, cells: int = 200) -> fp.ExitLaw:
    return brownian().generator(fp.Grid(x=(-2, 2, cells))).exit_law("abs(x) < 1", x0={"x": x})


@pytest.mark.parametrize("x", [0.0, 0.83])
@pytest.mark.parametrize("t", TIMES)
def test_law_of_brownian_motion_between_two_ends(x: float, t: float) -> None:
    law = between_ends(x)
    for got, exact in ((law.survival(t), theta(t, x)), (law.density(t), theta(t, x, 1))):
        assert abs(got.value - exact) < 3 * got.error + 1e-9
        assert abs(got.value - exact) < 2e-3 * max(exact, 1e-3)
    wrong = brownian(2.0).generator(fp.Grid(x=(-2, 2, 200))).exit_law("abs(x) < 1", x0={"x": x})
    off = wrong.survival(t)
    assert abs(off.value - theta(t, x)) > 3 * off.error or abs(theta(t, x) - theta(2 * t, x)) < 1e-4


def test_quantiles_and_the_tail() -> None:
    law = between_ends(0.0)
    for p in (0.01, 0.5, 0.99):
        assert theta(law.quantile(p).value, 0.0) == pytest.approx(1 - p, rel=1e-3)
    assert abs(law.rate.value - np.pi**2 / 4) < min(law.rate.error, 1e-5)
    assert law.mean.value == pytest.approx(0.5, abs=1e-9)
    assert law.quantile(0).value == 0


def test_the_law_is_second_order() -> None:
    """The edge falls at another place of a cell each time."""
    cells = (40, 91, 173, 352)
    errors = [abs(between_ends(0.3, n).fine.survival(0.2) - theta(0.2, 0.3)) for n in cells]
    assert np.polyfit(np.log(cells), np.log(errors), 1)[0] < -1.7


def test_first_passage_with_drift() -> None:
    """A level far on one side only: the inverse Gaussian law."""
    sde = fp.SDE(variables=("x",), drift=["1"], diffusion="0.1")
    law = sde.generator(fp.Grid(x=(-3, 2.5, 550))).exit_law("x < 2", x0=(0.5,))
    for t in (0.7, 1.2, 1.5, 2.5):
        spread = np.sqrt(4 * 0.1 * t)
        survival = 0.5 * (erfc((t - 1.5) / spread) - np.exp(1.5 / 0.1) * erfc((1.5 + t) / spread))
        density = 1.5 / (spread * np.sqrt(np.pi) * t) * np.exp(-(((1.5 - t) / spread) ** 2))
        for got, exact in ((law.survival(t), survival), (law.density(t), density)):
            assert abs(got.value - exact) < 3 * got.error < 0.02 * max(exact, 0.1)


def scale_integrals(drift: Array, noise: float, x: Array, start: float) -> tuple[float, float]:
    """Mean and variance of the passage from `start` to the last of x, by quadrature of the scale function."""
    log_density = cumulative_simpson(drift, x=x, initial=0) / noise
    weight = np.exp(log_density - log_density.max())
    slope = cumulative_simpson(weight, x=x, initial=0) / weight / noise  # -T'
    spread = cumulative_simpson(2 * noise * slope**2 * weight, x=x, initial=0) / weight / noise
    beyond = x >= start
    return float(simpson(slope[beyond], x=x[beyond])), float(simpson(spread[beyond], x=x[beyond]))


@pytest.mark.parametrize(
    ("sde", "noise", "start", "end", "box"),
    [
        (OU, 1.0, 0.0, 1.0, (-8, 8, 320)),
        (OU, 1.0, 0.0, 2.0, (-8, 8, 320)),
        (double_well(0.1), 0.1, -1.0, 1.0, (-2.5, 2.5, 400)),
        (double_well(0.04), 0.04, -1.0, 0.5, (-2.2, 2.2, 400)),
    ],
)
def test_variance(sde: fp.SDE, noise: float, start: float, end: float, box: tuple[float, float, int]) -> None:
    x = np.linspace(box[0], end, 40_001)
    start = float(x[np.argmin(np.abs(x - start))])
    drift = -x if sde is OU else x - x**3
    mean, variance = scale_integrals(drift, noise, x, start)
    gen = sde.generator(fp.Grid(x=box))
    t, v = (f(f"x < {end}").at(x=start) for f in (gen.exit_time, gen.exit_variance))
    assert abs(t.value - mean) < min(3 * t.error, 1e-4 * mean)
    assert abs(v.value - variance) < min(3 * v.error, 1e-4 * variance)
    assert v.error < 0.01 * variance
    assert gen.exit_variance(f"x < {end}").at(x=end + 0.1).value == 0
    law = gen.exit_law(f"x < {end}", x0={"x": start})
    assert law.mean.value == pytest.approx(t.value, rel=1e-9)


def test_variance_of_an_almost_certain_time() -> None:
    """Drift 1, little noise: variance 2 D a, far below the square of the mean."""
    sde = fp.SDE(variables=("x",), drift=["1"], diffusion="5e-3")
    v = sde.generator(fp.Grid(x=(-0.5, 1.5, 800))).exit_variance("x < 1").at(x=0)
    assert v.value == pytest.approx(1e-2, rel=1e-3)
    assert abs(v.value - 1e-2) < 3 * v.error


# -- in steps -------------------------------------------------------------------------------------------


def autoregressive(x: Array) -> Step:
    return Step((-0.2 * x)[:, None, :], np.ones(1), np.full((len(x), 1, 1), 0.09))


@cache
def chain(cells: int = 200) -> TransitionOperator:
    return TransitionOperator(fp.Grid(x=(-3, 3, cells)), autoregressive)


def integral_equation(steps: int, nodes: int = 200) -> Array:
    """Chance from 0.3 to stay in (-1, 1) for 0, 1, ... steps, by Gauss-Legendre nodes."""
    x, w = np.polynomial.legendre.leggauss(nodes)
    first, step = norm.pdf(x, 0.8 * 0.3, 0.3) * w, norm.pdf(x, 0.8 * x[:, None], 0.3) * w
    f, alive = np.ones(nodes), [1.0]
    for _ in range(steps):
        alive.append(float(first @ f))
        f = step @ f
    return np.array(alive)


def test_law_in_steps() -> None:
    law = chain().exit_law("abs(x) < 1", x0={"x": 0.3})
    alive = integral_equation(200)
    for n in (1, 2, 5, 40, 200):
        s, f = law.survival(n), law.density(n)
        assert abs(s.value - alive[n]) < 3 * s.error + 1e-12 < 1e-3
        assert abs(f.value - (alive[n - 1] - alive[n])) < 3 * f.error + 1e-12 < 1e-3
    assert law.density(0).value == 0
    assert law.mean.value == pytest.approx(chain().exit_time("abs(x) < 1").at(x=0.3).value, rel=1e-10)
    assert (law.unit, law.density(1).unit) == ("steps", "1/steps")
    assert (law.times == np.round(law.times)).all()


def test_variance_in_steps() -> None:
    """Sum of (2n + 1) S(n), less the square of the mean."""
    alive = integral_equation(3000)
    n = np.arange(len(alive))
    exact = float((2 * n + 1) @ alive - alive.sum() ** 2)
    v = chain(300).exit_variance("abs(x) < 1").at(x=0.3)
    assert abs(v.value - exact) < 2 * v.error < 0.02 * exact
    assert v.unit == "steps^2"


# -- two dimensions, results, refusals ------------------------------------------------------------------


def test_law_in_the_valley() -> None:
    """The mean is that of the exit-time field; the tail that of the quasi-stationary law."""
    gen = valley(4).generator(fp.Grid(x=("-pi", "pi", 64), y=(-0.45, 0.45, 64), boundary={"x": "periodic"}))
    law = gen.exit_law("cos(x) > -0.5", x0={"x": 0, "y": 0})
    assert law.mean.value == pytest.approx(gen.exit_time("cos(x) > -0.5").at(x=0, y=0).value, rel=1e-8)
    assert law.rate.value == pytest.approx(gen.quasi_stationary("cos(x) > -0.5")[1].value, rel=1e-8)


def test_tables_and_curves() -> None:
    gen = brownian().generator(fp.Grid(x=(-2, 2, 64)))
    law = gen.exit_law("abs(x) < 1", x0={"x": 0}, times=[0.1, 1])
    table = law.to_xarray()
    assert table["survival"].values[1] == law.survival(1).value
    assert table["density_error"].values[0] == law.density(0.1).error
    assert table["time"].attrs["units"] == "time"
    for quantity in ("survival", "density"):
        assert law.plot(quantity=quantity).get_xscale() == "log"
    with pytest.raises(ValueError, match="take 'survival' or 'density'"):
        law.plot(quantity="hazard")


def test_refusals() -> None:
    gen = OU.generator(fp.Grid(x=(-8, 8, 64)))
    with pytest.raises(ValueError, match="lies outside the region"):
        gen.exit_law("x < 1", x0={"x": 2})
    with pytest.raises(ValueError, match="give one value for each of x"):
        gen.exit_law("x < 1", x0={"y": 2})
    with pytest.raises(ValueError, match="give one value for each of x"):
        gen.exit_law("x < 1", x0=(0, 1))
    with pytest.raises(ValueError, match="t is -1"):
        gen.exit_law("x < 1", x0=(0,)).survival(-1)
    with pytest.raises(ValueError, match="below 1"):
        gen.exit_law("x < 1", x0=(0,)).quantile(1)
    with pytest.raises(ValueError, match=r"holds no cell of .*use more cells"):
        gen.exit_time("abs(x - 0.125) < 0.1")
    with pytest.raises(ValueError, match="nothing leaves to the target"):
        gen.committor("x < 0", "abs(x - 2.125) < 0.1")
    wide = brownian().generator(fp.Grid(x=(-5, 5, 100)))
    assert "open ends of the box matter" in wide.exit_law("x < 1", x0=(0,)).survival(5).status
