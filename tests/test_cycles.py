"""Killed chains by multigrid against direct solves."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from fokkerplanck.solvers.cycles import Cycles
from fokkerplanck.solvers.killed import KilledSolver
from fokkerplanck.solvers.linear import SolverError
from tests.test_multigrid import lattice, two_wells


@pytest.mark.parametrize("spin", [0.0, 2.0])
@pytest.mark.parametrize("barrier", [2.0, 10.0])
def test_mean_exit_time(barrier: float, spin: float) -> None:
    """From the left well over the barrier, relative to itself everywhere, tails included."""
    u = two_wells(64, barrier)
    left = np.flatnonzero(np.arange(u.size) < u.size // 2)
    links = lattice(u.shape, u, spin)
    killing = np.asarray(links.sum(axis=1)).ravel()[left]
    links = links[left, :][:, left].tocsr()
    killing = killing - np.asarray(links.sum(axis=1)).ravel()
    killing[killing < 1e-12] = 0.0
    exact = KilledSolver(links, killing).backward(np.ones(left.size))
    found = Cycles(links, killing).backward(np.ones(left.size))
    assert np.abs(found / exact - 1).max() < 1e-7
    # The time grows by the barrier: a solver blind to the slow mode would not see it.
    assert exact.max() > np.exp(barrier)


def test_three_dimensions() -> None:
    x, y, z = np.meshgrid(*(np.linspace(-2, 2, 16),) * 3, indexing="ij")
    u = (x**2 + y**2 + z**2 + x * y) / 2
    links = lattice(u.shape, u)
    killing = np.where(x.ravel() > 1.8, 1.0, 0.0)
    exact = KilledSolver(links, killing).backward(np.ones(u.size))
    assert np.abs(Cycles(links, killing).backward(np.ones(u.size)) / exact - 1).max() < 1e-7


def test_refusals() -> None:
    with pytest.raises(SolverError, match="cut off"):
        Cycles(sparse.csr_array((4, 4)), np.array([1.0, 1.0, 0.0, 1.0]))
