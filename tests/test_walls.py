"""Walls that reflect where D is full: second order, by links along them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sympy
from numpy.typing import NDArray

import fokkerplanck as fp
from tests.exact import X, Y, recipe

Array = NDArray[np.float64]

# A tensor whose links reach one cell through every wall, in two and in three dimensions.
FULL = {
    2: np.array([[1.0, 0.6], [0.6, 1.0]]),
    3: np.array([[1.0, 0.6, 0.3], [0.6, 1.2, -0.2], [0.3, -0.2, 0.8]]),
}
DRIFT = np.array([-0.7, 1.1, 0.4])


def residual(d: int, n: int) -> float:
    """Largest error of the generator at the wall x = 0, on a function that the wall leaves alone.

    f = cos(2 x) cos(k . tau), with tau = y - x D_xy / D_xx, whose derivative along D n vanishes there.
    """
    names, tensor, drift = ("x", "y", "z")[:d], FULL[d], DRIFT[:d]
    sde = fp.SDE(variables=names, drift=drift.tolist(), diffusion=tensor.tolist())
    axes = {name: (0, 2 * np.pi, n) for name in names}
    boundary = dict.fromkeys(names, "periodic") | {"x": ("reflecting", "open")}
    grid = fp.Grid(**axes, boundary=boundary)
    s = sympy.symbols(names)
    f = sympy.cos(2 * s[0])
    for j in range(1, d):
        f *= sympy.cos(j * (s[j] - s[0] * tensor[0, j] / tensor[0, 0]))
    exact = sum(
        drift[i] * f.diff(s[i]) + sum(tensor[i, j] * f.diff(s[i], s[j]) for j in range(d)) for i in range(d)
    )
    points = grid.points().T
    values, wanted = (np.asarray(sympy.lambdify(s, e)(*points)) for e in (f, exact))
    # On a periodic box tau is no function of the point: the cells next to the seam are left out.
    layer = np.zeros(grid.shape, dtype=bool)
    layer[(0, *(slice(n // 4, n // 2) for _ in range(d - 1)))] = True
    return float(np.abs(sde.generator(grid).matrix @ values - wanted)[layer.ravel()].max())


@pytest.mark.parametrize(("d", "cells"), [(2, (32, 64, 128)), (3, (16, 32, 64))])
def test_the_operator_at_a_wall_is_consistent(d: int, cells: tuple[int, ...]) -> None:
    """Errors of O(h) at the wall; links dropped and not made up for leave an error of O(1) there."""
    errors = np.array([residual(d, n) for n in cells])
    assert (errors[:-1] / errors[1:] > 1.8).all()


def currents(n: int) -> tuple[float, fp.Density]:
    """<x + y² - xy> in a box with a current, and the law that should be exp(-U)."""
    u = X + Y**2 / 2 + X * Y / 3
    tensor = sympy.Matrix([[1 + X**2 / 4, sympy.Rational(1, 2) + X / 5], [sympy.Rational(1, 2) + X / 5, 1]])
    sde = recipe(u, tensor, 3 * (1 - X**2) * (1 - Y**2))  # it vanishes at the walls, as the flux through them
    density = sde.generator(fp.Grid(x=(-1, 1, n), y=(-1, 1, n), boundary="reflecting")).stationary()
    x, w = np.polynomial.legendre.leggauss(40)
    p = np.exp(-(x[:, None] + x**2 / 2 + x[:, None] * x / 3)) * w[:, None] * w
    exact = float(((x[:, None] + x**2 - x[:, None] * x) * p).sum() / p.sum())
    return exact, density


def test_a_law_with_a_current_between_walls_is_of_second_order() -> None:
    found = [currents(n) for n in (24, 48, 96)]
    errors = np.array([replace(p, coarse=None).mean("x + y**2 - x*y").value - exact for exact, p in found])
    assert (errors[:-1] / errors[1:] > 3.4).all()
    assert abs(errors[-1]) < 3e-4
    for exact, p in found:
        assert p.order == 2
        estimate = p.mean("x + y**2 - x*y")
        assert abs(estimate.value - exact) < estimate.disc
        assert p.info["smallest"] > 0


def test_links_that_reach_far_through_a_wall_cost_the_order() -> None:
    """A tensor so elongated that its links cross the wall by two cells: no link along it stands for them."""
    sde = fp.SDE(
        variables=("x", "y"), drift=["-x + 2*y", "-2*y"], diffusion=[["1", "0.37"], ["0.37", "0.15"]]
    )
    walls = fp.Grid(x=(-1, 1, 32), y=(-1, 1, 32), boundary="reflecting")
    assert sde.generator(walls).order == 0
    mild = fp.SDE(variables=("x", "y"), drift=["-x + 2*y", "-2*y"], diffusion=[["1", "0.37"], ["0.37", "1"]])
    assert mild.generator(walls).order == 2
