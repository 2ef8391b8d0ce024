"""Exits on two sides, rare ones, and through which saddle."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import simpson

import fokkerplanck as fp
from tests.exact import double_well, ornstein_uhlenbeck

Array = NDArray[np.float64]


def scale_share(v: Callable[[Array], Array], noise: float, low: float, start: float, high: float) -> float:
    """Chance to leave (low, high) at its upper end: a ratio of two integrals of exp(V/D)."""
    x = np.linspace(low, high, 400_001)
    exponent = v(x) / noise
    weight = np.exp(exponent - exponent.max())
    total, before = simpson(weight, x=x), x <= start
    at = np.linspace(low, start, 400_001)
    part = simpson(np.exp(v(at) / noise - exponent.max()), x=at)
    assert before.any()
    return float(part / total)


@pytest.mark.parametrize(
    ("low", "start", "high"), [(-1.0, 0.3, 2.0), (-1.77, -1.2, 0.41), (-0.5, -0.45, 3.0)]
)
def test_two_sided_exit(low: float, start: float, high: float) -> None:
    exact = scale_share(lambda x: x**2 / 2, 1.0, low, start, high)
    gen = ornstein_uhlenbeck().generator(fp.Grid(x=(-8, 8, 320)))
    law = gen.hitting_law(f"{low} < x < {high}", x0=(start,))
    got = law.probability("x > 0")
    assert abs(got.value - exact) < min(1.5 * got.error, 1e-4)
    assert got.value == pytest.approx(gen.committor(f"x < {low}", f"x > {high}").at(x=start).value, rel=1e-9)
    np.testing.assert_allclose(sorted(law.points[:, 0]), [low, high], atol=1e-12)


@pytest.mark.parametrize("barrier", [25, 60])
def test_rare_exits(barrier: float) -> None:
    """The other way out costs a barrier more: a chance of e⁻²⁵ or e⁻⁶⁰ with all its digits."""
    noise = 0.25 / barrier
    exact = scale_share(lambda x: x**4 / 4 - x**2 / 2, noise, -1.2, -1.1, 0.3)
    gen = double_well(noise).generator(fp.Grid(x=(-1.5, 0.5, 1600)))
    got = gen.hitting_law("-1.2 < x < 0.3", x0={"x": -1.1}).probability("x > 0")
    assert got.value < np.exp(-0.7 * barrier)
    assert abs(got.value / exact - 1) < 2e-4
    assert abs(got.value - exact) < 1.5 * got.error < 0.05 * exact


def test_through_which_saddle_at_a_high_barrier() -> None:
    """Two ways over, turned against the axes: independent motions, so that the sides follow from one of them.

    V = u²(1 - u²)... leaves by u = ±0.8 only; the chance of each is that of one dimension.
    """
    c, s, noise = np.cos(0.4), np.sin(0.4), 0.25 / 25
    sde = fp.SDE(
        variables=("x", "y"),
        drift=["c*(u - u**3 + 0.02) + 2*s*v", "s*(u - u**3 + 0.02) - 2*c*v"],
        diffusion="D",
        where={"u": "c*x + s*y", "v": "c*y - s*x"},
        constants={"D": noise, "c": c, "s": s},
    )
    gen = sde.generator(fp.Grid(x=(-1.9, 1.1, 150), y=(-1.5, 1.2, 135)))
    law = gen.hitting_law("-1.35 < c*x + s*y < 0.5", x0={"x": -c, "y": -s})
    exact = scale_share(lambda u: u**4 / 4 - u**2 / 2 - 0.02 * u, noise, -1.35, -1.0, 0.5)
    got = law.probability("c*x + s*y > 0")
    assert 1e-12 < exact < 1e-2
    assert abs(got.value - exact) < 1.5 * got.error < 0.2 * exact
    assert got.status == "ok"
