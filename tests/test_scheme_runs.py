"""Schemes as users run them: means, bits, stiff valleys, first passage, and what is refused."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numba
import numpy as np
import pytest
import sympy
from scipy.linalg import expm, solve_continuous_lyapunov

import fokkerplanck as fp
from fokkerplanck.exits import from_passages
from fokkerplanck.formula import LEARNING_RATE
from fokkerplanck.model import TEMPLATE
from fokkerplanck.sampling import PathProgram, _run, run_paths
from fokkerplanck.sampling.schemes import CROSSING, SCHEMES, Scheme
from tests.exact import valley
from tests.programs import FULL as SPREADING
from tests.scheme_steps import GEOMETRIC, GROWTH, LINEAR, RATES, SPREAD, TENSOR, WELL

EVERY = pytest.mark.parametrize("scheme", SCHEMES.values(), ids=lambda s: s.name)
x, y = sympy.symbols("x y", real=True)
STIRRED = PathProgram((x, y), (-x - y, x - y**3), sympy.Matrix([[1, 0.5], [0.5, 2]]))  # constant, full D


@pytest.fixture
def threads() -> Iterator[None]:
    before = numba.get_num_threads()
    yield
    numba.set_num_threads(before)


# -- laws -----------------------------------------------------------------------------------------


@EVERY
def test_means_of_a_linear_problem(scheme: Scheme) -> None:
    """Second moments at time 2, extrapolated: within 4.4 standard errors, false alarm 1e-5, and the error.

    That of the step alone, at the step .1, is seen in every scheme of order 1: extrapolation is needed.
    """
    run = LINEAR.simulate(20_000, 2.0, (1.0, -0.5), rng=3, dt=0.1, scheme=scheme.name)
    stationary, flow = solve_continuous_lyapunov(RATES, 2 * TENSOR), expm(-2 * RATES)
    exact = stationary - flow @ stationary @ flow.T + np.outer(*[flow @ [1.0, -0.5]] * 2)
    for f, value in (("x**2", exact[0, 0]), ("x*y", exact[0, 1]), ("y**2", exact[1, 1])):
        found = run.mean(f)
        assert found.ok
        assert abs(found.value - value) < 4.4 * found.stat + 0.35 * found.disc
    assert run.order == scheme.weak_order(LINEAR.path_program())
    assert scheme.name in run.method or scheme.name == "euler-maruyama"


@pytest.mark.parametrize("name", ["euler-maruyama", "milstein", "platen", "implicit-trapezoid"])
def test_paths_of_geometric_brownian_motion(name: str) -> None:
    """The compiled kernel against the exact path on the same Brownian motion, and E X against exp(m t)."""
    n, steps = 4000, 64
    free = PathProgram((x,), (sympy.S.Zero,), sympy.Matrix([[sympy.Rational(1, 2)]]))
    w = run_paths(free, np.zeros((n, 1)), 1 / steps, steps, [], seed=4).final
    program, values = GEOMETRIC.path_program(), GEOMETRIC.parameter_values
    run = run_paths(program, np.ones((n, 1)), 1 / steps, steps, values, seed=4, scheme=name)
    exact = np.exp(GROWTH - SPREAD**2 / 2 + SPREAD * w)
    error = np.sqrt(np.mean((run.final - exact) ** 2)), np.sqrt(np.mean((run.coarse - exact) ** 2))
    assert error[0] < {0.5: 0.035, 1.0: 0.006}[SCHEMES[name].strong]
    assert error[1] / error[0] > 2 ** SCHEMES[name].strong * 0.93
    value = (run.final + (run.final - run.coarse) / (2 ** SCHEMES[name].weak - 1)).mean()
    assert abs(value - math.exp(GROWTH)) < 4.4 * run.final.std() / math.sqrt(n)


@pytest.mark.parametrize("d", [1, 3])
def test_both_runs_of_leimkuhler_matthews_remember_the_step_before(d: int) -> None:
    """Exact in <y^2> at .3 and .6, where fresh noise would halve it; four steps share a random block."""
    n, state = 20_000, sympy.symbols(f"x0:{d}", real=True)
    program = PathProgram(state, tuple(-s for s in state), sympy.eye(d) * sympy.Rational(7, 10))
    run = run_paths(program, np.zeros((n, d)), 0.3, 42, [], seed=12, scheme="leimkuhler-matthews")
    bound = 4.4 * math.sqrt(2 / n)
    for j in range(d):
        for end in (run.final, run.coarse):
            assert abs((end[:, j] ** 2).mean() / 0.7 - 1) < bound
        assert np.corrcoef(run.final[:, j], run.coarse[:, j])[0, 1] > 0.9


def test_signs_are_balanced_and_new_in_every_step() -> None:
    """Areas of Brownian paths: y' = x dW2 - like noise has the variance of the double integral, t^2/2."""
    program = PathProgram((x, y), (sympy.S.Zero,) * 2, sympy.Matrix([[0.5, 0], [0, 0.5 * (1 + x**2)]]))
    n = 20_000
    run = run_paths(program, np.zeros((n, 2)), 0.25, 4, [], seed=5, scheme="platen")
    for end in (run.final, run.coarse):  # E y^2 = t + t^2/2, exactly, by order 2
        squares = end[:, 1] ** 2
        assert abs(squares.mean() - 1.5) < 4.4 * squares.std() / math.sqrt(n)
        assert 4.4 * squares.std() / math.sqrt(n) < 0.15


