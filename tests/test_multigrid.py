"""The multigrid solver of stationary laws against elimination and exact laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import sparse

import fokkerplanck as fp
from fokkerplanck.solvers import multigrid
from fokkerplanck.solvers.linear import SolverError
from fokkerplanck.solvers.metastable import slowest_exchange

Array = NDArray[np.float64]


def lattice(shape: tuple[int, ...], energy: Array, spin: float = 0.0, share: float = 1.0) -> sparse.csr_array:
    """Chain on a lattice with detailed balance to ``exp(-energy)``, and along one diagonal of every square a
    circulation that leaves this law as it is; `share` makes the last axis slow."""
    n = energy.size
    index = np.arange(n).reshape(shape)
    u = energy.ravel()
    rows, columns, rates = [], [], []
    for k in range(len(shape)):
        low = np.moveaxis(index, k, 0)[:-1].ravel()
        high = np.moveaxis(index, k, 0)[1:].ravel()
        weight = share if k == len(shape) - 1 else 1.0
        for a, b in ((low, high), (high, low)):
            rows.append(a), columns.append(b), rates.append(weight * np.exp(-np.maximum(u[b] - u[a], 0.0)))
    if spin:
        corners = [index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]]
        flow = np.exp(-np.max([u[c] for c in corners], axis=0)).ravel()
        for a, b in zip(corners, corners[1:] + corners[:1], strict=True):
            (
                rows.append(a.ravel()),
                columns.append(b.ravel()),
                rates.append(spin * flow / np.exp(-u[a.ravel()])),
            )
    entries = (np.concatenate(rates), (np.concatenate(rows), np.concatenate(columns)))
    return sparse.coo_array(entries, shape=(n, n)).tocsr()


def law(energy: Array) -> Array:
    p = np.exp(energy.min() - energy.ravel())
    return np.asarray(p / p.sum())


def two_wells(n: int, barrier: float, tilt: float = 0.0) -> Array:
    x, y = np.meshgrid(np.linspace(-1.6, 1.6, n), np.linspace(-1, 1, n), indexing="ij")
    return np.asarray(barrier * ((x**2 - 1) ** 2 + tilt * x + 2 * y**2))


@pytest.mark.parametrize(("barrier", "honest"), [(3.0, 3), (15.0, 3), (22.0, 30)])
@pytest.mark.parametrize("spin", [0.0, 3.0])
def test_wells_are_weighed_across_high_barriers(barrier: float, honest: float, spin: float) -> None:
    """The guess holds the wrong weights of the wells; across the barrier there is next to no flow."""
    u = two_wells(96, barrier, tilt=0.5 / barrier)
    guess = law(u) * np.where(np.arange(u.size) < u.size // 2, 3.0, 1.0)
    found = multigrid.stationary(lattice(u.shape, u, spin), guess)
    # At the highest, a few cycles are too few to see how slow they are.
    assert np.abs(found.masses - law(u)).sum() < honest * found.error
    assert found.error < 3e-7
    # Tails are right too, relative to themselves.
    there = law(u) > 1e-100
    assert np.abs(np.log(found.masses[there] / law(u)[there])).max() < 1e-3


@pytest.mark.parametrize("barrier", [5.0, 25.0, 60.0, 200.0])
def test_slowest_exchange(barrier: float) -> None:
    """The rate over the saddle, against an eigenvalue where that can be had, else against Arrhenius."""
    u = two_wells(20, barrier)
    links = lattice(u.shape, u)
    rate = slowest_exchange(links, law(u))
    fastest = np.asarray(links.sum(axis=1)).max()
    if barrier < 10:
        full = links.toarray()
        eigenvalue = np.sort(np.linalg.eigvals(full - np.diag(full.sum(axis=1))).real)[-2]
        assert 0.1 < rate * fastest / -eigenvalue < 10
    assert -np.log(rate) == pytest.approx(barrier, abs=7)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10_000),
    depth=st.floats(0, 12),
    spin=st.floats(0, 5),
    share=st.floats(-4, 0),
    wrong=st.floats(0, 1),
)
def test_rough_landscapes(seed: int, depth: float, spin: float, share: float, wrong: float) -> None:
    """Random smooth energies, strong anisotropy and circulation, random errors of the guess."""
    rng = np.random.default_rng(seed)
    x, y = np.meshgrid(np.linspace(0, 3, 60), np.linspace(0, 2, 40), indexing="ij")
    u = depth * sum(
        rng.normal() * np.cos(a * x + b * y + rng.uniform(0, 6)) for a in range(3) for b in range(3)
    )
    links = lattice(u.shape, u, spin, 10.0**share)
    found = multigrid.stationary(links, law(u) * np.exp(wrong * rng.normal(size=u.size)))
    assert np.abs(found.masses - law(u)).sum() < 3 * max(found.error, 1e-14)
    assert found.error < 3e-7
    assert found.masses.min() > 0


def test_three_dimensions_in_about_as_many_cycles() -> None:
    x, y, z = np.meshgrid(*(np.linspace(-3, 3, 20),) * 3, indexing="ij")
    u = x**2 / 2 + y**2 + x * y * 0.3 + z**2 / 4
    found = multigrid.stationary(lattice(u.shape, u), np.ones(u.size))
    assert np.abs(found.masses - law(u)).sum() < 1e-6
    assert found.cycles < 40


def test_cycles_do_not_grow_with_the_grid() -> None:
    """From a guess off by a smooth factor of 2; without the levels there would be 16 times as many."""
    cycles = []
    for n in (32, 128):
        u = two_wells(n, 4.0)
        x = np.linspace(0, 3, n)
        guess = law(u) * np.exp(0.7 * np.sin(x[:, None] + 2 * x)).ravel()
        cycles.append(multigrid.stationary(lattice(u.shape, u), guess).cycles)
    assert cycles[1] < 1.8 * cycles[0]


def test_the_same_bits_every_time() -> None:
    u = two_wells(64, 5.0)
    runs = [multigrid.stationary(lattice(u.shape, u, 1.0), np.ones(u.size)).masses for _ in range(2)]
    assert (runs[0] == runs[1]).all()


def test_refusals() -> None:
    block = lattice((12, 12), np.zeros((12, 12)))
    apart = sparse.block_diag([block, block], format="csr")
    with pytest.raises(SolverError, match="not unique"):
        multigrid.stationary(sparse.csr_array(apart), np.ones(288))


def test_the_factors_of_a_library_find_the_same_law() -> None:
    """SuperLU shares nothing with cycles or elimination; a full tensor with a current."""
    sde = fp.SDE(
        variables=("x", "y"),
        drift=["-x*(x*x - 1) - 0.5*y", "-y + 0.2*x"],
        diffusion=[["0.1 + 0.05*x**2", ".03"], [".03", ".12"]],
    )
    gen = sde.generator(fp.Grid(x=(-2.2, 2.2, 80), y=(-2, 2, 80)))
    by = {solver: gen.stationary(solver) for solver in ("multigrid", "direct", "superlu")}
    assert {p.info.solver for p in by.values()} == set(by)
    assert by["superlu"].masses == pytest.approx(by["direct"].masses, abs=1e-13)
    assert np.abs(by["superlu"].masses - by["multigrid"].masses).sum() < 1e-6
