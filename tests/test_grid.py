"""Grids: axes, ends, what is refused, regions on cells, and boxes that are found."""

from __future__ import annotations

from math import erfc, sqrt
from typing import Any

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.grid import inside, pointwise
from fokkerplanck.operators.transition import moments
from fokkerplanck.step_law import step_law
from tests.exact import ornstein_uhlenbeck


def test_axes() -> None:
    grid = fp.Grid(x=("-pi", "pi", 8), y=(-1, 1, 4), boundary={"x": "periodic"})
    assert grid.names == ("x", "y")
    assert grid.shape == (8, 4)
    assert grid.size == 32
    assert grid.ndim == 2
    assert grid.periodic == (True, False)
    x = grid["x"]
    assert (x.low, x.high, x.spacing) == (-np.pi, np.pi, np.pi / 4)
    np.testing.assert_allclose(x.centres, 0.5 * (x.faces[1:] + x.faces[:-1]), atol=1e-15)
    np.testing.assert_array_equal(grid["y"].centres, [-0.75, -0.25, 0.25, 0.75])
    assert grid.cell_volume * grid.size == pytest.approx(4 * np.pi, rel=1e-15)
    with pytest.raises(ValueError, match=r"no axis 'z'; it has x, y"):
        grid["z"]


def test_points_are_centres_with_the_last_axis_fastest() -> None:
    grid = fp.Grid(x=(0, 4, 4), y=(0, 10, 5))
    points = grid.points()
    assert points.shape == (20, 2)
    np.testing.assert_array_equal(points[:2], [[0.5, 1.0], [0.5, 3.0]])
    np.testing.assert_array_equal(points.reshape(4, 5, 2)[:, 0, 0], grid["x"].centres)


def test_coarse_twin() -> None:
    grid = fp.Grid(x=(-1, 1, 64), y=(0, 1, 6), boundary={"x": "periodic"})
    coarse = grid.coarsen()
    assert coarse.shape == (32, 4)  # never fewer than four cells
    assert coarse["x"].ends == ("periodic", "periodic")
    assert grid.ratio(coarse) == pytest.approx((2 * 1.5) ** 0.5)
    assert grid.coarsen(1.0) == grid
    assert hash(grid.coarsen(1.0)) == hash(grid)
    assert coarse != grid


def test_wrap_brings_back_along_periodic_axes_only() -> None:
    grid = fp.Grid(x=(-1, 1, 4), y=(-1, 1, 4), boundary={"x": "periodic"})
    points = np.array([[1.5, 1.5], [-3.25, -7.0]])
    np.testing.assert_allclose(grid.wrap(points), [[-0.5, 1.5], [0.75, -7.0]], atol=1e-15)
    assert points[0, 0] == 1.5  # the argument is left as it was


