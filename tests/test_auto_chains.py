"""Grids that are found for a chain: they resolve its step, in a box wider than that of its SDE."""

from __future__ import annotations

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.operators.transition import moments
from fokkerplanck.step_law import step_law
from tests.boxes import normal_beyond, refined


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
