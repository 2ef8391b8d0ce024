"""Exit times, committors, rates and spectra against exact values (theory: quadrature, three routes each)."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import cumulative_simpson, simpson
from scipy.special import erfi

import fokkerplanck as fp
from fokkerplanck.operators.transition import Step, TransitionOperator
from tests.exact import double_well, ornstein_uhlenbeck, valley

Array = NDArray[np.float64]

OU = ornstein_uhlenbeck()
LINE = fp.Grid(x=(-8, 8, 256))


@pytest.mark.parametrize(
    ("sde", "grid", "region", "start", "exact", "bound"),
    [
        (OU, LINE, "x < 1", 0, 2.0934066496783, 1e-4),
        (OU, LINE, "x < 2", 0, 10.428409397996, 5e-4),
        (double_well(), fp.Grid(x=(-2.5, 2.5, 400)), "x < 0", -1, 30.82130247, 3e-4),
        (double_well(), fp.Grid(x=(-2.5, 2.5, 400)), "x < 1", -1, 66.26862636, 2e-4),
    ],
)
def test_mean_exit_time(
    sde: fp.SDE, grid: fp.Grid, region: str, start: float, exact: float, bound: float
) -> None:
    got = sde.generator(grid).exit_time(region).at(x=start)
    assert abs(got.value - exact) < bound
    assert abs(got.value - exact) <= got.error
    assert got.error < 1e-3 * exact


def test_loss_proportional_noise() -> None:
    sde = fp.SDE(
        variables=("x",),
        drift=["-(x**3 - x)"],
        diffusion="k*(L + c)",
        where={"L": "(x**2 - 1)**2/4"},
        constants={"k": 0.5, "c": 0.05},
    )
    got = sde.generator(fp.Grid(x=(-12, 12, 2000))).exit_time("x < 0").at(x=-1)
    assert abs(got.value - 176.730756982) < min(1e-3, got.error)


def test_exit_time_is_second_order_wherever_the_edge_falls() -> None:
    """The edge at 1 sits at another fraction of a cell on every grid."""
    errors = []
    for n in (50, 101, 203, 407):
        gen = OU.generator(fp.Grid(x=(-8, 8, n)))
        errors.append(abs(gen.exit_time("x < 1")._value(np.array([[0.0]])) - 2.0934066496783))
    assert errors[-1] < 4e-4
    assert np.log(errors[0] / errors[-1]) / np.log(407 / 50) > 1.8


@pytest.mark.parametrize(("region", "rate"), [("abs(x) < 1", 2.0), ("0 < x < sqrt(3)", 3.0)])
def test_decay_rate(region: str, rate: float) -> None:
    _, got = OU.generator(LINE).quasi_stationary(region)
    assert abs(got.value - rate) < min(5e-4, got.error)


def test_decay_rate_between_absorbing_ends() -> None:
    law, got = OU.generator(fp.Grid(x=(-1, 1, 256), boundary="absorbing")).quasi_stationary()
    assert abs(got.value - 2) < min(1e-6, got.error)
    assert law.mean("1").value == pytest.approx(1)


def test_relaxation_rates() -> None:
    rates = OU.generator(LINE).spectrum(4).rates
    for k, r in enumerate(rates):
        assert abs(r.value - k) < max(r.error, 1e-9)
        assert r.error < 0.02
    slow = double_well().generator(fp.Grid(x=(-2.5, 2.5, 400))).spectrum(2).rates[1]
    assert abs(slow.value - 0.0335452873084) < 1e-8


def test_rotation_speeds_up_relaxation() -> None:
    """Non-gradient rotation: the same law for every a, another rate."""
    sde = fp.SDE(
        variables=("x", "y"),
        drift=["-(x**3 - x) + a*y", "-y - a*(x**3 - x)"],
        diffusion="D",
        constants={"D": 0.1, "a": 1.0},
    )
    gen = sde.generator(fp.Grid(x=(-2.5, 2.5, 128), y=(-2.5, 2.5, 128)))
    rate = gen.spectrum(2).rates[1]
    assert abs(rate.value - 0.0515550957053) < min(1e-5, rate.error)
    assert gen.stationary().mean("y**2").value == pytest.approx(0.1, abs=1e-5)


def test_committor_of_the_ornstein_uhlenbeck_process() -> None:
    """q(x) from -1 to 2 is a ratio of erfi."""
    q = OU.generator(LINE).committor("x < -1", "x > 2").at(x=0.5)
    exact = (erfi(0.5 / 2**0.5) + erfi(1 / 2**0.5)) / (erfi(2 / 2**0.5) + erfi(1 / 2**0.5))
    assert abs(q.value - exact) < min(1e-4, q.error + 1e-6)


def test_time_to_flatness_in_the_valley() -> None:
    """T Delta is the same for every Delta; the SDE values of the standard valley."""
    grid = fp.Grid(x=("-pi", "pi", 128), y=(-0.45, 0.45, 128), boundary={"x": "periodic"})
    for kappa, exact in ((2, 68.24), (4, 109.95)):
        t = valley(kappa).generator(grid).exit_time("cos(x) > -0.5").at(x=0, y=0)
        assert abs(t.value - exact) < 0.05
        assert t.error < 0.5
    # Power: 5 % more noise overall is seen.
    assert (
        abs(
            valley(4, fx=1.05, fy=1.05).generator(grid).exit_time("cos(x) > -0.5").at(x=0, y=0).value - 109.95
        )
        > 3
    )


def test_evolution_of_the_ornstein_uhlenbeck_process() -> None:
    gen = OU.generator(fp.Grid(x=(-8, 8, 256)))
    start = "exp(-(x - 2)**2/(2*0.25))"
    times = [0.25, 1.0, 3.0]
    for t, p in zip(times, gen.evolve(start, times), strict=True):
        mean, square = p.mean("x"), p.mean("x**2")
        exact_mean = 2 * np.exp(-t)
        exact_square = exact_mean**2 + 1 + (0.25 - 1) * np.exp(-2 * t)
        assert mean.value == pytest.approx(exact_mean, abs=2e-4)
        assert square.value == pytest.approx(exact_square, abs=1e-3)
        assert p.info["mass"] == pytest.approx(1, abs=1e-12)
        assert p.values.min() >= 0


def double_well_time(barrier: float, start: float, end: float) -> float:
    """Mean time of V = x^4/4 - x^2/2 by quadrature, with its largest exponentials divided out."""
    x = np.linspace(-2.5, end, 200_001)
    v = (x**4 / 4 - x**2 / 2) * 4 * barrier
    inner = cumulative_simpson(np.exp(v.min() - v), x=x, initial=0)
    beyond = x >= start - 1e-9
    top = v[beyond].max()
    outer = simpson(np.exp(v[beyond] - top) * inner[beyond], x=x[beyond])
    return float(outer * np.exp(top - v.min()) * 4 * barrier)


@pytest.mark.parametrize("barrier", [25, 40, 60])
def test_high_barriers(barrier: float) -> None:
    """Times of 1e11 to 1e27 by elimination and by the rate of the quasi-stationary law."""
    exact = double_well_time(barrier, -1, 0.8)
    gen = double_well(0.25 / barrier).generator(fp.Grid(x=(-1.8, 1.8, 1200)))
    t = gen.exit_time("x < 0.8").at(x=-1)
    assert abs(t.value / exact - 1) < 1e-6
    assert t.error < 1e-3 * exact
    assert t.status == "ok"
    assert gen.quasi_stationary("x < 0.8")[1].value * t.value == pytest.approx(1, abs=1e-6)
    assert gen.exit_variance("x < 0.8").at(x=-1).value == pytest.approx(t.value**2, rel=1e-6)
    law = gen.exit_law("x < 0.8", x0={"x": -1})
    assert law.survival(exact).value == pytest.approx(np.exp(-1), rel=1e-6)
    wrong = double_well(0.25 / barrier * 2).generator(fp.Grid(x=(-1.8, 1.8, 1200)))
    assert wrong.exit_time("x < 0.8").at(x=-1).value < 1e-4 * exact


@pytest.mark.parametrize("barrier", [25, 60])
def test_high_barriers_in_two_dimensions(barrier: float) -> None:
    """A turned double well. Untwisted, with independent axes, every digit is that of one dimension."""
    exact = double_well_time(barrier, -1, 0.8)
    sde = fp.SDE(
        variables=("x", "y"),
        drift=["c*(u - u**3) + 2*s*v", "s*(u - u**3) - 2*c*v"],
        diffusion="D",
        where={"u": "c*x + s*y", "v": "c*y - s*x"},
        constants={"D": 0.25 / barrier, "c": np.cos(0.4), "s": np.sin(0.4)},
    )
    gen = sde.generator(fp.Grid(x=(-1.8, 1.8, 128), y=(-1.6, 1.6, 128)))
    t = gen.exit_time("c*x + s*y < 0.8").at(x=-np.cos(0.4), y=-np.sin(0.4))
    assert abs(t.value / exact - 1) < 1e-3
    assert abs(t.value - exact) < t.error < 0.02 * exact
    assert gen.quasi_stationary("c*x + s*y < 0.8")[1].value * t.value == pytest.approx(1, abs=5e-4)
    flat = fp.SDE(
        variables=("x", "y"), drift=["x - x**3", "-y"], diffusion="D", constants={"D": 0.25 / barrier}
    )
    a = flat.generator(fp.Grid(x=(-1.8, 1.8, 96), y=(-1, 1, 32))).exit_time("x < 0.8").values[20, 16]
    b = double_well(0.25 / barrier).generator(fp.Grid(x=(-1.8, 1.8, 96))).exit_time("x < 0.8").values[20]
    assert a == pytest.approx(b, rel=1e-10)


def test_high_barriers_of_a_chain() -> None:
    """Times of 1e17 steps: by elimination, of wide rows too."""

    def step(x: Array) -> Step:
        move = np.zeros_like(x)
        move[:, 0] = 0.05 * (x[:, 0] - x[:, 0] ** 3)
        move[:, 1:] = -0.5 * x[:, 1:]
        return Step(
            move[:, None, :], np.ones(1), np.tile(np.diag([7e-4, 0.01][: x.shape[1]]), (len(x), 1, 1))
        )

    flat = TransitionOperator(fp.Grid(x=(-1.8, 1.8, 200)), step)
    wide = TransitionOperator(fp.Grid(x=(-1.8, 1.8, 200), y=(-0.9, 0.9, 24)), step)
    t = flat.exit_time("x < 0.8").at(x=-1)
    assert 1e17 < t.value < 1e18
    assert t.status == "ok"
    assert wide.exit_time("x < 0.8").at(x=-1, y=0).value == pytest.approx(t.value, rel=1e-4)
    assert flat.quasi_stationary("x < 0.8")[1].value * t.value == pytest.approx(1, rel=1e-6)


def test_fields_are_known_outside_and_sharp_at_the_edge() -> None:
    """Zero outside the region, the sinks' own values in them, and no interpolation across an edge."""
    gen = OU.generator(LINE)
    t = gen.exit_time("x < 1")
    assert t.at(x=1.2).value == 0
    assert t.at(x=1.0).value == 0
    q = gen.committor("x < -0.9", "x > 0.9")
    assert (q.at(x=0.92).value, q.at(x=-0.92).value) == (1.0, 0.0)
    for x in (0.5, 0.8, 0.85):
        exact = 0.5 + 0.5 * erfi(x / 2**0.5) / erfi(0.9 / 2**0.5)
        assert abs(q.at(x=x).value - exact) < 2.5e-5


