"""Convergence studies: the orders that the engine claims, and that a false one is told."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

import fokkerplanck as fp
from tests.exact import X, Y, ornstein_uhlenbeck, recipe

PASSAGE = 2.0934066496783  # of Ornstein–Uhlenbeck from 0 to 1


def passage_study(**options: object) -> fp.ConvergenceStudy:
    sde = ornstein_uhlenbeck()
    return fp.convergence_study(
        lambda grid: sde.generator(grid).exit_time("x < 1").at(x=0),
        fp.Grid(x=(-8, 8, 64)),
        **options,  # type: ignore[arg-type]
    )


def test_exit_time_is_of_second_order_and_honest() -> None:
    study = passage_study(exact=PASSAGE)
    assert study.clean
    assert study.order == pytest.approx(2, abs=0.15)
    assert (study.orders > 2).all()  # extrapolated values do better than the scheme
    assert (study.ratios < 1).all()
    assert study.errors[-1] < 2e-5
    assert study.cells == ((64,), (128,), (256,), (512,))
    np.testing.assert_allclose(study.spacing, [1 / 4, 1 / 8, 1 / 16, 1 / 32])


def test_the_limit_is_found_where_it_is_not_known() -> None:
    known, found = passage_study(exact=PASSAGE), passage_study()
    assert abs(found.reference - PASSAGE) < 3e-6  # the finest value is 8e-6 off
    np.testing.assert_allclose(found.errors, known.errors, atol=3e-6)
    assert found.order == known.order
    assert "extrapolated: 2.0934" in found.table()


def test_stationary_moment_with_a_current_is_of_second_order() -> None:
    """Complete recipe: full, state-dependent D and a current; <x²> of exp(-x²/2 - x⁴/4 - y²/2) by itself."""
    tensor = sympy.Matrix([[1 + X**2 / 4, X / 4], [X / 4, 1]])
    sde = recipe(X**2 / 2 + X**4 / 4 + Y**2 / 2, tensor, 1 + X / 2)
    x = np.linspace(-8, 8, 4001)
    p = np.exp(-(x**2) / 2 - x**4 / 4)
    study = fp.convergence_study(
        lambda grid: sde.generator(grid).stationary().mean("x**2"),
        fp.Grid(x=(-5, 5, 32), y=(-7, 7, 32)),
        exact=float(x**2 @ p / p.sum()),
        levels=3,
    )
    assert study.order == pytest.approx(2, abs=0.15)
    assert study.clean
    assert (study.ratios < 1).all()
    assert study.errors[-1] < 1e-5


def test_a_distance_between_densities() -> None:
    """L1 against the exact law, as a number with ``exact=0``: no extrapolation, so the scheme's own order."""
    sde = recipe(X**2 / 2 + Y**2 / 2, sympy.eye(2), 1 + X / 2)

    def distance(grid: fp.Grid) -> float:
        exact = np.exp(-0.5 * (grid.points() ** 2).sum(axis=1))
        return float(np.abs(sde.generator(grid).stationary().masses - exact / exact.sum()).sum())

    study = fp.convergence_study(distance, fp.Grid(x=(-7, 7, 16), y=(-7, 7, 16)), exact=0, levels=3)
    assert study.order == pytest.approx(2, abs=0.2)
    assert np.isnan(study.ratios).all()
    assert "quoted" not in study.table()


def test_a_lost_order_is_told() -> None:
    """A current along a wall that links cross by more than a cell: what is dropped costs the second order."""
    sde = fp.SDE(
        variables=("x", "y"), drift=["-x + 2*y", "-2*y"], diffusion=[["1", "0.37"], ["0.37", "0.15"]]
    )
    study = fp.convergence_study(
        lambda grid: sde.generator(grid).stationary().mean("x*y + x + x**2"),
        fp.Grid(x=(-1, 1, 8), y=(-1, 1, 8), boundary="reflecting"),
        levels=5,  # what is quoted on one grid looks at two coarser ones
    )
    assert not study.clean
    assert study.order < 1.2
    assert study.status.startswith("no clean order: ")
    assert study.status in study.table()


def test_a_mistake_of_first_order_is_caught() -> None:
    """Power: one-sided edges, a cell's width off, would pass for convergence but not for second order."""
    sde = ornstein_uhlenbeck()

    def mistaken(grid: fp.Grid) -> fp.Estimate:
        def solve(g: fp.Grid) -> float:
            edge = 1 + float(g.spacing[0])
            return sde.generator(g).exit_time(f"x < {edge!r}").at(x=0).value

        return fp.Estimate.from_refinement(solve(grid), solve(grid.coarsen()))

    study = fp.convergence_study(mistaken, fp.Grid(x=(-8, 8, 64)), exact=PASSAGE)
    assert study.order == pytest.approx(1, abs=0.2)
    assert study.ratios[-1] > 1


def test_what_is_exact_has_no_order() -> None:
    """Exact to rounding, as a law with a potential is: no order, rather than a wild one."""
    sde = ornstein_uhlenbeck()
    study = fp.convergence_study(
        lambda grid: sde.generator(grid).stationary().mean("x**2").value, fp.Grid(x=(-9, 9, 64)), exact=1.0
    )
    assert study.status == "no order to be seen: errors are rounding"
    assert np.isnan(study.order)


@pytest.mark.parametrize("factor", [1.5, 2])
def test_orders_of_a_known_error(factor: float) -> None:
    """1 + h^3 by itself: cells, orders, and the table to the letter."""
    study = fp.convergence_study(
        lambda grid: 1 + grid.cell_volume**3, fp.Grid(x=(0, 1, 8)), exact=1, factor=factor
    )
    np.testing.assert_allclose(study.orders, 3, atol=1e-9)
    assert study.clean
    if factor == 2:
        assert study.table().splitlines() == [
            "cells        value    error  order",
            "    8  1.001953125  2.0e-03       ",
            "   16  1.000244141  2.4e-04   3.00",
            "   32  1.000030518  3.1e-05   3.00",
            "   64  1.000003815  3.8e-06   3.00",
            "exact: 1; order 3.00",
        ]
        assert str(study) == study.table()


def test_plot() -> None:
    ax = passage_study(exact=PASSAGE, levels=3).plot()
    assert ax.get_xlabel() == "cell width"
    assert ax.get_ylabel() == "error (time)"
    assert [t.get_text() for t in ax.texts] == ["4.1", "2.0"]
    assert ax.get_xscale() == ax.get_yscale() == "log"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"levels": 2}, "levels is 2: .* at least 3 grids"),
        ({"factor": 1}, "factor is 1: .* a number > 1"),
        ({"problem": lambda grid: "x"}, "returned a str: give a number or an Estimate"),
        ({"problem": lambda grid: np.nan}, "returned nan on Grid"),
    ],
)
def test_refusals(options: dict[str, object], message: str) -> None:
    given = {"problem": lambda grid: 1.0, "grid": fp.Grid(x=(0, 1, 8))} | options
    with pytest.raises(ValueError, match=message):
        fp.convergence_study(**given)  # type: ignore[arg-type]
