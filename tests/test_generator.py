"""The generator against exact laws: value, order, positivity, conservation."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import fokkerplanck as fp
from tests.exact import X, Y, flatness, ornstein_uhlenbeck, recipe, slopes, valley

U = X**2 + X * Y / 2 + Y**2 + sympy.cos(X + Y) / 2
FACTOR = sympy.Matrix(
    [
        [1 + sympy.sin(Y) / 3, 0],
        [sympy.Rational(3, 5) * sympy.cos(X), sympy.Rational(1, 2) + sympy.sin(X) ** 2 / 4],
    ]
)


def boltzmann(grid: fp.Grid, potential: sympy.Expr) -> NDArray[np.float64]:
    u = sympy.lambdify((X, Y), potential)(*grid.points().T)
    p = np.exp(-(u - u.min())).reshape(grid.shape)
    return np.asarray(p / p.sum() / grid.cell_volume)


@pytest.mark.parametrize(("kappa", "marginal", "floor"), [(2, 1.999602, 0.9990), (4, 3.998090, 2.9972)])
def test_valley_slopes(kappa: float, marginal: float, floor: float) -> None:
    """SDE limit of the standard valley; the tolerance must not admit the asymptotes kappa and kappa - 1."""
    grid = fp.Grid(x=("-pi", "pi", 256), y=(-0.45, 0.45, 256), boundary={"x": "periodic"})
    a, b = slopes(valley(kappa).generator(grid).stationary())
    assert a.value == pytest.approx(marginal, abs=3e-5)
    assert b.value == pytest.approx(floor, abs=1.5e-4)
    assert a.error > abs(a.value - marginal)
    # Power: the asymptotes themselves would fail.
    assert abs(kappa - marginal) > 3e-4
    assert abs(kappa - 1 - floor) > 3e-4


@pytest.mark.parametrize(
    ("error", "seen"), [({"fx": 1.05}, True), ({"fy": 1.05}, True), ({"fx": 1.05, "fy": 1.05}, False)]
)
def test_slopes_see_the_anisotropy_and_nothing_else(error: dict[str, float], seen: bool) -> None:
    grid = fp.Grid(x=("-pi", "pi", 128), y=(-0.45, 0.45, 128), boundary={"x": "periodic"})
    a, _ = slopes(valley(4, **error).generator(grid).stationary())
    assert (abs(a.value - 3.998090) > 3e-4) == seen


def test_isotropic_valley_is_boltzmann() -> None:
    """kappa = 1: P ~ exp(-L/Delta), so the joint correction vanishes, while the marginal is still ~ F."""
    grid = fp.Grid(x=("-pi", "pi", 64), y=(-0.45, 0.45, 64), boundary={"x": "periodic"})
    p = valley(1).generator(grid).stationary()
    x, y = grid.points().T
    correction = np.log(p.values.ravel()) + flatness(x) ** -2 * y**2 / 2 / 0.05
    assert np.ptp(correction) < 1e-9
    assert slopes(p)[0].value == pytest.approx(1.0, abs=1e-6)


def test_full_tensor_with_current_is_second_order() -> None:
    """Complete recipe with off-diagonal, state-dependent D and a circulating current."""
    errors = []
    for n in (64, 128, 256):
        grid = fp.Grid(x=(-5, 5, n), y=(-5, 5, n))
        sde = recipe(U, FACTOR * FACTOR.T, sympy.sin(X + Y) / 2)
        assert sde.potential(grid) is None
        p = sde.generator(grid).stationary()
        exact = boltzmann(grid, U)
        errors.append(np.abs(p.values - exact).sum() * grid.cell_volume)
        assert p.info["smallest"] > 0
        assert p.info["mass_error"] < 1e-12
        assert p.info["residual"] < 1e-8
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert (orders > 1.85).all(), orders
    assert errors[-1] < 1e-3
    x, y = grid.points().T
    moment = p.mean("x**2 + x*y")
    exact_moment = float(((x**2 + x * y) * exact.ravel()).sum() * grid.cell_volume)
    assert abs(moment.value - exact_moment) < min(2e-6, moment.error)


def test_potential_gives_the_boltzmann_law_to_rounding() -> None:
    """Without a current the edge weights come from U; the tensor may be full and vary."""
    sde = recipe(U, FACTOR * FACTOR.T, sympy.Integer(0))
    grid = fp.Grid(x=(-5, 5, 48), y=(-5, 5, 40))
    p = sde.generator(grid).stationary()
    assert np.abs(p.values / boltzmann(grid, U) - 1).max() < 1e-9


def test_loss_proportional_noise_is_a_power_law() -> None:
    sde = fp.SDE(
        variables=("x",),
        drift=["-(x**3 - x)"],
        diffusion="k*(L + c)",
        where={"L": "(x**2 - 1)**2/4"},
        constants={"k": 0.5, "c": 0.05},
    )
    grid = fp.Grid(x=(-12, 12, 400))
    p = sde.generator(grid).stationary()
    exact = ((grid["x"].centres ** 2 - 1) ** 2 / 4 + 0.05) ** -3.0
    assert np.abs(p.values / (exact / exact.sum() / grid.cell_volume) - 1).max() < 1e-10


@pytest.mark.parametrize(("how", "power"), [("ito", -1.0), ("stratonovich", -0.5), ("anti-ito", 0.0)])
def test_interpretation(how: str, power: float) -> None:
    """No drift, D = 1 + x²/2 between walls: p ~ D^(a - 1); taking Itô for Stratonovich is caught."""
    sde = fp.SDE(variables=("x",), drift=["0"], diffusion="1 + x**2/2", interpretation=how)
    grid = fp.Grid(x=(-2, 2, 256), boundary="reflecting")
    p = sde.generator(grid).stationary()
    x = np.linspace(-2, 2, 20001)

    def exact(exponent: float) -> float:
        weight = (1 + x**2 / 2) ** exponent
        return float(np.trapezoid(x**2 * weight, x) / np.trapezoid(weight, x))

    got = p.mean("x**2")
    assert abs(got.value - exact(power)) < 1e-4
    assert abs(got.value - exact(power + 0.5)) > 100 * 1e-4


def test_sigma_form_of_stratonovich() -> None:
    """noise=: Stratonovich adds sigma sigma'/2, which for sigma² = 2D is half of D'."""
    a = fp.SDE(variables=("x",), drift=["-x"], noise="sqrt(2*(1 + x**2))", interpretation="stratonovich")
    b = fp.SDE(variables=("x",), drift=["-x"], diffusion="1 + x**2", interpretation="stratonovich")
    assert sympy.simplify(a.drift - b.drift) == sympy.zeros(1)
    assert sympy.simplify(a.diffusion - b.diffusion) == sympy.zeros(1)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    angle=st.floats(0, 3.14),
    log_condition=st.floats(0, 2),
    spin=st.floats(-2, 2),
    tilt=st.floats(-0.8, 0.8),
    periodic=st.booleans(),
)
def test_properties_of_the_generator(
    angle: float, log_condition: float, spin: float, tilt: float, periodic: bool
) -> None:
    """Random full tensors and currents: rates >= 0, mass kept, adjoint identity, positive law."""
    r = sympy.Matrix([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    d = r * sympy.diag(1.0, 10.0**-log_condition) * r.T
    u = (
        (sympy.cos(X) + sympy.cos(Y) + tilt * sympy.sin(X + Y))
        if periodic
        else (X**2 + tilt * X * Y + Y**2) / 2
    )
    sde = recipe(u, d, sympy.Float(spin))
    box = ("-pi", "pi", 20) if periodic else (-4, 4, 20)
    gen = sde.generator(fp.Grid(x=box, y=box, boundary="periodic" if periodic else None))
    links = gen.rates.links
    assert links.data.min() >= 0
    assert links.diagonal().max() == 0
    p = gen._law.masses
    # A corner that no slanted link reaches has no mass; every other cell has some.
    assert p.min() >= 0
    assert (p > 0).mean() > 0.98
    assert np.abs(gen.matrix.sum(axis=1)).max() < 1e-9 * links.data.max()
    assert np.abs(gen.matrix.T @ p).sum() < 1e-10 * (links.sum(axis=1) @ p)


def test_error_estimate_covers_the_error() -> None:
    """Random rotated Ornstein–Uhlenbeck problems: the error is within 3 estimates in at least 95 %."""
    rng = np.random.default_rng(5)
    covered = []
    for _ in range(40):
        angle, ratio, spin = rng.uniform(0, np.pi), 10 ** rng.uniform(-1, 0), rng.uniform(-1, 1)
        r = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        d = sympy.Matrix(r @ np.diag([1, ratio]) @ r.T)
        p = (
            recipe((X**2 + Y**2) / 2, d, sympy.Float(spin))
            .generator(fp.Grid(x=(-6, 6, 48), y=(-6, 6, 48)))
            .stationary()
        )
        m = p.mean("x**2 + x*y")
        covered.append(abs(m.value - 1.0) <= 3 * m.error)
    assert np.mean(covered) >= 0.95


def test_refusals() -> None:
    ou = ornstein_uhlenbeck()
    with pytest.raises(ValueError, match="cannot be normalised"):
        fp.SDE(variables=("x",), drift=["x"], diffusion="1").generator(fp.Grid(x=(-2, 2, 64))).stationary()
    with pytest.raises(ValueError, match="cannot be normalised"):
        fp.SDE(variables=("x",), drift=["0"], diffusion="1").generator(fp.Grid(x=(-2, 2, 64))).stationary()
    assert "box too small" in ou.generator(fp.Grid(x=(-3, 3, 64))).stationary().status
    assert ou.generator(fp.Grid(x=(-7, 7, 64))).stationary().status == "ok"
    with pytest.raises(ValueError, match=r"not positive semidefinite at x = "):
        fp.SDE(variables=("x",), drift=["-x"], diffusion="x").generator(fp.Grid(x=(-3, 3, 64)))
    with pytest.raises(ValueError, match="noise vanishes across a surface"):
        fp.SDE(variables=("x", "y"), drift=["-x", "-y"], diffusion=[["1", "1"], ["1", "1"]]).generator(
            fp.Grid(x=(-3, 3, 16), y=(-3, 3, 16))
        )
    with pytest.raises(ValueError, match="noise vanishes"):
        fp.SDE(variables=("x",), drift=["x - x**3"], diffusion="x**2").generator(fp.Grid(x=(-3, 3, 64)))
    with pytest.raises(ValueError, match="x is periodic, but the drift differs"):
        ou.generator(fp.Grid(x=(-3, 3, 64), boundary="periodic"))
    with pytest.raises(ValueError, match="is empty"):
        ou.generator(fp.Grid(x=(-3, 3, 64))).exit_time("x > 4")
    with pytest.raises(ValueError, match="whole box"):
        ou.generator(fp.Grid(x=(-3, 3, 64))).exit_time("x < 4")
    with pytest.raises(ValueError, match="quasi_stationary"):
        ou.generator(fp.Grid(x=(-3, 3, 64), boundary="absorbing")).stationary()


@pytest.mark.parametrize("barrier", [5.0, 25.0, 60.0])
def test_wells_are_weighed_without_a_potential(barrier: float) -> None:
    """Two wells of unequal depth with a circulation: their weights are right however high the barrier is."""
    u = barrier * ((X**2 - 1) ** 2 + 2 * Y**2) + X / 4
    sde = recipe(u, sympy.eye(2) / barrier, sympy.Rational(1, 3) / sympy.Float(barrier))
    p = sde.generator(fp.Grid(x=(-1.8, 1.8, 96), y=(-1.2, 1.2, 96))).stationary()
    exact = boltzmann(p.grid, u)
    right = p.grid.points()[:, 0] > 0
    share = p.estimate(lambda d: float(d.masses[d.grid.points()[:, 0] > 0].sum()))
    assert abs(share.value - float(exact.ravel()[right].sum() * p.grid.cell_volume)) < min(
        3 * share.error, 0.01
    )
    assert p.info["solver"] == ("multigrid" if barrier < 28 else "direct")
