"""Orders of the schemes as their metadata state them: by slope and by bound, and mistakes that must be seen.

Weak orders without sampling; strong orders from 2000 coupled paths with a fixed seed, which give a root mean
square to 2 %, and the ratio of two, which share their noise, better still.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.interpolate import CubicSpline
from scipy.linalg import expm, solve_continuous_lyapunov

import fokkerplanck as fp
from fokkerplanck.sampling.schemes import SCHEMES, Scheme
from tests.exact import valley
from tests.scheme_steps import (
    CROSSED,
    FULL,
    GEOMETRIC,
    GROWTH,
    LINEAR,
    RATES,
    SPREAD,
    TENSOR,
    WELL,
    Array,
    Stepper,
    accepts,
    linear_law,
    local_errors,
    stepper,
)

EVERY = pytest.mark.parametrize("scheme", SCHEMES.values(), ids=lambda s: s.name)
POINTS = {FULL: (0.4, -0.3), CROSSED: (0.4, -0.3), LINEAR: (0.4, -0.3), GEOMETRIC: (0.4,), WELL: (0.4,)}
STATIONARY = solve_continuous_lyapunov(RATES, 2 * TENSOR)


def slopes(errors: list[float]) -> Array:
    """Orders from errors at steps that halve."""
    e = np.array(errors)
    return np.log2(e[:-1] / e[1:])


def weak_order(scheme: Scheme, sde: fp.SDE) -> int:
    return scheme.weak_order(sde.path_program())


# -- weak ------------------------------------------------------------------------------------------


def local_slopes(step: Stepper, sde: fp.SDE, order: int) -> tuple[float, float]:
    """The lowest slope of all moments, and that of the largest error."""
    fine, coarse = (np.abs(local_errors(step, sde, POINTS[sde], h, order)) for h in (0.002, 0.004))
    seen = fine > 1e-12
    return float(np.log2(coarse[seen] / fine[seen]).min()), float(np.log2(coarse.max() / fine.max()))


@EVERY
@pytest.mark.parametrize("sde", POINTS, ids=["full", "crossed", "linear", "geometric", "well"])
def test_moments_of_one_step(scheme: Scheme, sde: fp.SDE) -> None:
    """All moments to degree 2p + 1 agree with the generator's expansion to h^p, and no better."""
    if scheme.previous or not accepts(scheme, sde):
        pytest.skip("no step by itself" if scheme.previous else "refused")
    order = weak_order(scheme, sde)
    lowest, largest = local_slopes(stepper(scheme, sde), sde, order)
    assert lowest > order + 0.8
    assert largest < order + 1.1


def linear_error(step: Stepper, h: float) -> float:
    """Mean and second moments at time 1 against the exact law."""
    start = np.array([1.0, -0.5])
    mean, cov = linear_law(step, start, h, round(1 / h))
    flow = expm(-RATES)
    exact = STATIONARY - flow @ STATIONARY @ flow.T
    return max(float(np.abs(mean - flow @ start).max()), float(np.abs(cov - exact).max()))


@EVERY
def test_law_of_a_linear_problem_at_a_time(scheme: Scheme) -> None:
    """Full constant D with a current, against its exact law at time 1."""
    step, order = stepper(scheme, LINEAR), weak_order(scheme, LINEAR)
    errors = [linear_error(step, h) for h in (1 / 20, 1 / 40, 1 / 80)]
    assert np.abs(slopes(errors) - order).max() < 0.12
    assert errors[0] < {1: 0.035, 2: 0.001}[order]


def growth_error(step: Stepper, h: float) -> float:
    """E X and E X^2 at time 1 from X = 1: each is multiplied by a factor a step."""
    z, weight = np.polynomial.hermite_e.hermegauss(14)
    jump = step(np.ones((1, z.size)), np.sqrt(2 * h) * z[None], h)[0]
    factors = [float(weight @ jump**k / weight.sum()) for k in (1, 2)]
    exact = math.exp(GROWTH), math.exp(2 * GROWTH + SPREAD**2)
    return max(abs(f ** round(1 / h) - e) for f, e in zip(factors, exact, strict=True))


@EVERY
def test_moments_of_geometric_brownian_motion(scheme: Scheme) -> None:
    if not accepts(scheme, GEOMETRIC):
        pytest.skip("refused")
    step, order = stepper(scheme, GEOMETRIC), weak_order(scheme, GEOMETRIC)
    errors = [growth_error(step, h) for h in (1 / 20, 1 / 40, 1 / 80)]
    assert np.abs(slopes(errors) - order).max() < 0.1
    assert errors[0] < {1: 0.05, 2: 0.001}[order]


def stationary_covariance(step: Stepper, h: float, independent: bool = False) -> Array:
    _, cov = linear_law(step, np.zeros(step.d), h, round(60 / h), independent)
    return cov


QUADRATIC = fp.SDE(variables=("x", "y"), drift=["-x", "-3*y"], diffusion=["0.5", "2"])
EXACT = np.array([0.5, 2 / 3])


def relative_gap(covariance: Array) -> float:
    return float(np.abs(np.diag(covariance) / EXACT - 1).max())


