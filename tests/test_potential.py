"""The potential of a law: found where there is one, by line integrals along the grid."""

from __future__ import annotations

import numpy as np
import pytest

import fokkerplanck as fp


def test_a_potential_with_a_full_state_dependent_tensor() -> None:
    """U = x²/2 + x⁴/4 + y²/2 with D = ((1 + x², x/2), (x/2, 1)): b = -D grad U + div D."""
    sde = fp.SDE(
        variables=("x", "y"),
        drift=["-(1 + x**2)*(x + x**3) - x*y/2 + 2*x", "-x*(x + x**3)/2 - y + 1/2"],
        diffusion=[["1 + x**2", "x/2"], ["x/2", "1"]],
    )
    grid = fp.Grid(x=(-2, 2, 12), y=(-3, 3, 10))
    x, y = grid.points().T
    exact = x**2 / 2 + x**4 / 4 + y**2 / 2
    found = sde.potential(grid)
    assert found is not None
    np.testing.assert_allclose(found, exact - exact.min(), atol=1e-12)


@pytest.mark.parametrize(
    ("drift", "diffusion", "boundary"),
    [
        (["-x - y", "x - y"], "1", "open"),  # a current circulates
        (["1 - sin(x)", "-y"], "1", {"x": "periodic"}),  # one that goes around
        (["y", "-x - y"], [["0", "0"], ["0", "1"]], "open"),  # no noise acts along x
        (["-x", "-y"], [["x**2", "x*y"], ["x*y", "y**2"]], "open"),  # nor across this one
    ],
)
def test_there_is_none(drift: list[str], diffusion: object, boundary: object) -> None:
    sde = fp.SDE(variables=("x", "y"), drift=drift, diffusion=diffusion)
    grid = fp.Grid(x=("-pi", "pi", 8), y=(-2, 2, 8), boundary=boundary)  # type: ignore[arg-type]
    assert sde.potential(grid) is None
