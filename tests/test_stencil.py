"""The stencil: decompositions, links, edges, singular noise, and surfaces that cannot be crossed."""

from __future__ import annotations

import numba
import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import fokkerplanck as fp
from fokkerplanck._kernels import tilt
from fokkerplanck.operators import Generator
from fokkerplanck.operators.selling import decompose, directions

Array = NDArray[np.float64]
XYZ = sympy.symbols("x y z", real=True)
QUICK = settings(max_examples=30, deadline=None, derandomize=True)


def tensor(d: int, rank: int, log_condition: float, seed: int) -> Array:
    """A random tensor of some rank and condition, in a random frame."""
    rng = np.random.default_rng(seed)
    frame = np.linalg.qr(rng.normal(size=(d, d)))[0]
    values = 10.0 ** -np.linspace(0, log_condition, max(rank, 1))
    return np.asarray((frame[:, :rank] * values[:rank]) @ frame[:, :rank].T)


shapes = st.integers(1, 3).flatmap(lambda d: st.tuples(st.just(d), st.integers(1, d)))


@QUICK
@given(shape=shapes, log_condition=st.floats(0, 6), seed=st.integers(0, 10**6))
def test_decomposition_is_exact(shape: tuple[int, int], log_condition: float, seed: int) -> None:
    """D = sum rho e e' to rounding with rho >= 0 and whole e, whatever the condition."""
    d, _ = shape
    spacing = np.array([0.1, 0.7, 0.3])[:d]
    given_tensor = tensor(d, d, log_condition, seed)
    found = decompose(given_tensor[None], spacing)
    assert found.weight.min() >= 0
    again = np.einsum("k,ki,kj->ij", found.weight[0], found.offset[0], found.offset[0])
    assert again * np.multiply.outer(spacing, spacing) == pytest.approx(given_tensor, abs=1e-11)


@QUICK
@given(shape=shapes, log_condition=st.floats(0, 6), seed=st.integers(0, 10**6))
def test_bounded_links_of_any_tensor(shape: tuple[int, int], log_condition: float, seed: int) -> None:
    """Within the reach a multiple of the identity is added, never taken away; all of the drift is carried."""
    d, rank = shape
    drift = np.random.default_rng(seed).normal(size=(1, d))
    diffusion = tensor(d, rank, log_condition, seed)
    found = directions(drift, diffusion[None], np.ones(d), (4,) * d)
    assert np.abs(found.offset[found.weight > 0]).max(initial=0) <= 4
    added = np.einsum("k,ki,kj->ij", found.weight[0], found.offset[0], found.offset[0]) - diffusion
    t = np.trace(added) / d
    assert -1e-12 <= t < 0.05
    assert added == pytest.approx(t * np.eye(d), abs=1e-11)
    carried = np.einsum("k,k,ki->i", found.weight[0], found.tilt[0], found.offset[0]) + found.upwind[0]
    assert carried == pytest.approx(drift[0], abs=1e-9)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(
    shape=shapes,
    log_condition=st.floats(0, 6),
    seed=st.integers(0, 10**6),
    ends=st.tuples(*3 * [st.sampled_from(["open", "reflecting", "absorbing", "periodic"])]),
)
def test_rates_of_any_problem(
    shape: tuple[int, int], log_condition: float, seed: int, ends: tuple[str, ...]
) -> None:
    """Rates >= 0 and finite, mass lost to the sinks alone, and drift exact away from the ends."""
    d, rank = shape
    push, diffusion = np.random.default_rng(seed).normal(size=d), tensor(d, rank, log_condition, seed)

    def coefficients(x: Array) -> tuple[Array, Array]:
        return np.tile(push, (len(x), 1)), np.tile(diffusion, (len(x), 1, 1))

    axes = {v.name: (-1.0, 1.0, n) for v, n in zip(XYZ[:d], (14, 11, 12), strict=False)}
    grid = fp.Grid(boundary=dict(zip(axes, ends, strict=False)), **axes)
    gen = Generator(grid, coefficients)
    assert gen.is_m_matrix
    links = gen.rates.links
    assert links.has_canonical_format
    assert links.diagonal().max() == 0
    assert gen.matrix.sum(axis=1) == pytest.approx(-gen.killing, abs=1e-9 * links.data.max())
    assert (gen.killing.max() > 0) == ("absorbing" in ends[:d])
    f, p = np.random.default_rng(1).normal(size=(2, grid.size))
    assert p @ (gen.matrix @ f) == pytest.approx(f @ (gen.matrix.T @ p), rel=1e-9, abs=1e-6)
    points = grid.points()
    inner = (np.abs(points) < 1.0 - 4.5 * grid.spacing).all(axis=1)
    for k in range(d):
        assert (gen.matrix @ points[:, k])[inner] == pytest.approx(push[k], abs=1e-7)
    share = gen.added_diffusion
    assert share.shape == grid.shape
    assert 0 <= share.min() <= share.max() <= 1


