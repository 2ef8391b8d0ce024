"""Orders and absolute bounds of exactly solved problems that no other file has: laws, rates and times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

import fokkerplanck as fp
from fokkerplanck.estimate import NotValidHere
from fokkerplanck.operators import Generator
from tests.exact import double_well, ornstein_uhlenbeck
from tests.test_spectrum import rotated_product
from tests.test_stencil import rayleigh

Array = NDArray[np.float64]


def order(error: Callable[[int], float], cells: tuple[int, int, int]) -> float:
    """Least observed order of an error that falls from grid to grid."""
    e = np.array([error(n) for n in cells])
    return float((np.log(e[:-1] / e[1:]) / np.log(np.divide(cells[1:], cells[:-1]))).min())


def alone(field: fp.Field, **point: float) -> float:
    """The answer of one grid, not extrapolated."""
    return replace(field, coarse=None, shadow=None).at(**point).value


def raw(gen: Generator, region: str, x: float) -> float:
    return alone(gen.exit_time(region), x=x)


POWER_LAW = fp.SDE(
    variables=("x",),
    drift=["-(x**3 - x)"],
    diffusion="k*(L + c)",
    where={"L": "(x**2 - 1)**2/4"},
    constants={"k": 0.5, "c": 0.05},
)


def test_loss_proportional_law_without_a_potential() -> None:
    """p ~ (L + c)^-3: by solving, of second order."""

    def distance(n: int) -> float:
        grid = fp.Grid(x=(-12, 12, n))
        x = grid["x"].centres
        exact = ((x**2 - 1) ** 2 / 4 + 0.05) ** -3.0
        masses = Generator(grid, POWER_LAW.coefficients).stationary().masses
        return float(np.abs(masses - exact / exact.sum()).sum())

    assert order(distance, (500, 1000, 2000)) > 1.9
    assert distance(2000) < 1e-3


@pytest.mark.parametrize(
    ("sde", "half", "region", "exact"),
    [
        (double_well(), 2.5, "x < 0", 30.82130247),
        (double_well(), 2.5, "x < 1", 66.26862636),
        (POWER_LAW, 12.0, "x < 0", 176.730756982),
    ],
    ids=["to the saddle", "to the other well", "loss-proportional noise"],
)
def test_passage_times_are_of_second_order(sde: fp.SDE, half: float, region: str, exact: float) -> None:
    """From -1, before extrapolation."""
    cells = (100, 200, 400) if half < 10 else (500, 1000, 2000)

    def error(n: int) -> float:
        return abs(raw(sde.generator(fp.Grid(x=(-half, half, n))), region, -1.0) - exact)

    assert order(error, cells) > 1.8
    assert error(cells[-1]) < 2e-3 * exact


@pytest.mark.parametrize(("low", "high", "rate"), [(-1.0, 1.0, 2.0), (0.0, 3**0.5, 3.0)])
def test_decay_rates_are_of_second_order(low: float, high: float, rate: float) -> None:
    """Between absorbing ends."""

    def error(n: int) -> float:
        gen = ornstein_uhlenbeck().generator(fp.Grid(x=(low, high, n), boundary="absorbing"))
        gen.__dict__["coarse"] = None  # nothing to extrapolate with
        return abs(gen.quasi_stationary()[1].value - rate)

    assert order(error, (32, 64, 128)) > 1.9
    gen = ornstein_uhlenbeck().generator(fp.Grid(x=(low, high, 128), boundary="absorbing"))
    assert abs(gen.quasi_stationary()[1].value - rate) < 6e-6  # 2e-4 on this grid alone


def turning(a: float, noise: float) -> fp.SDE:
    """b = -(I + a J) grad V, V = x^4/4 - x^2/2 + y^2/2."""
    return fp.SDE(
        variables=("x", "y"),
        drift=["-(x**3 - x) + a*y", "-y - a*(x**3 - x)"],
        diffusion="D",
        constants={"D": noise, "a": a},
    )


@pytest.mark.parametrize("a", [0.5, 1.0, 3.0])
def test_rotation_leaves_the_law_alone(a: float) -> None:
    """p ~ exp(-V/D) for every a, to second order."""

    def distance(n: int) -> float:
        p = turning(a, 0.1).generator(fp.Grid(x=(-2.2, 2.2, n), y=(-2, 2, n))).stationary()
        x, y = p.grid.points().T
        exact = np.exp(-(x**4 / 4 - x**2 / 2 + y**2 / 2) / 0.1)
        return float(np.abs(p.masses - exact / exact.sum()).sum())

    assert order(distance, (32, 64, 128)) > 1.8
    assert distance(128) < 0.01 * (1 + a**2)


def test_rotation_speeds_up_a_rare_exchange() -> None:
    """The slowest rate gains sqrt(1 + a^2) as D falls: 1.54 at D = 0.1, and nearer at half and a third."""
    gains = []
    for noise in (0.1, 0.05, 0.033):
        box = fp.Grid(x=(-2.0, 2.0, 64), y=(-1.6, 1.6, 64))
        fast, slow = (turning(a, noise).generator(box).spectrum(2).rates[1].value for a in (1.0, 0.0))
        gains.append(fast / slow - 2**0.5)
    assert gains[0] == pytest.approx(0.0515550957053 / 0.0335452873084 - 2**0.5, abs=2e-3)
    assert gains[0] > gains[1] > gains[2] > 0
    assert gains[2] < 0.04


def test_spectrum_of_a_rotated_product_is_of_second_order() -> None:
    """Full D, spectrum of sums: 2 = 1 + 1 and 3.3 = 1 + 2.3 before extrapolation."""

    def error(n: int) -> float:
        gen = rotated_product(0.6, (1.0, 2.3), (1.0, 0.4)).generator(fp.Grid(x=(-6, 6, n), y=(-6, 6, n)))
        rates = np.sort(gen._modes(6).first(6).rates.real)
        return float(abs(rates[2] - 2.0) + abs(rates[5] - 3.3))

    assert order(error, (24, 48, 96)) > 1.8
    assert error(96) < 0.06


def test_rayleigh_van_der_pol_is_of_first_order() -> None:
    """Singular noise, on one grid and by the error that is quoted; extrapolated it is far nearer."""
    exact = 1.28759997093918
    found = []
    for n in (32, 64, 128):
        gen = rayleigh(0.0).generator(fp.Grid(x=(-3.2, 3.2, n), y=(-3.2, 3.2, n)))
        p = gen.stationary()
        plain = replace(p, coarse=None).mean("x**2 + y**2").value
        found.append((abs(plain - exact), abs(p.mean("x**2 + y**2").value - exact)))
    one, extrapolated = np.array(found).T
    assert 0.9 < np.log2(one[1] / one[2]) < 1.4
    assert one[-1] < 0.04
    assert (np.log2(extrapolated[:-1] / extrapolated[1:]) > 1.7).all()
    assert extrapolated[-1] < 3e-3


def collapse(zeta: float, cells: int) -> Generator:
    """d theta = (mu theta - theta^3) dt + zeta theta dW with mu = 1, for y = ln theta."""
    sde = fp.SDE(
        variables=("y",),
        drift=["1 - exp(2*y) - zeta**2/2"],
        diffusion="zeta**2/2",
        constants={"zeta": zeta},
    )
    # On the left the law falls as exp((2/zeta^2 - 1) y).
    slope = max(2 / zeta**2 - 1, 0.1)
    return sde.generator(fp.Grid(y=(-30 / slope, 2.5, cells)))


@pytest.mark.parametrize("zeta", [0.5, 1.0, 1.3])
def test_stochastic_collapse_well(zeta: float) -> None:
    """E theta^2 = mu - zeta^2/2 below the threshold, though theta = 0 takes no noise."""
    cells = 6000
    found = collapse(zeta, cells).stationary().mean("exp(2*y)")
    assert found.ok
    assert abs(found.value - (1 - zeta**2 / 2)) < 1e-4

    def distance(n: int) -> float:
        gen = Generator(collapse(zeta, n).grid, collapse(zeta, n)._coefficients)
        p = gen.stationary()
        return abs(float(np.exp(2 * p.grid["y"].centres) @ p.masses) - (1 - zeta**2 / 2))

    assert distance(cells) < 1e-3


@pytest.mark.parametrize("zeta", [2**0.5, 1.5, 2.0])
def test_collapse_iff_the_noise_is_as_strong(zeta: float) -> None:
    """zeta^2 >= 2 mu: the law sinks to theta = 0, and is refused with a sentence."""
    with pytest.raises(NotValidHere, match="does not fall off towards y = "):
        collapse(zeta, 2000).stationary()
    well = fp.SDE(variables=("t",), drift=["t - t**3"], diffusion="zeta**2*t**2/2", constants={"zeta": zeta})
    with pytest.raises(NotValidHere, match="noise vanishes across a surface through t = "):
        well.generator(fp.Grid(t=(-3, 3.1, 121)))
