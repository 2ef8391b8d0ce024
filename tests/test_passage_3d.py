"""Exit times and rates in three dimensions against exact ones, by elimination and by multigrid."""

from __future__ import annotations

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.operators.restriction import restriction
from fokkerplanck.solvers import killed
from tests.test_passage import double_well_time


@pytest.fixture(params=["eliminated", "multigrid"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways on every problem: the grids here are small enough to be eliminated."""
    if request.param == "multigrid":
        monkeypatch.setattr(killed, "AT_ONCE", 0)
        monkeypatch.setattr(killed, "CYCLE", 0)
    return str(request.param)


def brownian() -> fp.SDE:
    return fp.SDE(variables=("x", "y", "z"), drift=["0", "0", "0"], diffusion="D", constants={"D": 0.5})


def wells(barrier: float) -> fp.SDE:
    """A double well along x, beside two independent axes that an exit does not see."""
    return fp.SDE(
        variables=("x", "y", "z"),
        drift=["x - x**3", "-y", "-2*z"],
        diffusion="D",
        constants={"D": 0.25 / barrier},
    )


@pytest.mark.parametrize("cells", [13, 24])
def test_ball(way: str, cells: int) -> None:
    """Brownian motion leaves a ball after (R² - r²)/(2 d D): a quadratic, without error in the cells."""
    grid = fp.Grid(x=(-1.2, 1.2, cells), y=(-1.2, 1.2, cells), z=(-1.2, 1.2, cells))
    t = brownian().generator(grid).exit_time("x**2 + y**2 + z**2 < 1")
    exact = (1 - (grid.points() ** 2).sum(axis=1).reshape(grid.shape)) / 3
    np.testing.assert_allclose(t.values, np.maximum(exact, 0.0), rtol=1e-7)
    got = t.at(x=0.3, y=-0.2, z=0.4)
    assert abs(got.value - 0.71 / 3) < got.error + 1e-9
    assert got.status == "ok"


def test_slab(way: str) -> None:
    """One axis leaves, the others do not matter: (1 - x²)/(2 D), which the scheme has without error."""
    grid = fp.Grid(
        x=(-1, 1, 16),
        y=(0, 1, 8),
        z=(0, 1, 8),
        boundary={"x": "absorbing", "y": "periodic", "z": "reflecting"},
    )
    got = brownian().generator(grid).exit_time().at(x=0.25, y=0.5, z=0.5)
    assert got.value == pytest.approx(1 - 0.25**2, rel=1e-9)


def test_ornstein_uhlenbeck(way: str) -> None:
    """The first passage from 0 to 1, known to fourteen digits, with two more axes."""
    sde = fp.SDE(variables=("x", "y", "z"), drift=["-x", "-y", "-2*z"], diffusion="1")
    got = sde.generator(fp.Grid(x=(-6, 6, 48), y=(-6, 6, 16), z=(-5, 5, 16))).exit_time("x < 1")
    got_at = got.at(x=0, y=0, z=0)
    assert abs(got_at.value - 2.0934066496783) < min(5e-3, got_at.error)


@pytest.mark.parametrize("barrier", [5, 25, 40])
def test_high_barrier(way: str, barrier: float) -> None:
    """Every digit is that of one dimension, which is compared with its quadrature elsewhere."""
    line = fp.SDE(variables=("x",), drift=["x - x**3"], diffusion="D", constants={"D": 0.25 / barrier})
    wanted = line.generator(fp.Grid(x=(-1.8, 1.8, 36))).exit_time("x < 0.8")
    gen = wells(barrier).generator(fp.Grid(x=(-1.8, 1.8, 36), y=(-1.5, 1.5, 12), z=(-1.3, 1.3, 12)))
    found = gen.exit_time("x < 0.8")
    inside = wanted.values > 0
    np.testing.assert_allclose(
        found.values[inside],
        np.broadcast_to(wanted.values[inside, None, None], (inside.sum(), 12, 12)),
        rtol=1e-7,
    )
    assert found.status == "ok"
    exact = double_well_time(barrier, -1, 0.8)
    got = found.at(x=-1, y=0, z=0)
    assert abs(got.value - exact) < got.error


def test_rate_and_time_belong_together(way: str) -> None:
    gen = wells(15).generator(fp.Grid(x=(-1.8, 1.8, 32), y=(-1.5, 1.5, 12), z=(-1.3, 1.3, 12)))
    _, rate = gen.quasi_stationary("x < 0.8")
    time = gen.exit_time("x < 0.8").at(x=-1, y=0, z=0)
    assert rate.value * time.value == pytest.approx(1.0, rel=1e-2)
    variance = gen.exit_variance("x < 0.8").at(x=-1, y=0, z=0)
    assert variance.value == pytest.approx(time.value**2, rel=2e-2)


def test_adjoint_identity(way: str) -> None:
    """``p @ (A x) = (A' p) @ x``, with a full tensor and a drift that turns."""
    sde = fp.SDE(
        variables=("x", "y", "z"),
        drift=["x - x**3 + y/2", "-y - (x - x**3)/2 + 0.7*z", "-2*z - y/3"],
        diffusion=[["D", "D/3", "0"], ["D/3", "D", "D/3"], ["0", "D/3", "D"]],
        constants={"D": 0.03},
    )
    gen = sde.generator(fp.Grid(x=(-1.8, 1.8, 20), y=(-1.5, 1.5, 20), z=(-1.3, 1.3, 20)))
    chain = restriction(gen, gen._level("x < 0.8")).chain
    rng = np.random.default_rng(1)
    f, start = rng.random(chain.size), rng.random(chain.size)
    x, p = chain.solver.backward(f), chain.solver.forward(start)
    assert p @ f == pytest.approx(start @ x, rel=1e-8)
    assert p @ (chain.matrix @ x) == pytest.approx((chain.matrix.T @ p) @ x, rel=1e-9)
    assert p @ chain.killing == pytest.approx(start.sum(), rel=1e-8)