def test_three_dimensions_with_a_current() -> None:
    """Complete recipe in 3-D: full D(x), skew Q; the law is exp(-U) to second order."""
    x, y, z = XYZ
    u = (x**2 + y**2 + z**2 + x * y / 2 - y * z / 3) / 2
    root = sympy.Matrix([[1, 0, 0], [sympy.cos(x) / 2, 1, 0], [sympy.sin(y) / 3, sympy.Rational(1, 4), 1]])
    q = sympy.Matrix([[0, sympy.sin(z) / 2, 1], [-sympy.sin(z) / 2, 0, x / 4], [-1, -x / 4, 0]])
    m = root * root.T + q
    grad = sympy.Matrix([u.diff(v) for v in XYZ])
    div = sympy.Matrix([sum(m[i, j].diff(v) for j, v in enumerate(XYZ)) for i in range(3)])
    sde = fp.SDE.from_expressions(XYZ, div - m * grad, root * root.T, {})
    errors = []
    for n in (16, 32):
        grid = fp.Grid(x=(-4.5, 4.5, n), y=(-4.5, 4.5, n), z=(-4.5, 4.5, n))
        gen = sde.generator(grid)
        assert gen.order == 2
        law = gen.stationary()
        exact = np.exp(-sympy.lambdify(XYZ, u)(*grid.points().T))
        errors.append(np.abs(law.masses - exact / exact.sum()).sum())
    assert np.log2(errors[0] / errors[1]) > 1.8
    assert errors[1] < 0.02
    square = float((exact * x_squared(grid)).sum() / exact.sum())
    assert abs(law.mean("x**2").value - square) < min(3e-3, law.mean("x**2").error)


def x_squared(grid: fp.Grid) -> Array:
    return np.asarray(grid.points()[:, 0] ** 2)


# -- edges ---------------------------------------------------------------------------------------------


def test_exit_times_are_as_near_as_quadratic_elements() -> None:
    """Full tensor, a curl, an absorbing end: with 64 cells an axis quadratic elements of as many nodes are
    4.8e-5 off, with 128 they are 3.7e-6 off (limit by both: 95.82067)."""
    sde = fp.SDE(
        variables=("x", "y"),
        drift=["-x*(x*x-1)+0.3*(y-0.3*x)-0.2*y", "-(y-0.3*x)+0.2*x"],
        diffusion=[[".08", ".03"], [".03", ".12"]],
    )
    for n, bound in ((64, 6e-5), (128, 4.5e-6)):
        grid = fp.Grid(x=(-2.5, 1, n), y=(-2.6, 2.6, n), boundary={"x": ("open", "absorbing")})
        got = sde.generator(grid).exit_time().at(x=-1, y=0)
        assert abs(got.value / 95.82067 - 1) < bound


def test_it_matters_little_where_in_a_cell_an_edge_falls() -> None:
    """Mean exit time of an Ornstein–Uhlenbeck process from 0 through 2, and through 6, 18 noises up."""
    ou = fp.SDE(variables=("x",), drift=["-x"], diffusion="1")
    for edge, exact, bound in ((2, 10.428409397996, 1e-5), (6, 28267502.87028282, 2e-5)):
        for n in (200, 201, 202, 203):
            got = ou.generator(fp.Grid(x=(-8, 8, n))).exit_time(f"x < {edge}").at(x=0)
            assert abs(got.value / exact - 1) < bound


def test_links_from_outside_a_region_leave_no_trace() -> None:
    """With a potential cells share weights; none is shared with a cell beyond the edge."""
    sde = fp.SDE(
        variables=("x", "y"), drift=["-a*x - b*y", "-b*x - c*y"], diffusion=[["a", "b"], ["b", "c"]],
        where={"a": "1", "b": "0.6", "c": "0.5"},
    )  # fmt: skip
    gen = sde.generator(fp.Grid(x=(-2.4, 2.4, 80), y=(-2.4, 2.4, 80)))
    assert gen._u is not None
    inside = gen._restriction(lambda x: 1.0 - (x**2).sum(axis=1), None, 1)
    assert inside.links.has_canonical_format
    assert (np.asarray(inside.links.sum(axis=1)) + inside.killing[:, 0]).min() > 0
    got = gen.exit_time("x**2 + y**2 < 1").at(x=0, y=0)
    assert abs(got.value - 0.389764) < min(3e-4, got.error)  # the limit on 480 cells of a narrower box