# -- bits -----------------------------------------------------------------------------------------


@EVERY
@pytest.mark.usefixtures("threads")
def test_same_bits_for_threads_and_chunks(scheme: Scheme, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut anywhere, in rows and in steps, and continued: the same bits."""
    program = SPREADING if not scheme.refusal(SPREADING) else STIRRED
    values = [0.5, 1.0, 0.6, 0.9] if program is SPREADING else []
    start, dt = np.random.default_rng(8).normal(size=(300, 2)), np.full(86, 0.002)
    numba.set_num_threads(1)
    whole = run_paths(program, start, dt, 86, values, seed=9, scheme=scheme.name)
    assert not whole.diverged.any()
    assert not np.array_equal(whole.final, whole.coarse)
    numba.set_num_threads(min(2, numba.config.NUMBA_NUM_THREADS))
    monkeypatch.setattr(_run, "_TARGET", 0.0)  # chunks as small as they get
    pieces = run_paths(program, start, dt, 86, values, seed=9, scheme=scheme.name)
    some = {"first_particle": 20, "scheme": scheme.name}
    half = run_paths(program, start[20:], dt[:42], 42, values, 9, **some)
    rest = run_paths(program, half.final, dt[42:], 44, values, 9, first_step=42, coarse0=half.coarse, **some)
    for name in ("final", "coarse"):
        assert np.array_equal(getattr(whole, name), getattr(pieces, name))
        assert np.array_equal(getattr(whole, name)[20:], getattr(rest, name))


def test_the_default_is_euler_maruyama_bit_by_bit() -> None:
    """X' = X + h b + sqrt(2 h D) z, of the same normal numbers, done again in NumPy."""
    free = PathProgram((x,), (sympy.S.Zero,), sympy.Matrix([[0.5]]))
    bound = PathProgram((x,), (-x,), sympy.Matrix([[0.5]]))
    path = [np.zeros(50)]
    for steps in range(2, 22, 2):  # ends of two steps: dW of each pair
        path.append(run_paths(free, np.zeros((50, 1)), 0.1, steps, [], seed=6).final[:, 0])
    coarse = np.ones(50)
    for before, after in itertools.pairwise(path):
        coarse = coarse - 0.2 * coarse + (after - before)
    run = run_paths(bound, np.ones((50, 1)), 0.1, 20, [], seed=6)
    np.testing.assert_allclose(run.coarse[:, 0], coarse, rtol=1e-12)
    named = run_paths(bound, np.ones((50, 1)), 0.1, 20, [], seed=6, scheme="euler-maruyama")
    assert np.array_equal(run.final, named.final)


# -- stiff ----------------------------------------------------------------------------------------


def test_a_stiff_quadratic() -> None:
    """h lambda = 20: Euler-Maruyama is lost, the trapezoid exact in <y^2> (8 % would be seen)."""
    sde = fp.SDE(variables=("x", "y"), drift=["-x", "-400*y"], diffusion=["1", "2"])
    assert sde.simulate(100, 5.0, (0, 0.1), rng=7, dt=0.05).diverged.all()
    run = sde.simulate(4000, 5.0, (0, 0.1), rng=7, dt=0.05, scheme="implicit-trapezoid")
    across, bound = run.final[:, 1] ** 2, 4.4 * math.sqrt(2 / 4000)
    assert abs(across.mean() / (2 / 400) - 1) < bound
    assert abs((run.coarse[:, 1] ** 2).mean() / (2 / 400) - 1) < bound  # h lambda = 40
    assert bound < 0.1


def test_the_slow_drift_of_a_stiff_valley() -> None:
    """Down the valley though h lambda is 6: a step of .3 moves as far as Euler-Maruyama, extrapolated.

    It moves by .14; one iteration of Newton's method would move it the other way.
    """
    sde, n, t = valley(kappa=4.0), 16_000, 12.0
    long = sde.simulate(n, t, (1.5, 0.0), rng=8, dt=0.3, scheme="implicit-trapezoid").final[:, 0]
    exact = sde.simulate(n, t, (1.5, 0.0), rng=9, dt=0.005).mean("x")
    bound = 3.3 * math.hypot(long.std() / math.sqrt(n), exact.stat)  # false alarm 1e-3, with a fixed seed
    assert bound < 0.25 * (exact.value - 1.5)
    assert abs(long.mean() - exact.value) < bound


def test_growth_that_is_not_resolved_is_lost_not_wrong() -> None:
    sde = fp.SDE(variables=("x",), drift=["3*x"], diffusion="0.1")
    run = sde.simulate(10, 4.0, (0.1,), rng=0, dt=1.0, scheme="implicit-trapezoid")
    assert run.diverged.all()


# -- rates that change, and formulas with kinks ---------------------------------------------------


@pytest.mark.parametrize("name", ["leimkuhler-matthews", "implicit-trapezoid"])
def test_a_learning_rate_schedule(name: str) -> None:
    """D = rate: held at .7 the same paths as with D = .7; falling, the variance of its integral."""
    scheduled = PathProgram((x,), (-x,), sympy.Matrix([[LEARNING_RATE]]))
    plain, start = PathProgram((x,), (-x,), sympy.Matrix([[0.7]])), np.full((6000, 1), 0.5)
    some: dict[str, Any] = {"seed": 3, "scheme": name}
    held = run_paths(scheduled, start, 0.05, 20, [], rates=np.full(20, 0.7), **some)
    np.testing.assert_allclose(held.final, run_paths(plain, start, 0.05, 20, [], **some).final, atol=1e-12)
    falling = np.linspace(1.0, 0.1, 100)
    run = run_paths(scheduled, start, 0.02, 100, [], rates=falling, **some)
    t = 0.02 * np.arange(1, 101)
    exact = float((2 * falling * np.exp(-2 * (2.0 - t + 0.01))).sum() * 0.02)
    assert abs(np.var(run.final) / exact - 1) < 4.4 * math.sqrt(2 / 6000) + 0.05  # and the step


@pytest.mark.parametrize("name", ["platen", "implicit-trapezoid", "milstein"])
def test_formulas_with_kinks(name: str) -> None:
    """|x| and max: their slopes are taken on both sides; the law is that of Euler-Maruyama."""
    sde = fp.SDE(variables=("x",), drift=["-abs(x)*x - max(x, 0)"], diffusion="1 + max(x, 0)/2")
    found = [
        sde.simulate(8000, 1.0, (0.1,), rng=k, dt=0.02, scheme=s)
        for k, s in ((1, name), (2, "euler-maruyama"))
    ]
    a, b = (run.mean("x**2") for run in found)
    assert abs(a.value - b.value) < 4.4 * math.hypot(a.stat, b.stat) + a.disc + b.disc


# -- singular noise -------------------------------------------------------------------------------


@EVERY
def test_singular_constant_noise(scheme: Scheme) -> None:
    """Noise along (1, 2) only, and a turning drift: <x^2> of the exact law at time 1."""
    sde = fp.SDE(variables=("x", "y"), drift=["-x", "-y"], diffusion=[["1", "2"], ["2", "4"]])
    run = sde.simulate(5000, 1.0, (0, 0), rng=1, dt=0.05, scheme=scheme.name)
    np.testing.assert_allclose(run.final[:, 1], 2 * run.final[:, 0], atol=1e-6)
    found = run.mean("x**2")
    assert abs(found.value - (1 - math.exp(-2))) < 4.4 * found.stat + 0.2 * found.disc


@pytest.mark.parametrize("name", ["milstein", "platen", "implicit-trapezoid"])
def test_one_noise_for_all_coordinates(name: str) -> None:
    """D = g g^T, g = (x, y)/2, commutes; every coordinate is a geometric Brownian motion, x/y constant."""
    sde = fp.SDE(variables=("x", "y"), drift=["0", "0"], diffusion=[["x**2/8", "x*y/8"], ["x*y/8", "y**2/8"]])
    run = sde.simulate(5000, 1.0, (1, -3), rng=1, dt=0.05, scheme=name)
    assert not run.diverged.any()
    np.testing.assert_allclose(run.final[:, 1], -3 * run.final[:, 0], rtol=1e-6)
    found = run.mean("x**2")
    assert abs(found.value - math.exp(0.25)) < 4.4 * found.stat + found.disc


def test_a_column_that_turns_round_is_lost_not_wrong() -> None:
    """One noise along (y, -x): its factor jumps at y = 0, where supporting points mean nothing."""
    sde = fp.SDE(
        variables=("x", "y"), drift=["0", "0"], diffusion=[["y**2/8", "-x*y/8"], ["-x*y/8", "x**2/8"]]
    )
    runs = {s: sde.simulate(2000, 1.0, (1, 0.3), rng=2, dt=0.02, scheme=s) for s in ("platen", "milstein")}
    assert "of 2000 replicas diverged" in runs["platen"].status
    found = runs["milstein"].mean("x**2 + y**2")
    assert abs(found.value - 1.09 * math.exp(0.25)) < 4.4 * found.stat + found.disc


# -- first passage --------------------------------------------------------------------------------


def test_first_passage_by_milstein() -> None:
    """Geometric Brownian motion without drift of its logarithm, from 1 to e^-1/2 or e^1/2: 1/4/s^2."""
    sde = fp.SDE(
        variables=("x",),
        drift=["s**2/2*x"],
        diffusion="s**2*x**2/2",
        constants={"s": SPREAD, "a": math.exp(0.5)},
    )
    run = sde.first_passage(
        "abs(x - (a + 1/a)/2) < (a - 1/a)/2", 6000, (1,), 20.0, 3, 0.02, scheme="milstein"
    )
    found = from_passages(run, "paths", "time")
    assert abs(found.value - 1.0) < 4.4 * found.stat + found.disc
    assert found.disc < 0.05
    assert set(CROSSING) == {"euler-maruyama", "milstein"}


@pytest.mark.parametrize("name", [n for n in SCHEMES if n not in CROSSING])
def test_first_passage_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"first passage cannot be had by scheme .* take one of euler-maru"):
        WELL.first_passage("x < 1", 10, (0,), 1.0, scheme=name)