def test_open_ends_that_matter_are_flagged() -> None:
    """Brownian motion never comes back on average: a box edge taken for a wall must not pass as a number."""
    brownian = fp.SDE(variables=("x",), drift=["0"], diffusion="1").generator(fp.Grid(x=(-5, 5, 100)))
    assert "open ends of the box matter" in brownian.exit_time("x < 1").at(x=0).status
    assert "open ends of the box matter" in brownian.spectrum(3).rates[1].status
    assert "open ends of the box matter" in brownian.quasi_stationary("x < 1")[1].status
    assert "box too small" in brownian.evolve("exp(-x**2)", [10.0])[0].mean("x**2").status
    assert brownian.exit_time("abs(x) < 1").at(x=0).status == "ok"
    assert OU.generator(LINE).spectrum(3).rates[1].status == "ok"


def test_moments_that_reach_beyond_the_box() -> None:
    """p ~ (1 + x²)^-2 has <x²> = 1 with a fat tail; p ~ (1 + x²)^-5/4 has none."""
    fat = fp.SDE(variables=("x",), drift=["-2*x"], diffusion="1 + x**2").generator(
        fp.Grid(x=(-200, 200, 2000))
    )
    m = fat.stationary().mean("x**2")
    assert abs(m.value - 1) < m.error < 0.02
    fatter = fp.SDE(variables=("x",), drift=["-x/2"], diffusion="1 + x**2").generator(
        fp.Grid(x=(-4000, 4000, 4000))
    )
    assert "may be infinite" in fatter.stationary().mean("x**2").status


@pytest.mark.parametrize("noise", [0.009, 0.005])
def test_stationary_law_of_high_barriers(noise: float) -> None:
    """With a potential no barrier is too high: both wells weigh the same to rounding."""
    gen = double_well(noise).generator(fp.Grid(x=(-2, 2.2, 400)))
    assert abs(gen.stationary().mean("x").value) < 1e-10
