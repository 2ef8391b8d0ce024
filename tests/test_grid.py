"""Grids: axes, ends, what is refused, and regions on cells."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.grid import inside, pointwise


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
