"""Evolution of densities: against exponentials of small chains, and against exact processes."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import expm
from scipy.special import ive

import fokkerplanck as fp
from fokkerplanck._kernels import series as kernel
from fokkerplanck.solvers import chebyshev, evolution, poisson, series, uniformised
from fokkerplanck.solvers.elimination import Elimination
from fokkerplanck.solvers.linear import SolverError
from fokkerplanck.solvers.state import State
from fokkerplanck.solvers.uniformised import Uniformised
from tests.chains import generator, joined, random_chain

Array = NDArray[np.float64]


def grid_chain(drift: str, diffusion: str, low: float, high: float, cells: int) -> fp.operators.Generator:
    sde = fp.SDE(variables=("x",), drift=[drift], diffusion=diffusion)
    return sde.generator(fp.Grid(x=(low, high, cells)))


def eliminate(links: sparse.csr_array, killing: Array) -> Elimination:
    return Elimination(links, killing, np.arange(links.shape[0])[:, None])


OU = grid_chain("-x", "1", -8, 8, 256)


# -- constant rates ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(24))
def test_evolution_is_exact_positive_and_conservative(seed: int) -> None:
    links, killing, start = random_chain(seed, killed=seed % 2 == 1)
    times = np.sort(np.random.default_rng(seed).random(4)) * 10 ** (seed / 8 - 2)
    run = evolution.evolve(links, killing, start, times)
    q = generator(links, killing)
    exact = np.array([np.append(start, np.zeros(2)) @ expm(q * t) for t in times])
    error = np.abs(joined(run) - exact).sum(axis=1)
    assert (error <= 3 * run.errors).all()
    assert (run.errors <= 1e-6).all()
    assert run.masses.min() >= 0
    assert np.abs(joined(run).sum(axis=1) - 1).max() < 1e-13


def test_any_number_of_snapshots_gives_the_same() -> None:
    links, killing, start = OU.rates.links, OU.rates.killing, np.eye(256)[200]
    many = evolution.evolve(links, killing, start, np.linspace(0, 3, 61))
    for k in (0, 1, 20, 60):
        one = evolution.evolve(links, killing, start, np.array([3 * k / 60]))
        assert np.abs(many.masses[k] - one.masses[0]).sum() < 1e-10
    twice = evolution.evolve(links, killing, start, np.array([1.0, 1.0, 1.0 + 1e-15]))
    assert np.abs(twice.masses - many.masses[20]).sum() < 1e-10


def test_ornstein_uhlenbeck_from_one_cell() -> None:
    x = OU.grid.points()[:, 0]
    start = np.eye(256)[np.argmin(np.abs(x - 2.0))]
    x0 = float(x @ start)
    times = np.array([1e-6, 0.1, 0.7, 2.0])
    run = evolution.evolve(OU.rates.links, OU.rates.killing, start, times)
    assert run.masses.min() >= 0
    h = OU.grid.spacing[0]
    for t, p in zip(times[1:], run.masses[1:], strict=True):
        variance = 1 - np.exp(-2 * t)
        mean = x0 * np.exp(-t)
        assert abs(p @ x - mean) < 1e-3
        assert abs(p @ (x - p @ x) ** 2 - variance) < 2e-3
        law = np.exp(-((x - mean) ** 2) / (2 * variance)) * h / np.sqrt(2 * np.pi * variance)
        assert np.abs(p - law).sum() < 5e-3


def test_long_times_end_in_the_stationary_law() -> None:
    law = OU.stationary().masses
    times = np.array([60.0, 1e4, 1e12])
    run = evolution.evolve(OU.rates.links, OU.rates.killing, np.eye(256)[10], times, exact=eliminate)
    assert np.abs(run.masses - law).sum(axis=1).max() < 1e-6
    assert (run.errors < 1e-5).all()


def test_two_wells_keep_their_balance_for_longer_than_rounding_allows_an_lu() -> None:
    # Barrier 30: the slow rate, of 1e-12, lies far below the rounding of the fastest, and its exact value in
    # the mass of the well of the start is found only where no sum of rates is rounded away.
    u = "120*(x**3 - x)"
    op = grid_chain(f"-({u})", "1", -2, 2.13, 128)
    links, killing = op.rates.links, op.rates.killing
    start = np.eye(128)[35]
    time = np.array([1e11])

    exact = evolution.evolve(links, killing, start, time, exact=eliminate)
    rough = evolution.evolve(links, killing, start, time)
    left = op.grid.points()[:, 0] < 0
    # Links in series over the barrier, by detailed balance.
    law = op.stationary().masses
    x = op.grid.points()[:, 0]
    between = np.abs(0.5 * (x[1:] + x[:-1])) < 1
    conductance = 1 / (1 / (law[:-1] * links.diagonal(1))[between]).sum()
    rate = conductance / law[left].sum() + conductance / law[~left].sum()
    expected = law[left].sum() + law[~left].sum() * np.exp(-rate * time[0])
    assert 0.6 < expected < 0.99
    assert exact.masses[0][left].sum() == pytest.approx(expected, abs=1e-5)
    assert exact.errors[0] < 1e-5
    assert abs(rough.masses[0][left].sum() - expected) <= 3 * rough.errors[0]  # wrong, and it says so


def test_absorbed_mass_by_sink() -> None:
    sde = fp.SDE(variables=("x",), drift=["-x"], diffusion="1")
    op = sde.generator(fp.Grid(x=(-1, 2, 120), boundary={"x": "absorbing"}))
    killing = np.zeros((120, 2))
    killing[0, 0], killing[-1, 1] = op.killing[0], op.killing[-1]
    start, times = np.eye(120)[40], np.array([0.05, 1.0, 30.0])
    run = evolution.evolve(op.rates.links, killing, start, times)
    q = generator(op.rates.links, killing)
    for t, state in zip(times, joined(run), strict=True):
        assert np.abs(state - np.append(start, [0, 0]) @ expm(q * t)).sum() < 1e-11
        assert abs(state.sum() - 1) < 1e-13
    # What survives decays at one rate, to a relative error, however little it is.
    late = evolution.evolve(op.rates.links, killing, start, np.array([30.0, 31.0])).masses.sum(axis=1)
    slowest = -np.linalg.eigvals(q[:-2, :-2]).real.max()
    assert np.log(late[0] / late[1]) == pytest.approx(slowest, rel=1e-8)


def test_poisson_series_where_drift_rules() -> None:
    # All move on at the same rate: T_k(P) grows like 2.4^k, and only sums without cancellation are left.
    links = sparse.csr_array(np.roll(np.eye(60), 1, axis=1) * 5.0)
    start = np.eye(60)[3]
    run = evolution.evolve(links, np.zeros(60), start, np.array([20.0, 40.0]))
    exact = np.array([start @ expm((links.toarray() - 5 * np.eye(60)) * t) for t in (20.0, 40.0)])
    assert 0 < run.fallback <= 1
    assert np.abs(run.masses - exact).sum(axis=1).max() < 1e-11
    assert evolution.evolve(OU.rates.links, OU.rates.killing, np.eye(256)[100], np.array([1.0])).fallback == 0


def test_nothing_moves_without_rates_and_infinite_ones_are_refused() -> None:
    still = sparse.csr_array((4, 4))
    run = evolution.evolve(still, np.zeros(4), np.eye(4)[1], np.array([0.0, 5.0]))
    assert (run.masses == np.eye(4)[1]).all()
    broken = sparse.csr_array(np.diag([1.0, np.inf, 1.0], 1))
    with pytest.raises(SolverError, match="not finite"):
        evolution.evolve(broken, np.zeros(4), np.eye(4)[1], np.array([1.0]))


# -- the series ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("x", [1e-9, 0.3, 7.0, 400.0, 3e5])
def test_coefficients_of_the_exponential(x: float) -> None:
    c = kernel.bessel(x, chebyshev._degree(x, False))
    exact = ive(np.arange(len(c)), x) * np.where(np.arange(len(c)) > 0, 2.0, 1.0)
    assert np.abs(c - exact).max() < 1e-14
    assert c[-1] < 1e-45


@pytest.mark.parametrize("steps", [1, 2, 3, 10, 33])
def test_coefficients_of_powers(steps: int) -> None:
    c = chebyshev._power(steps)
    monomial = np.polynomial.chebyshev.cheb2poly(c)
    assert np.abs(monomial - np.eye(steps + 1)[steps]).max() < 1e-9
    assert chebyshev._power(10_000).size < 2000


def test_chebyshev_and_poisson_series_agree() -> None:
    chain = Uniformised.of(OU.rates.links, OU.rates.killing)
    state = State(np.eye(256)[150], np.zeros(1))
    ticks = np.array([3.0, 50.0, 600.0])
    a, b = chebyshev.expand(chain, state, ticks, False), poisson.expand(chain, state, ticks, False)
    assert a.products < b.products / 3
    for p, q in zip(a.states, b.states, strict=True):
        assert p.distance(q) <= 3 * (p.error + q.error)
        assert p.distance(q) < 1e-12


def test_a_long_evolution_takes_few_products() -> None:
    chain = Uniformised.of(OU.rates.links, OU.rates.killing)
    state = State(np.eye(256)[150], np.zeros(1))
    run = series.march(chain, state, chain.rate * np.array([10.0]))
    ticks = chain.rate * 10.0
    assert run.products < 15 * np.sqrt(ticks)
    stopped = series.march(chain, state, np.array([1e12]), most=1e4, resting=0.0)
    assert stopped.reached == []
    assert stopped.products < 1e4


def test_both_ways_to_store_a_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    n = 3000
    far = sparse.random_array((n, n), density=2e-3, rng=rng, format="csr")
    near = sparse.diags_array([rng.random(n - abs(k)) for k in (-60, -1, 1, 60)], offsets=[-60, -1, 1, 60])
    for links, diagonals in ((sparse.csr_array(near), True), (sparse.csr_array(far), False)):
        blocks = uniformised.store(links, np.ones(n))
        assert (len(blocks.pointer) == 0) == diagonals
        assert (len(blocks.start) > 1) == diagonals
    state = State(np.eye(n)[700], np.zeros(1))
    killing = np.zeros((n, 1))
    links = sparse.csr_array(near)
    kept = series.march(Uniformised.of(links, killing), state, np.array([200.0]))
    monkeypatch.setattr(uniformised, "FULL", 0.0)
    rows = series.march(Uniformised.of(links, killing), state, np.array([200.0]))
    assert kept.reached[0].distance(rows.reached[0]) < 1e-13


@pytest.mark.parametrize("seed", range(6))
def test_whole_steps_of_a_chain(seed: int) -> None:
    links, killing, start = random_chain(seed, killed=True)
    most = (np.asarray(links.sum(axis=1)).ravel() + killing.sum(axis=1)).max()
    links, killing = sparse.csr_array(links / most), killing / most
    p = np.eye(len(start) + 2) + generator(links, killing)
    steps = np.array([0, 1, 2, 7, 90, 4001])
    run = evolution.iterate(links, killing, start, steps)
    exact = [np.append(start, [0, 0]) @ np.linalg.matrix_power(p, int(n)) for n in steps]
    assert np.abs(joined(run) - exact).sum(axis=1).max() < 1e-8
    assert (np.abs(joined(run) - exact).sum(axis=1) <= 3 * run.errors + 1e-15).all()
    assert run.masses.min() >= 0
    assert np.abs(joined(run).sum(axis=1) - 1).max() < 1e-13
