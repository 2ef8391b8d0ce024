"""On the floor of a valley: where a region ends, and how a law follows the flatness."""

from __future__ import annotations

import math

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.comparison import floor
from fokkerplanck.comparison.setting import Setting
from fokkerplanck.comparison.slopes import fit, of_states
from tests.questions import BOX, SMALL, setting


def edges(region: str, x0: float = 0.0, grid: fp.Grid = BOX) -> tuple[float, tuple[float, float]]:
    where = setting(region=region, x0={"x": x0, "y": 0.0}, grid=grid)
    return floor.start(where), floor.edges(where)


def test_edges_on_the_floor() -> None:
    start, (low, high) = edges("cos(x) > -0.5")
    assert start == 0.0
    assert (low, high) == pytest.approx((-2 * np.pi / 3, 2 * np.pi / 3), abs=1e-9)
    # The edge that is reached from the start, not one farther on; y on the floor is 0.
    _, (low, high) = edges("cos(3*x) + y > 0", x0=0.1)
    assert (low, high) == pytest.approx((-np.pi / 6, np.pi / 6), abs=1e-9)
    # Paths live unwrapped: an edge may lie beyond the end of the box.
    _, (low, high) = edges("cos(x) > -0.5", x0=2.0)
    assert (low, high) == pytest.approx((-2 * np.pi / 3, 2 * np.pi / 3), abs=1e-9)


def test_edges_that_are_none() -> None:
    with pytest.raises(ValueError, match="does not lie in the region"):
        edges("cos(x) > -0.5", x0=3.0)
    wall = fp.Grid(x=(-3, 3, 48), y=(-0.45, 0.45, 48), boundary={"x": "reflecting"})
    assert edges("x < 1", grid=wall)[1] == pytest.approx((-math.inf, 1.0))
    whole = setting(region="y < 1", x0={"x": 0.0, "y": 0.0}, grid=wall)
    with pytest.raises(ValueError, match="has no edge on the floor"):
        floor.passage(whole, whole.effective, False)


def test_one_edge_only() -> None:
    """A reflecting end reflects; an open one is refused where the time depends on where it lies."""
    start = {"x": 0.0, "y": 0.0}
    wall = fp.Grid(x=(-3, 3, 48), y=(-0.45, 0.45, 48), boundary={"x": "reflecting"})
    where = setting(region="x < 1", x0=start, grid=wall)
    law = where.effective.small_lr
    found = floor.passage(where, law, False)
    assert found.value == law.passage_time(0.0, 1.0, reflecting=-3.0).value
    assert found.ok
    level = fp.Grid(x=(-3, 3, 48), y=(-0.45, 0.45, 48))
    refused = floor.passage(setting(region="x < 1", x0=start, grid=level), law, False)
    assert math.isnan(refused.value)
    assert "ends on one side only" in refused.status
    # A floor that rises holds the chain by itself.
    rising = fp.Loss(
        "x**2/2 + 40*(1 + x**2/100)*y**2/2 - a*x - b*y",
        ("x", "y"),
        {"a": fp.Normal(0, 1), "b": fp.Normal(0, 1)},
    )
    bowl = fp.Grid(x=(-3, 3, 48), y=(-1, 1, 48))
    held = Setting(fp.SGD(rising, lr=0.02), bowl, "x", region="x < 0.2", x0=start, effort=SMALL)
    found = floor.passage(held, held.effective, False)
    assert found.ok
    assert found.disc < 0.01 * found.value
    assert found.value == pytest.approx(
        held.effective.passage_time(0.0, 0.2, reflecting=-5.0).value, rel=1e-6
    )


def test_slope_of_exact_and_of_sampled_laws() -> None:
    """States drawn from p ~ F^3 with independent replicas: the slope 3 within 4 errors (false alarm 6e-5)."""
    u = np.linspace(0, 1, 50)
    assert fit(u, 3 * u + 1, np.exp(u)) == pytest.approx(3.0)
    s = setting()
    rng = np.random.default_rng(4)
    x = np.linspace(-np.pi, np.pi, 4001)
    p = np.exp(-0.75 * np.cos(x))
    states = np.stack([rng.choice(x, (4000, 1), p=p / p.sum()), rng.standard_normal((4000, 1))], axis=-1)
    marginal, joint = of_states(s, states, s.effective, "draws")
    assert abs(marginal.value - 3) < 4 * marginal.stat
    assert abs(joint.value - 3) < 4 * joint.stat
    assert 0.02 < marginal.stat < 0.2
    assert abs(marginal.value - 4) > 4 * marginal.stat  # power
