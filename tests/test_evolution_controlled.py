"""Evolution of chains whose rates follow a control in time."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import sparse
from scipy.integrate import solve_ivp
from scipy.linalg import expm

import fokkerplanck as fp
from fokkerplanck.solvers import evolution, magnus
from fokkerplanck.solvers.linear import Factored
from fokkerplanck.solvers.state import State
from tests.chains import generator, joined

Array = NDArray[np.float64]


def affine(a: float, n: int = 8) -> tuple[sparse.csr_array, Array]:
    """A chain whose rates are affine in the control."""
    rng = np.random.default_rng(11)
    rates = rng.random((n, n)) + a * rng.random((n, n))
    np.fill_diagonal(rates, 0.0)
    return sparse.csr_array(rates), np.eye(n)[:, :1] * 0.3


def decay(t: float) -> float:
    return 1 / (1 + 2 * t)


SMOOTH = magnus.Smooth(decay, np.zeros(0))


def controlled(times: Array) -> Array:
    """Exact evolution under the smooth control, the sink included."""

    def slope(t: float, p: Array) -> Array:
        return np.asarray(generator(*affine(decay(t))).T @ p)

    start = np.eye(9)[0]
    return solve_ivp(slope, (0, times[-1]), start, "DOP853", times, rtol=1e-13, atol=1e-15).y.T


def test_order_of_the_controlled_evolution() -> None:
    exact = controlled(np.array([0.5]))[0]
    errors = []
    for count in (2, 4, 8):
        flow = evolution._Flow(Factored)
        course = magnus._Course(lambda a, s, t, r, f=flow: f(*affine(a), s, t, r), SMOOTH, np.ones(1), 1e-9)
        state = State(np.eye(8)[0], np.zeros(1))
        for k in range(count):
            state = course._two(state, 0.5 * k / count, 0.5 / count)
        errors.append(np.abs(np.append(state.masses, state.absorbed) - exact).sum())
    assert np.polyfit(np.log([2, 4, 8]), np.log(errors), 1)[0] == pytest.approx(-4, abs=0.4)


@pytest.mark.parametrize("rtol", [1e-3, 1e-5, 1e-7])
def test_the_error_of_the_controlled_evolution_is_honest_and_not_absurd(rtol: float) -> None:
    times = np.array([0.0, 0.1, 0.4, 0.45, 1.0])
    run = evolution.evolve_controlled(affine, SMOOTH, np.eye(8)[0], times, rtol)
    error = np.abs(joined(run) - controlled(times)).sum(axis=1)
    assert (error <= 3 * run.errors).all()
    assert (run.errors <= rtol).all()
    assert run.errors[1] < 100 * max(error[1], 1e-13)
    assert run.masses.min() >= 0
    assert np.abs(joined(run).sum(axis=1) - 1).max() < 1e-13


def staircase(ends: Array, values: Array, times: Array) -> Array:
    """Exact evolution under a staircase, the sink included."""
    state, now, found = np.eye(9)[0], 0.0, []
    for end, value in zip(ends, values, strict=True):
        q = generator(*affine(value))
        found += [state @ expm(q * (t - now)) for t in times[(times > now) & (times <= end)]]
        state, now = state @ expm(q * (end - now)), end
    return np.array(found)


def test_plateaus_are_exact_and_small_steps_averaged() -> None:
    calls = []

    def chain(a: float) -> tuple[sparse.csr_array, Array]:
        calls.append(a)
        return affine(a)

    values = np.repeat([1.0, 0.1, 0.01], 50)
    ends = np.cumsum(0.02 * values)
    times = np.array([0.5, 1.05, ends[-1]])
    run = evolution.evolve_controlled(chain, magnus.Staircase(ends, values), np.eye(8)[0], times)
    exact = staircase(ends, values, times)
    assert np.abs(joined(run) - exact).sum(axis=1).max() < 1e-11
    assert len(calls) == 4  # one to see the sinks, one a plateau

    calls.clear()
    values = 0.99 ** np.arange(600)
    ends = np.cumsum(0.005 * values)
    times = ends[[150, -1]]
    run = evolution.evolve_controlled(chain, magnus.Staircase(ends, values), np.eye(8)[0], times, 1e-5)
    exact = staircase(ends, values, times)
    assert (np.abs(joined(run) - exact).sum(axis=1) <= 3 * run.errors).all()
    assert (run.errors < 1e-5).all()
    assert len(calls) < 300


def test_ornstein_uhlenbeck_with_a_falling_noise() -> None:
    # d var/dt = -2 var + 2 D(t), D = 1 / (1 + t).
    grid = fp.Grid(x=(-7, 7, 200))

    def chain(d: float) -> tuple[sparse.csr_array, Array]:
        rates = fp.SDE(variables=("x",), drift=["-x"], diffusion=d).generator(grid).rates
        return rates.links, rates.killing

    x = grid.points()[:, 0]
    start = np.exp(-0.5 * x**2)
    start /= start.sum()
    control = magnus.Smooth(lambda t: 1 / (1 + t), np.zeros(0))
    times = np.array([0.5, 2.0])
    run = evolution.evolve_controlled(chain, control, start, times, 1e-4)
    held = evolution.evolve(*chain(1.0), start, times)
    exact = solve_ivp(lambda t, v: -2 * v + 2 / (1 + t), (0, 2), [1.0], t_eval=times, rtol=1e-10).y[0]
    for p, q, variance in zip(run.masses, held.masses, exact, strict=True):
        assert p @ x**2 == pytest.approx(variance, rel=2e-3)
        assert abs(q @ x**2 - variance) > 0.05  # a noise that did not fall would be seen
