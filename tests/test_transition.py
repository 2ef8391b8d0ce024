"""The transition operator against exact laws of linear chains, and of the valley at finite learning rate."""

from __future__ import annotations

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.operators.transition import Step, TransitionOperator, moments
from fokkerplanck.step_law import step_law
from tests.exact import flatness, slopes


def quadratic(sigma: float = 1.0, h: float = 2.0, **samples: fp.Normal) -> fp.Loss:
    return fp.Loss(
        "h/2*(1 + e)*x**2 - s*x",
        ("x",),
        {"s": fp.Normal(0, "sigma"), "e": fp.Normal(0, "c")},
        constants={"h": h, "sigma": sigma, "c": 0.0},
    )


def flat_valley(kappa: float = 4.0, lr: float = 0.01, batch: int = 10) -> fp.SGD:
    loss = fp.Loss(
        "lam/2*y**2 - sy*y - sx*x",
        ("x", "y"),
        {"sy": fp.Normal(0, "sigma"), "sx": fp.Normal(0, "sigma/sqrt(kappa)")},
        where={"lam": "20*exp(0.5*cos(x))"},
        constants={"sigma": 10.0, "kappa": kappa},
    )
    return fp.SGD(loss, lr=lr, batch=batch)


@pytest.mark.parametrize("cells", [40, 80])
def test_stationary_variance_of_a_quadratic(cells: int) -> None:
    """eta Sigma / (h (2 - eta h)), to rounding: the trapezoidal rule adds no variance."""
    lr, batch, h = 0.2, 4, 2.0
    chain = fp.SGD(quadratic(), lr, batch).transition(fp.Grid(x=(-1.5, 1.5, cells)))
    exact = lr / batch / (h * (2 - lr * h))
    assert chain.aliasing < 1e-2
    assert chain.stationary().mean("x**2").value == pytest.approx(exact, rel=1e-7 if cells == 80 else 1e-4)


def test_curvature_noise() -> None:
    """Mean-square recursion: <x²> = eta Sigma / (h (2 - eta h (1 + c²/B)))."""
    lr, batch, h, c = 0.2, 2, 2.0, 0.7
    sgd = fp.SGD(quadratic(sigma=0.5).with_constants(c=c), lr, batch)
    p = sgd.transition(fp.Grid(x=(-2.5, 2.5, 160))).stationary()
    exact = lr * 0.25 / batch / (h * (2 - lr * h * (1 + c**2 / batch)))
    assert p.mean("x**2").value == pytest.approx(exact, rel=1e-5)
    # Power: a missing B in the curvature noise is seen.
    assert abs(exact / (lr * 0.25 / batch / (h * (2 - lr * h * (1 + c**2)))) - 1) > 1e-2


def test_mixture_of_signs_and_normals_is_exact() -> None:
    """Rademacher and normal noise together: the fourth moment tells the mixture from its Gaussian match."""
    loss = fp.Loss("x**2/2 - s*x - r*x", ("x",), {"s": fp.Normal(0, 0.5), "r": fp.Rademacher()})
    lr, batch = 0.5, 1
    sgd = fp.SGD(loss, lr, batch)
    p = sgd.transition(fp.Grid(x=(-4, 4, 200))).stationary()
    q, noise2 = 1 - lr, lr**2 * (0.25 + 1.0)
    noise4 = lr**4 * (3 * 0.25**2 + 6 * 0.25 + 1.0)
    second = noise2 / (1 - q**2)
    fourth = (6 * q**2 * second * noise2 + noise4) / (1 - q**4)
    assert p.mean("x**2").value == pytest.approx(second, rel=1e-8)
    assert p.mean("x**4").value == pytest.approx(fourth, rel=1e-8)
    assert abs(fourth / (3 * second**2) - 1) > 0.1


def test_valley_at_finite_learning_rate() -> None:
    """p-weighted slopes at lr = .01, kappa = 4: the finite-lr law is 4.427 / 3.534, the SDE 3.998 / 2.997."""
    grid = fp.Grid(x=("-pi", "pi", 400), y=(-0.45, 0.45, 41), boundary={"x": "periodic"})
    p = flat_valley().transition(grid).stationary()
    a, b = slopes(p, weighted=True)
    # The law is asymptotic in the separation of time scales; its own SDE limit is off by .002.
    assert a.value == pytest.approx(4.427, abs=0.005)
    assert b.value == pytest.approx(3.534, abs=0.005)
    x = grid["x"].centres
    u = 0.005 * flatness(x) ** -2
    m = p.marginal("x").values
    against = np.log(flatness(x)) + 0.5 * np.log(1 - u)
    slope = np.polyfit(against, np.log(m), 1)[0]
    assert slope == pytest.approx(4.0, abs=0.01)