@pytest.mark.parametrize(
    ("boundary", "expected"),
    [
        (None, ("open", "open")),
        ("absorbing", ("absorbing", "absorbing")),
        ({"x": ("reflecting", "open")}, ("reflecting", "open")),
        ({}, ("open", "open")),
    ],
)
def test_boundaries(boundary: Any, expected: tuple[str, str]) -> None:
    grid = fp.Grid(x=(-1, 1, 4), boundary=boundary)
    assert grid["x"].ends == expected
    assert repr(grid) == f"Grid(x=(-1, 1, 4, {expected[0] if expected[0] == expected[1] else expected}))"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "at least one axis"),
        ({"x": (-1, 1)}, r"axis 'x' must be \(low, high, cells\)"),
        ({"x": 3}, r"axis 'x' must be \(low, high, cells\)"),
        ({"x": (1, -1, 8)}, "low must lie below high"),
        ({"x": ("0", "0", 8)}, "low must lie below high"),
        ({"x": (-1, 1, 3)}, "has 3 cells: give a whole number of at least 4"),
        ({"x": (-1, 1, 8.5)}, "has 8.5 cells"),
        ({"x": (-1, 1, True)}, "has True cells"),
        ({"x": ("-pie", 1, 8)}, "pie"),
        ({"x": (-1, 1, 8), "boundary": "closed"}, "boundary of 'x' is 'closed': take one of open"),
        ({"x": (-1, 1, 8), "boundary": {"y": "open"}}, "boundary names the axis 'y', but the grid has x"),
        ({"x": (-1, 1, 8), "boundary": {"x": ("periodic", "open")}}, "both ends are periodic or neither"),
        ({"x": (-1, 1, 8), "boundary": {"x": ("open",)}}, "or a pair"),
    ],
)
def test_wrong_input(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fp.Grid(**arguments)


def test_pointwise() -> None:
    points = np.array([[1.0, 2.0], [-3.0, 0.5]])
    f = pointwise("a*x + y**2", ("x", "y"), {"a": 10.0, "x": 99.0})
    np.testing.assert_allclose(f(points), [14.0, -29.75])  # an axis hides a constant of its name
    np.testing.assert_allclose(pointwise("2", ("x", "y"))(points), [2.0, 2.0])
    np.testing.assert_allclose(pointwise(lambda x, y: x - y, ("x", "y"))(points), [-1.0, -3.5])
    level = pointwise("x > 0 and y < a", ("x", "y"), {"a": 3.0}, region=True)
    np.testing.assert_array_equal(level(points) > 0, [True, False])
    with pytest.raises(ValueError, match="z"):
        pointwise("x + z", ("x", "y"))


def test_inside() -> None:
    grid = fp.Grid(x=(-2, 2, 4))

    def cells(region: str, where: fp.Grid = grid) -> list[bool]:
        mask: list[bool] = inside(pointwise(region, ("x",), region=True), where).tolist()
        return mask

    assert cells("x < 0.6") == [True, True, True, False]
    with pytest.raises(ValueError, match="region is empty: no cell"):
        cells("x > 2")
    with pytest.raises(ValueError, match="whole box"):
        cells("x < 2")
    # An absorbing end is a way out, so the whole box will do there.
    assert cells("x < 2", fp.Grid(x=(-2, 2, 4), boundary={"x": ("open", "absorbing")})) == [True] * 4
    with pytest.raises(ValueError, match=r"not finite"):
        cells("log(x) > 0")


def test_auto_box_of_an_sde_holds_the_law() -> None:
    """Ornstein–Uhlenbeck, p ~ exp(-x²/2): found from a start far away, too; a box given by hand is kept."""
    sde = ornstein_uhlenbeck()
    for start in ({}, {"x": 30.0}):
        grid = fp.Grid.auto(sde, x0=start)
        x = grid["x"]
        assert grid.shape == (256,)
        assert _beyond(x.low, x.high) < 1e-9
        # Power: a box of six standard deviations would be too small, and this one is not wasteful.
        assert _beyond(-6.0, 6.0) > 1e-9
        assert x.high - x.low < 20
        p = sde.generator(grid).stationary()
        assert p.status == "ok"
        m = p.mean("x**2")
        # The law is exact on the cells: all that shows is what the box cuts off, 1e-11 of mass at x² < 60.
        assert abs(m.value - 1) <= m.error + 1e-9
        assert m.error < 1e-9
    kept = fp.Grid.auto(sde, cells=32, x=("-pi", "pi", "reflecting"))
    assert kept == fp.Grid(x=("-pi", "pi", 32), boundary="reflecting")


def _beyond(low: float, high: float) -> float:
    """Mass of the standard normal law outside an interval."""
    return 0.5 * (erfc(-low / sqrt(2)) + erfc(high / sqrt(2)))


def test_auto_refuses_a_range_of_no_variable() -> None:
    with pytest.raises(ValueError, match="ranges for z; the variables are x"):
        fp.Grid.auto(ornstein_uhlenbeck(), z=(-1, 1))


@pytest.mark.parametrize("per_step", [1.2, 2.0])
def test_auto_grid_of_a_chain_resolves_its_step(per_step: float) -> None:
    """x' = (1 - lr h) x + lr s: steps of deviation lr/sqrt(B), a law of variance lr/(B h (2 - lr h))."""
    loss = fp.Loss("h*x**2/2 - s*x", ("x",), {"s": fp.Normal(0, 1)}, constants={"h": 2.0})
    lr, batch = 0.01, 4
    sgd = fp.SGD(loss, lr, batch)
    grid = fp.Grid.auto(sgd, per_step=per_step)
    law, _ = step_law(loss, lr, batch, "iid")
    step = float(np.sqrt(moments(law(grid.points()))[1].max()))
    assert step == pytest.approx(lr / batch**0.5)
    cells = step / grid["x"].spacing
    assert per_step <= cells < 1.1 * per_step
    exact = lr / batch / (2.0 * (2 - lr * 2.0))
    assert _beyond(grid["x"].low / exact**0.5, grid["x"].high / exact**0.5) < 1e-9
    assert sgd.transition(grid).stationary().mean("x**2").value == pytest.approx(exact, rel=1e-7)
    assert fp.Grid.auto(sgd, cells=100).shape == (100,)


def test_auto_grid_says_when_no_even_grid_holds_the_law() -> None:
    """Power-law tails of p ~ (1 + x²)^-2, and a drift that runs away."""
    fat = fp.SDE(variables=("x",), drift=["-2*x"], diffusion="1 + x**2")
    with pytest.raises(ValueError, match="too fat for one even grid"):
        fp.Grid.auto(fat)
    with pytest.raises(ValueError, match="no box was found"):
        fp.Grid.auto(fp.SDE(variables=("x",), drift=["x"], diffusion="1"))