# -- singular noise ------------------------------------------------------------------------------------


def rayleigh(angle: float) -> fp.SDE:
    """Rayleigh–van der Pol, g = 1, D = 1/2, in axes turned by an angle; its law is the same."""
    c, s = sympy.Float(np.cos(angle)), sympy.Float(np.sin(angle))
    x, y = XYZ[:2]
    q, v = c * x + s * y, c * y - s * x
    dv = (1 - q**2 - v**2) * v - q
    noise = sympy.Matrix([-s, c])
    return fp.SDE.from_expressions(
        (x, y), sympy.Matrix([c * v - s * dv, s * v + c * dv]), noise * noise.T / 2, {}
    )


@pytest.mark.parametrize(
    ("angle", "bound"), [(0.0, 2e-3), (0.45, 0.016), (0.5, 1e-3), (np.pi / 4, 1e-3), (1.1, 2e-3)]
)
def test_momentum_in_any_frame(angle: float, bound: float) -> None:
    """Rank-one noise along an axis, a diagonal, or a direction no lattice vector has: first order, clean."""
    exact = 1.28759997093918
    gen = rayleigh(angle).generator(fp.Grid(x=(-3.2, 3.2, 128), y=(-3.2, 3.2, 128)))
    assert gen.order == 1
    assert gen.is_m_matrix
    got = gen.stationary().mean("x**2 + y**2")
    assert abs(got.value / exact - 1) < bound
    assert abs(got.value - exact) < got.error < 0.06 * exact
    # What upwinding adds falls with the cells and is extrapolated; shortening links adds hardly anything.
    law = gen.stationary()
    assert law.info["added_diffusion"] < 0.06
    assert (law.info.widened or 0.0) < 0.01
    assert "elongated" not in law.status


def test_rate_of_inertial_escape() -> None:
    """Klein–Kramers: the slow rate is 33 % off on 150² cells, 5 % extrapolated by its logarithm."""
    sde = fp.SDE(variables=("x", "v"), drift=["v", "-3*v - (x**3 - x)"], diffusion=["0", "0.3"])
    rate = sde.generator(fp.Grid(x=(-2.2, 2.2, 150), v=(-2.2, 2.2, 150))).spectrum(2).rates[1]
    assert abs(rate.value / 0.01045435 - 1) < 0.06
    assert abs(rate.value - 0.01045435) < rate.error


def test_what_is_added_shows() -> None:
    """A needle of a tensor, and nothing else to widen the law: most of the spreading is added."""
    noise = np.array([np.cos(0.3), np.sin(0.3)])
    needle = np.outer(noise, noise) + 1e-6 * np.eye(2)

    def coefficients(x: Array) -> tuple[Array, Array]:
        return -x @ needle, np.tile(needle, (len(x), 1, 1))

    gen = Generator(fp.Grid(x=(-6, 6, 64), y=(-6, 6, 64)), coefficients)
    assert gen.order == 0
    assert float(gen.added_diffusion.ravel() @ gen.stationary().masses) > 0.5


# -- the machine ---------------------------------------------------------------------------------------


def test_the_same_bits_for_any_number_of_threads() -> None:
    grid = fp.Grid(x=(-3.2, 3.2, 200), y=(-3.2, 3.2, 190))
    before = numba.get_num_threads()
    many = rayleigh(0.3).generator(grid).rates.links
    try:
        numba.set_num_threads(1)
        one = rayleigh(0.3).generator(grid).rates.links
    finally:
        numba.set_num_threads(before)
    assert (many.data == one.data).all()
    assert (many.indices == one.indices).all()
    assert many.indices.dtype == many.indptr.dtype == np.int32


def test_a_new_formula_compiles_nothing() -> None:
    def build(drift: list[str], diffusion: list[str], cells: int) -> Generator:
        sde = fp.SDE(variables=("x", "y"), drift=drift, diffusion=diffusion)
        return sde.generator(fp.Grid(x=(-3, 3, cells), y=(-3, 3, cells)))

    build(["-x", "-y"], ["1", "1"], 8)
    before = len(tilt.directions.signatures)
    build(["-x - sin(y)", "-y"], ["1 + x**2", "2"], 9)
    assert len(tilt.directions.signatures) == before