# -- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "diffusion", "message"),
    [
        (
            "milstein",
            ["1", "1 + x**2"],
            "the noise of y changes with x, which has a noise of its own; take 'pl",
        ),
        ("milstein", [["1 + x**2", "y/4"], ["y/4", "1"]], "columns of this tensor's Cholesky factor do not"),
        (
            "leimkuhler-matthews",
            ["1", "1 + x**2"],
            "needs a constant diffusion tensor, and this one changes wi",
        ),
        ("milstien", "1", "take one of euler-maruyama, .*platen; did you mean 'milstein'"),
        (
            "platen",
            [["1 + x**2/9" if i == j else "x/9" for j in range(9)] for i in range(9)],
            "compiles for min",
        ),
        ("heun", "1", "scheme is 'heun'; take one of euler-maruyama"),
    ],
)
def test_refused(name: str, diffusion: Any, message: str) -> None:
    d = len(diffusion) if isinstance(diffusion, list) else 2
    sde = fp.SDE(variables=("x", "y", *"abcdefg")[:d], drift=["0"] * d, diffusion=diffusion)
    with pytest.raises(ValueError, match=message):
        sde.simulate(10, 1.0, [0] * d, scheme=name)


@pytest.mark.parametrize("diffusion", [["0", "1 + x**2"], ["1 + x**2", "exp(y)"], "2"])
def test_noise_that_commutes_is_taken(diffusion: Any) -> None:
    sde = fp.SDE(variables=("x", "y"), drift=["-x", "-y"], diffusion=diffusion)
    assert not SCHEMES["milstein"].refusal(sde.path_program())


def test_noise_that_is_switched_off_leaves_a_constant_tensor() -> None:
    """The standard valley holds curvature noise of strength 0: its D is constant, and schemes may know it."""
    sde = fp.load(TEMPLATE).sgd.sde()
    assert SCHEMES["leimkuhler-matthews"].refusal(sde.path_program())
    run = sde.simulate(10, 0.1, (0, 0), rng=0, scheme="leimkuhler-matthews")
    assert not run.diverged.any()
    noisy = fp.load(TEMPLATE, s=0.5).sgd.sde()
    with pytest.raises(ValueError, match="needs a constant diffusion tensor"):
        noisy.simulate(10, 0.1, (0, 0), rng=0, scheme="leimkuhler-matthews")


def test_steps_near_the_learning_rate_are_refused_for_every_scheme() -> None:
    loss = fp.Loss("x**2/2 - s*x", ("x",), {"s": fp.Normal(0, 1)})
    with pytest.raises(ValueError, match="paths are SGD itself"):
        fp.SGD(loss, lr=0.1).sde().simulate(10, 1.0, (0,), dt=0.1, scheme="leimkuhler-matthews")
