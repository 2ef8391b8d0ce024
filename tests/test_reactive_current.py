"""Paths from one region to another: rates against quadratures, spectral solutions and integral equations."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import sympy
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.integrate import cumulative_simpson, simpson

import fokkerplanck as fp
from tests.exact import X, Y, double_well, ornstein_uhlenbeck, recipe, rotated, valley, well

Array = NDArray[np.float64]


def along_a_line(
    v: Callable[[Array], Array], noise: float, a: float, b: float, box: float = 2.5
) -> tuple[float, float, float]:
    """Rate, share of time on the way, and share of time since the source, from x < a to x > b."""
    x = np.linspace(-box, box, 400_001)
    p = np.exp(v(x).min() / noise - v(x) / noise)
    mass = simpson(p, x=x)
    s = np.linspace(a, b, 400_001)
    top = v(s).max()
    weight = np.exp((v(s) - top) / noise)
    scale = cumulative_simpson(weight, x=s, initial=0)
    q, held = scale / scale[-1], np.exp((v(x).min() - v(s)) / noise) / mass
    back = cumulative_simpson(weight[::-1], x=s - a, initial=0)[::-1] / scale[-1]  # 1 - q with all its digits
    rate = noise / (mass * scale[-1]) * np.exp((v(x).min() - top) / noise)
    below = np.linspace(-box, a, 200_001)
    source = simpson(np.exp((v(x).min() - v(below)) / noise), x=below) / mass + simpson(held * back, x=s)
    return float(rate), float(simpson(held * q * back, x=s)), float(source)


@cache
def line(noise: float, cells: int) -> fp.ReactiveCurrent:
    gen = double_well(noise).generator(fp.Grid(x=(-2.5, 2.5, cells)))
    return gen.reactive_current("x < -0.9", "x > 0.8")


@pytest.mark.parametrize("barrier", [2.5, 25, 60])
def test_rates_of_the_double_well(barrier: float) -> None:
    rate, reactive, source = along_a_line(well, 0.25 / barrier, -0.9, 0.8)
    paths = line(0.25 / barrier, 400)
    assert rate < np.exp(-0.9 * barrier)
    for got, exact in (
        (paths.rate, rate),
        (paths.probability, reactive),
        (paths.duration, reactive / rate),
        (paths.rate_constant, rate / source),
    ):
        assert abs(got.value / exact - 1) < 5e-5
        assert abs(got.value - exact) < got.error + 1e-7 * exact < 5e-3 * exact
    assert paths.status == "ok"
    # A wrong temperature by a hundredth is seen.
    assert abs(along_a_line(well, 0.2525 / barrier, -0.9, 0.8)[0] / rate - 1) > 0.02
    assert paths.info["arriving"] == pytest.approx(paths.totals.rate, rel=1e-12)


def test_the_order_is_clean_wherever_the_edges_fall() -> None:
    rate, reactive, _ = along_a_line(well, 0.1, -0.9, 0.8)
    cells = (75, 131, 242, 419)
    found = [line(0.1, n) for n in cells]
    for exact, values in (
        (rate, [f.totals.rate for f in found]),
        (reactive, [f.totals.reactive for f in found]),
    ):
        slope = np.polyfit(np.log(cells), np.log(np.abs(np.array(values) - exact)), 1)[0]
        assert -2.1 < slope < -1.9
    errors = [abs(f.rate.value - rate) / rate for f in found]
    assert errors[-1] < 1e-6
    assert all(e < 0.05 * f.rate.error / rate for e, f in zip(errors, found, strict=True))


def test_the_current_along_a_line_is_the_rate() -> None:
    paths = line(0.01, 400)
    x = paths.grid["x"].centres
    inside = (x > -0.88) & (x < 0.78)
    np.testing.assert_allclose(paths.values[inside, 0], paths.totals.rate, rtol=1e-12)
    assert (paths.values[(x < -0.9) | (x > 0.8)] == 0).all()
    assert paths.info["imbalance"] < 1e-12
    assert paths.density.mean("1").value == pytest.approx(1, abs=1e-12)
    # Paths spend their time on the way alike on both sides of the saddle.
    s = np.linspace(-0.9, 0.8, 40_001)
    scale = cumulative_simpson(np.exp(well(s) / 0.01), x=s, initial=0)
    weight = np.exp(-well(s) / 0.01) * scale * (scale[-1] - scale)
    exact = simpson(weight * s**2, x=s) / simpson(weight, x=s)
    got = paths.density.mean("x**2")
    assert abs(got.value - exact) < got.error < 1e-3


@pytest.mark.parametrize(("noise", "a", "b"), [(0.1, -0.9, 0.8), (0.02, -1.1, 0.4)])
def test_rate_constant_is_one_over_the_passage_time(noise: float, a: float, b: float) -> None:
    """In one dimension paths enter the source at its edge: from there the mean time is 1/k exactly."""
    gen = double_well(noise).generator(fp.Grid(x=(-2.5, 2.5, 500)))
    k = gen.reactive_current(f"x < {a}", f"x > {b}").rate_constant
    time = gen.exit_time(f"x < {b}").at(x=a)
    assert k.value * time.value == pytest.approx(1, abs=1e-5)
    assert k.unit == "1/time"


@pytest.mark.parametrize("drift", [0.0, 0.3, -2.0])
def test_a_driven_ring(drift: float) -> None:
    """Constant drift round a ring: no balance, and currents on both sides, all in closed form."""
    noise, a, b, c, d = 0.5, 0.31, 2.27, 3.9, 5.83  # source (d, a + 2 pi), target (b, c)
    sde = fp.SDE(variables=("x",), drift=["f"], diffusion="D", constants={"f": drift, "D": noise})
    period = 2 * np.pi
    middle = 0.5 * (a + d - period)
    half = 0.5 * (a - d + period)

    def one_way(length: float, f: float) -> float:
        z = f * length / noise
        return noise / length if z == 0 else f / -np.expm1(-z)

    exact = (one_way(b - a, drift) + one_way(d - c, -drift)) / period
    for cells in (60, 131):
        gen = sde.generator(fp.Grid(x=(0, "2*pi", cells), boundary="periodic"))
        paths = gen.reactive_current(
            f"cos(x - {middle}) > {np.cos(half)}", f"cos(x - {(b + c) / 2}) > {np.cos((c - b) / 2)}"
        )
        assert paths.totals.rate == pytest.approx(exact, rel=1e-9)
        assert paths.info["arriving"] == pytest.approx(exact, rel=1e-9)
        x = paths.grid["x"].centres
        one, other = (x > a + 0.2) & (x < b - 0.2), (x > c + 0.2) & (x < d - 0.2)
        np.testing.assert_allclose(paths.values[one, 0], one_way(b - a, drift) / period, rtol=1e-9)
        np.testing.assert_allclose(paths.values[other, 0], -one_way(d - c, -drift) / period, rtol=1e-9)


# -- in the plane ---------------------------------------------------------------------------------------


def turned(noise: float, ratio: float) -> fp.SDE:
    """A double well along u and an independent spring along v, turned against the axes: full D."""
    c, s = np.cos(0.4), np.sin(0.4)
    return fp.SDE(
        variables=("x", "y"),
        drift=["c*(u - u**3) + 2*s*v", "s*(u - u**3) - 2*c*v"],
        diffusion=[["c**2*D + s**2*E", "c*s*(D - E)"], ["c*s*(D - E)", "s**2*D + c**2*E"]],
        where={"u": "c*x + s*y", "v": "c*y - s*x"},
        constants={"D": noise, "E": ratio * noise, "c": c, "s": s},
    )


@pytest.mark.parametrize(("barrier", "box", "bound"), [(2.5, 2.6, 2e-5), (25, 1.9, 3e-4), (60, 1.9, 2e-3)])
def test_a_turned_product(barrier: float, box: float, bound: float) -> None:
    """The rate is that of one dimension; the current runs along u."""
    noise = 0.25 / barrier
    rate, reactive, source = along_a_line(well, noise, -0.8, 0.85)
    gen = turned(noise, 3.0).generator(fp.Grid(x=(-box, box, 128), y=(-box, box, 128)))
    paths = gen.reactive_current("c*x + s*y < -0.8", "c*x + s*y > 0.85")
    assert abs(paths.rate.value / rate - 1) < bound
    for got, exact in (
        (paths.rate, rate),
        (paths.probability, reactive),
        (paths.rate_constant, rate / source),
    ):
        assert abs(got.value - exact) < got.error < 0.02 * exact
    assert paths.info["arriving"] == pytest.approx(paths.totals.rate, rel=1e-9)
    assert paths.info["imbalance"] < 1e-9
    middle = np.abs(gen.grid.points() @ [np.cos(0.4), np.sin(0.4)]).reshape(gen.grid.shape) < 0.6
    total = paths.values[middle].sum(axis=0)
    assert abs(np.arctan2(total[1], total[0]) - 0.4) < 0.02
    # The sum of J over the strip is its width times the rate.
    assert np.linalg.norm(total) * gen.grid.cell_volume == pytest.approx(1.2 * rate, rel=0.03)
    assert paths.rate_constant.value * gen.exit_time("c*x + s*y < 0.85").at(
        x=-0.8 * np.cos(0.4), y=-0.8 * np.sin(0.4)
    ).value == pytest.approx(1, abs=2e-4)


@settings(max_examples=10, deadline=None, derandomize=True, phases=[Phase.generate])
@given(
    angle=st.floats(0, 3.14),
    log_condition=st.floats(0, 1),
    spin=st.floats(-1.5, 1.5),
    edges=st.tuples(st.floats(-1.2, -0.4), st.floats(0.4, 1.2)),
)
def test_what_leaves_arrives(
    angle: float, log_condition: float, spin: float, edges: tuple[float, float]
) -> None:
    """Random full tensors and rotations: flows are positive at both edges, equal, and lost nowhere; with
    independent ends of the answer, from the forward and from the backward chance."""
    r = sympy.Matrix([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    d = r * sympy.diag(1.0, 10.0**-log_condition) * r.T
    sde = recipe(X**4 / 4 - X**2 / 2 + X * Y / 3 + Y**2, d, sympy.Float(spin))
    gen = sde.generator(fp.Grid(x=(-3.7, 3.7, 49), y=(-4.7, 4.7, 56)))
    a, b = edges
    paths = gen.reactive_current(f"x + y/5 < {a}", f"x + y/5 > {b}")
    assert paths.totals.rate > 0
    assert paths.info["arriving"] == pytest.approx(paths.totals.rate, rel=1e-6)
    assert paths.info["imbalance"] < 1e-6
    assert paths.density.values.min() >= 0
    back = recipe(X**4 / 4 - X**2 / 2 + X * Y / 3 + Y**2, d, -sympy.Float(spin))
    twin = back.generator(gen.grid).reactive_current(f"x + y/5 > {b}", f"x + y/5 < {a}")
    # Seen backwards in time the same paths run the other way.
    for one, other in ((twin.rate, paths.rate), (twin.probability, paths.probability)):
        assert abs(one.value - other.value) < 2 * (one.error + other.error) < 0.1 * one.value


def test_discs_settle_as_their_error_says() -> None:
    """Curved edges that cut cells anywhere: every grid lies within its error of the finest."""
    discs = "(x + 1)**2 + y**2 < 0.09", "(x - 1)**2 + y**2 < 0.09"
    found = []
    for n in (48, 75, 100, 200):
        gen = rotated(0.1, 1.0).generator(fp.Grid(x=(-2.2, 2.2, n), y=(-1.9, 1.9, n)))
        found.append(gen.reactive_current(*discs).rate)
    for got in found[:-1]:
        assert abs(got.value - found[-1].value) < got.error + found[-1].error
    assert found[-1].error < 2e-3 * found[-1].value


def test_the_valley_has_two_ways_round() -> None:
    gen = valley(4).generator(fp.Grid(x=("-pi", "pi", 64), y=(-0.45, 0.45, 64), boundary={"x": "periodic"}))
    paths = gen.reactive_current("cos(x) > 0.7", "cos(x) < -0.5")
    x = paths.grid["x"].centres
    side = paths.values[..., 0].sum(axis=1) * paths.grid["y"].spacing
    assert side[np.argmin(np.abs(x - 1.5))] == pytest.approx(paths.totals.rate / 2, rel=1e-3)
    assert side[np.argmin(np.abs(x + 1.5))] == pytest.approx(-paths.totals.rate / 2, rel=1e-3)


# -- in steps -------------------------------------------------------------------------------------------


def test_tables_and_pictures() -> None:
    gen = rotated(0.1, 1.0).generator(fp.Grid(x=(-2.2, 2.2, 48), y=(-1.9, 1.9, 48)))
    paths = gen.reactive_current("x < -0.8", "x > 0.8")
    table = paths.to_xarray()
    assert table["current"].dims == ("x", "y", "component")
    assert table.attrs["rate"] == paths.rate.value
    assert table.attrs["rate_units"] == "1/time"
    ax = paths.plot()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x", "y")
    assert ax.figure.axes[1].get_ylabel() == "density of reactive paths"
    assert line(0.1, 75).plot().get_ylabel() == "density of reactive paths"


def test_refusals_and_flags() -> None:
    gen = ornstein_uhlenbeck().generator(fp.Grid(x=(-8, 8, 64)))
    with pytest.raises(ValueError, match="overlap"):
        gen.reactive_current("x < 1", "x > 0")
    with pytest.raises(ValueError, match=r"no cell of .* lies between"):
        gen.reactive_current("x < 0.01", "x > 0.02")
    with pytest.raises(ValueError, match="empty"):
        gen.reactive_current("x < -9", "x > 1")
    ends = ornstein_uhlenbeck().generator(fp.Grid(x=(-3, 3, 64), boundary="absorbing"))
    with pytest.raises(ValueError, match="absorbs"):
        ends.reactive_current("x < -1", "x > 1")
    plane = fp.SDE(variables=("x", "y"), drift=["-x", "-y"], diffusion="1")
    tight = plane.generator(fp.Grid(x=(-7, 7, 64), y=(-2, 7, 48))).reactive_current("x < -1", "x > 1")
    assert "open ends of the box matter" in tight.rate.status
    assert "box too small" in tight.rate.status
    roomy = plane.generator(fp.Grid(x=(-7, 7, 64), y=(-7, 7, 64))).reactive_current("x < -1", "x > 1")
    assert roomy.rate.status == "ok"