def test_time_to_flatness_of_the_chain() -> None:
    """Finite-lr law with the moved edge: 104.71 in time, 10471 steps; the SDE says 10995."""
    grid = fp.Grid(x=("-pi", "pi", 512), y=(-0.42, 0.42, 48), boundary={"x": "periodic"})
    t = flat_valley().transition(grid).exit_time("cos(x) > -0.5").at(x=0, y=0)
    assert t.unit == "steps"
    assert abs(t.value - 10471) < 3 * t.error
    assert t.error < 100


def test_evolution_in_steps_and_its_rates() -> None:
    lr, h = 0.2, 2.0
    chain = fp.SGD(quadratic(), lr, 4).transition(fp.Grid(x=(-2, 2, 120)))
    (p,) = chain.evolve("exp(-(x - 1)**2/(2*0.01))", [3])
    assert p.mean("x").value == pytest.approx((1 - lr * h) ** 3, abs=1e-6)
    rates = chain.spectrum(3).rates
    assert rates[1].value == pytest.approx(-np.log(1 - lr * h), abs=1e-6)
    with pytest.raises(ValueError, match="whole steps"):
        chain.evolve("1", [0.5])


def test_exit_time_of_a_random_walk_with_a_gaussian_step() -> None:
    """Leaving (-a, a): the walk overshoots; T = (a + .5826 s)²/s² to second order in s/a (D. Siegmund)."""
    loss = fp.Loss("-s*x + 0*x**2", ("x",), {"s": fp.Normal(0, 1)})
    t = fp.SGD(loss, 0.05, 1).transition(fp.Grid(x=(-2, 2, 400))).exit_time("abs(x) < 1").at(x=0)
    exact = (1 + 0.5826 * 0.05) ** 2 / 0.05**2
    assert t.value == pytest.approx(exact, rel=2e-3)
    assert abs(t.value - 1 / 0.05**2) > 0.05 * t.value


def test_step_law_has_the_moments_of_the_loss() -> None:
    loss = fp.Loss(
        "x**2/2 - u*x*y + y**2/2 - s*y",
        ("x", "y"),
        {("u",): fp.Data([[0.2], [0.5], [-0.3], [0.1]]), "s": fp.Normal(0, 0.3)},
    )
    sgd = fp.SGD(loss, 0.1, 2, "without-replacement")
    law, matched = step_law(loss, 0.1, 2, "without-replacement")
    assert matched == ""
    points = np.array([[0.3, -0.4], [1.0, 2.0]])
    mean, covariance = moments(law(points))
    exact = 0.01 * loss.evaluate(loss.noise_covariance(2, "without-replacement"), points)
    np.testing.assert_allclose(mean, -0.1 * loss.evaluate(loss.gradient, points)[:, :, 0], atol=1e-14)
    np.testing.assert_allclose(covariance, exact, atol=1e-15)
    assert sgd.batch == 2


def test_cells_too_wide_are_refused() -> None:
    with pytest.raises(ValueError, match="cells wide"):
        flat_valley(lr=0.001, batch=1).transition(
            fp.Grid(x=("-pi", "pi", 128), y=(-0.4, 0.4, 32), boundary={"x": "periodic"})
        )


@pytest.mark.parametrize("lr", [1.5, 1.8])
def test_oscillating_modes_are_found(lr: float) -> None:
    """Multiplier 1 - lr < 0: the slowest mode alternates in sign from step to step."""
    loss = fp.Loss("x**2/2 - s*x", ("x",), {"s": fp.Normal(0, 1)})
    modes = fp.SGD(loss, lr).transition(fp.Grid(x=(-25, 25, 200))).spectrum(3)
    assert modes.rates[1].value == pytest.approx(-np.log(abs(1 - lr)), abs=1e-6)
    assert abs(modes.frequencies[1].value) == pytest.approx(np.pi)
    assert modes.rates[2].value == pytest.approx(-2 * np.log(abs(1 - lr)), abs=1e-5)


def test_error_of_an_exit_time_covers() -> None:
    """AR(1) with eta = .2, sd .3, out of (-1, 1) from .3: 43.672326 steps, by 400 Gauss–Legendre nodes."""

    def step(x: np.ndarray) -> Step:
        return Step((-0.2 * x)[:, None, :], np.ones(1), np.full((len(x), 1, 1), 0.09))

    for n in (117, 200, 300):
        t = TransitionOperator(fp.Grid(x=(-3, 3, n)), step).exit_time("abs(x) < 1").at(x=0.3)
        assert abs(t.value - 43.672326) < 1.5 * t.error
        assert t.error < 60 / n**1.4
