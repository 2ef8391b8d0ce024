"""Exit through edges that do not follow the grid, as near to the limit as quadratic elements, and times
of any length. The limits are those of finite elements of the eighth order on fitted meshes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.estimate import NotValidHere
from tests.exact import double_well

DISC = fp.SDE(
    variables=("x", "y"),
    drift=["-x + y/2", "-y - x/3"],
    diffusion=[["0.5", "0.2"], ["0.2", "0.3"]],
)
BARRIER = fp.SDE(
    variables=("x", "y"),
    drift=["x - x**3 + 0.3*y", "-y - 0.2*x"],
    diffusion=[["0.08", "0.03"], ["0.03", "0.12"]],
)
PROBLEMS = {
    "curved": (DISC, 1.3, "x**2 + y**2 < 1", {"x": 0.2, "y": -0.1}, 0.82785479138),
    "oblique": (BARRIER, 2.5, "x + 0.37*y < 0.83", {"x": -1.0, "y": 0.0}, 49.94347681),
}


def box(half: float, cells: int) -> fp.Grid:
    return fp.Grid(x=(-half, half, cells), y=(-half, half, cells))


# Errors of quadratic elements, two cells wide, at 128²: 2e-6 (root mean square over places) and 5e-4.
@pytest.mark.parametrize(("name", "bound"), [("curved", 2e-6), ("oblique", 5e-4)])
def test_as_near_to_the_limit_as_quadratic_elements(name: str, bound: float) -> None:
    sde, half, region, start, exact = PROBLEMS[name]
    got = sde.generator(box(half, 128)).exit_time(region).at(**start)
    assert abs(got.value - exact) < bound
    assert abs(got.value - exact) < got.error < 2e-3 * exact


@pytest.mark.parametrize("name", PROBLEMS)
def test_order_before_extrapolation(name: str) -> None:
    sde, half, region, start, exact = PROBLEMS[name]

    def plain(grid: fp.Grid) -> float:
        field = sde.generator(grid).exit_time(region)
        return replace(field, coarse=None, shadow=None).at(**start).value

    study = fp.convergence_study(plain, box(half, 32), levels=4, exact=exact)
    assert study.order == pytest.approx(2.0, abs=0.1)


def test_times_beyond_all_numbers_are_refused() -> None:
    gen = double_well(0.25 / 720).generator(fp.Grid(x=(-1.8, 1.8, 400)))
    with pytest.raises(NotValidHere, match=r"exceeds the largest number.* escape law by name"):
        gen.exit_time("x < 0.8")
    gen = double_well(0.25 / 400).generator(fp.Grid(x=(-1.8, 1.8, 400)))
    assert 1e160 < gen.exit_time("x < 0.8").at(x=-1).value < 1e190
    with pytest.raises(NotValidHere, match="variance of the exit time exceeds"):
        gen.exit_variance("x < 0.8")


@pytest.mark.parametrize("barrier", [25, 40, 60, 300])
def test_relative_accuracy_in_two_dimensions(barrier: float) -> None:
    """Independent axes: every digit is that of one dimension, at times of up to e^300."""
    flat = fp.SDE(
        variables=("x", "y"), drift=["x - x**3", "-y"], diffusion="D", constants={"D": 0.25 / barrier}
    )
    found = flat.generator(fp.Grid(x=(-1.8, 1.8, 96), y=(-1, 1, 24))).exit_time("x < 0.8")
    line = double_well(0.25 / barrier).generator(fp.Grid(x=(-1.8, 1.8, 96))).exit_time("x < 0.8")
    inside = line.values > 0
    want = np.broadcast_to(line.values[inside, None], (int(inside.sum()), 24))
    np.testing.assert_allclose(found.values[inside], want, rtol=1e-9)
    assert found.status == "ok"