@EVERY
def test_variance_on_a_quadratic(scheme: Scheme) -> None:
    """Exact where the metadata say so, at a step of .9 times the fast time; else off by 5 % or more."""
    gap = relative_gap(stationary_covariance(stepper(scheme, QUADRATIC), 0.3))
    assert gap < 1e-12 if scheme.exact_variance else gap > 0.05


@EVERY
def test_variance_with_a_current(scheme: Scheme) -> None:
    """Leimkuhler-Matthews falls back to order 1 there; the trapezoid stays exact."""
    step = stepper(scheme, LINEAR)
    errors = [float(np.abs(stationary_covariance(step, h) - STATIONARY).max()) for h in (0.1, 0.05)]
    if scheme.stiff:
        assert errors[0] < 1e-12
    else:
        assert abs(slopes(errors)[0] - weak_order(scheme, LINEAR)) < 0.12


NOISE = 0.4


def well_moment(step: Stepper, h: float) -> float:
    """<x^2> in the long run, from the matrix of expectations after one step on functions of a grid.

    Where a step mixes its noise with that before, ``Y = X - L v/2`` moves by itself, with the next v.
    """
    y = np.linspace(-3.5, 3.5, 281)
    z, weight = np.polynomial.hermite_e.hermegauss(24)
    w = np.sqrt(2 * h) * np.broadcast_to(z, (y.size, z.size))
    start = y[:, None] + (0.5 * math.sqrt(NOISE) * w if step.previous else 0.0 * w)
    new = step(start[None], 0 * w[None] if step.previous else w[None], h, w[None])[0]
    basis = CubicSpline(y, np.eye(y.size))(np.clip(new, y[0], y[-1]))
    matrix = np.einsum("k,ykf->yf", weight / weight.sum(), basis)
    for _ in range(12):  # after 4096 steps nothing is left of the start
        matrix = matrix @ matrix
    return float((matrix @ (start**2 @ weight / weight.sum()))[y.size // 2])


X = np.linspace(-4, 4, 4001)
LAW = np.exp(-(X**4 / 4 - X**2 / 2) / NOISE)
MOMENT = float((X**2 * LAW).sum() / LAW.sum())


@EVERY
def test_stationary_law_of_a_double_well(scheme: Scheme) -> None:
    """<x^2> of exp(-V/D), with no sampling."""
    step, order = stepper(scheme, WELL), scheme.stationary or weak_order(scheme, WELL)
    errors = [abs(well_moment(step, h) - MOMENT) for h in (0.04, 0.02)]
    assert abs(slopes(errors)[0] - order) < 0.15
    assert errors[0] < {1: 0.01, 2: 0.002}[order]


# -- strong ----------------------------------------------------------------------------------------


def ends(
    step: Stepper, x0: tuple[float, ...], levels: int, coarsest: int, seed: int
) -> tuple[list[Array], Array]:
    """Ends at time 1 of 2000 paths with 2^k `coarsest` steps on one Brownian path, and its end, (d, n)."""
    rng, n = np.random.default_rng(seed), 2000
    finest = coarsest * 2 ** (levels - 1)
    z = rng.standard_normal((2 * finest, step.d, n))
    signs = rng.choice([-1.0, 1.0], (finest, step.signs, n))
    found = []
    for k in range(levels):
        merge = 2 ** (levels - 1 - k)
        blocks = z[finest - merge :]  # the merged number before the first step, and those of the steps
        summed = blocks.reshape(-1, merge, step.d, n).sum(axis=1) / math.sqrt(merge)
        found.append(step.path(np.array(x0), summed, merge / finest, signs[::merge]))
    return found, z[finest:].sum(axis=0) / math.sqrt(finest)


def rms(difference: Array) -> float:
    return float(np.sqrt((difference**2).sum(axis=0).mean()))


def strong_order(scheme: Scheme, sde: fp.SDE) -> float:
    return scheme.strong_order(sde.path_program())


@EVERY
@pytest.mark.parametrize("sde", [CROSSED, WELL], ids=["crossed", "well"])
def test_strong_order_against_its_own_limit(scheme: Scheme, sde: fp.SDE) -> None:
    if not accepts(scheme, sde):
        pytest.skip("refused")
    found, _ = ends(stepper(scheme, sde), POINTS[sde], 4, 32, seed=1)
    errors = [rms(a - b) for a, b in itertools.pairwise(found)]
    assert np.abs(slopes(errors) - strong_order(scheme, sde)).max() < 0.15


COMMUTING = {
    "own": fp.SDE(variables=("x", "y"), drift=["-x", "x"], diffusion=["1 + x**2", "1 + sin(2*y)/2"]),
    "one": fp.SDE(variables=("x", "y"), drift=["-y", "x"], diffusion=[["1", "x"], ["x", "x**2"]]),
}


@pytest.mark.parametrize("sde", COMMUTING.values(), ids=COMMUTING)
def test_milstein_where_noise_commutes(sde: fp.SDE) -> None:
    """Strong order 1, where Euler-Maruyama has 1/2."""
    for name in ("milstein", "euler-maruyama"):
        found, _ = ends(stepper(SCHEMES[name], sde), (0.4, -0.3), 4, 32, seed=3)
        errors = [rms(a - b) for a, b in itertools.pairwise(found)]
        expected = strong_order(SCHEMES[name], sde)
        assert np.abs(slopes(errors) - expected).max() < 0.15


def path_errors(step: Stepper) -> list[float]:
    """Distance from ``X = exp((m - s^2/2) t + s W)``."""
    found, w = ends(step, (1.0,), 4, 16, seed=2)
    exact = np.exp(GROWTH - SPREAD**2 / 2 + SPREAD * w)
    return [rms(x - exact) for x in found]


@EVERY
def test_paths_of_geometric_brownian_motion(scheme: Scheme) -> None:
    if not accepts(scheme, GEOMETRIC):
        pytest.skip("refused")
    errors = path_errors(stepper(scheme, GEOMETRIC))
    # One noise commutes with itself, so a scheme may do better than it promises for noise in general.
    assert slopes(errors).min() > scheme.strong - 0.1
    assert errors[0] < {0.5: 0.08, 1.0: 0.02}[scheme.strong]


# -- mistakes that must be seen --------------------------------------------------------------------


def test_half_a_milstein_term_is_seen() -> None:
    """The order falls to that of Euler-Maruyama; so does a term of the wrong sign."""
    text = "0.5 * (w0 * w0 - 2.0 * h)"
    for factor in ("0.25", "-0.5"):
        step = stepper(SCHEMES["milstein"], GEOMETRIC, (text, text.replace("0.5", factor)))
        assert slopes(path_errors(step)).max() < 0.8


def test_independent_noises_are_seen() -> None:
    """Leimkuhler-Matthews with two new normal numbers a step: half the variance it should have."""
    step = stepper(SCHEMES["leimkuhler-matthews"], QUADRATIC)
    assert relative_gap(stationary_covariance(step, 0.3, independent=True)) > 0.3
    weights = stepper(SCHEMES["leimkuhler-matthews"], QUADRATIC, ("0.5 * (v0 + w0)", "0.52 * v0 + 0.48 * w0"))
    assert relative_gap(stationary_covariance(weights, 0.3)) > 1e-4


@pytest.mark.parametrize(
    "wrong",
    [
        ("0.5 * h * (b0 + c0)", "h * b0"),  # the drift of the start only
        ("- 2.0 * l1_1) * w1", "- 2.0 * l1_1) * w1 * 0.5"),  # half a correction of the amplitude
        ("2.0 * h * s0", "1.0 * h * s0"),  # half an area
        ("+ 2.0 * h * s0", "- 2.0 * h * s0"),  # a sign twice: no antisymmetric part
        ("(part * (w0 * w0 - 2.0 * h))", "(part * (w0 * w0 - 1.0 * h))"),
    ],
)
def test_mistakes_in_platen_are_seen(wrong: tuple[str, str]) -> None:
    assert local_slopes(stepper(SCHEMES["platen"], FULL, wrong), FULL, 2)[0] < 2.5


def test_one_iteration_of_the_trapezoid_is_seen() -> None:
    """Without the second iteration the step loses D : grad grad b, and its order."""
    step = stepper(SCHEMES["implicit-trapezoid"], WELL, ("x0 + g0 + y0", "x0 + g0"))
    assert local_slopes(step, WELL, 2)[0] < 2.2


def drift_along_the_valley(step: Stepper, sde: fp.SDE, h: float) -> float:
    """Mean of (x' - x)/h at x = 1.5, with y from its stationary law, over that of the SDE."""
    z, weight = np.polynomial.hermite_e.hermegauss(12)
    grid = np.array(list(itertools.product(z, repeat=3))).T
    mass = np.prod(list(itertools.product(weight / weight.sum(), repeat=3)), axis=1)
    delta, curvature = 0.05, 20 * math.exp(0.5 * math.cos(1.5))
    start = np.stack([np.full(grid.shape[1], 1.5), math.sqrt(delta / curvature) * grid[0]])
    end = step(start, np.sqrt(2 * h) * grid[1:], h)
    exact = math.sin(1.5) * delta / 4  # Delta lambda'/(2 lambda), lambda = 20 exp(cos(x)/2)
    return float(mass @ (end[0] - start[0])) / h / exact


@pytest.mark.parametrize("stiffness", [2.0, 6.0, 20.0])
def test_slow_drift_though_the_step_is_stiff(stiffness: float) -> None:
    """Two iterations keep it within a fifth at h lambda = 20; one turns it round.

    By (1 - a)/(1 + a), a = h lambda/2.
    """
    sde, h = valley(kappa=1e4), stiffness / (20 * math.exp(0.5 * math.cos(1.5)))
    scheme = SCHEMES["implicit-trapezoid"]
    assert abs(drift_along_the_valley(stepper(scheme, sde), sde, h) - 1) < 0.01 * stiffness
    once = stepper(scheme, sde, ("x0 + g0 + y0, x1 + g1 + y1", "x0 + g0, x1 + g1"))
    a = stiffness / 2
    assert abs(drift_along_the_valley(once, sde, h) - (1 - a) / (1 + a)) < 0.01 * stiffness
