"""Killed chains by multigrid against elimination, and when which is chosen."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import sparse

from fokkerplanck.solvers import iteration, killed
from fokkerplanck.solvers.elimination import Elimination
from fokkerplanck.solvers.iteration import Iteration
from fokkerplanck.solvers.killed import KilledSolver
from fokkerplanck.solvers.linear import SolverError
from tests.test_elimination import cells
from tests.test_multigrid import lattice, two_wells

Array = NDArray[np.float64]
Chain = tuple[sparse.csr_array, Array, NDArray[np.int64]]


def left_well(n: int, barrier: float, spin: float = 0.0) -> Chain:
    """The left one of two wells, killed at the ridge: links, killing, positions."""
    u = two_wells(n, barrier)
    full = lattice(u.shape, u, spin)
    left = np.flatnonzero(np.arange(u.size) < u.size // 2)
    links = full[left, :][:, left].tocsr()
    out = full[left, :][:, u.size // 2 :]
    return links, np.asarray(out.sum(axis=1)).ravel(), cells(*u.shape)[left]


def three_wells(barrier: float) -> Chain:
    """Three equally deep wells along the first of three axes, killed at the far end of it."""
    x, y, z = np.meshgrid(np.linspace(-2.6, 2.6, 27), *(np.linspace(-1.5, 1.5, 9),) * 2, indexing="ij")
    u = barrier * (0.5 - 0.5 * np.cos(np.pi * x)) + y**2 + z**2
    return lattice(u.shape, u), np.where(x.ravel() > 2.5, 1.0, 0.0), cells(*x.shape)


def relative(x: Array, y: Array) -> float:
    return float(np.abs(x / y - 1).max())


@pytest.mark.parametrize("spin", [0.0, 2.0])
@pytest.mark.parametrize("barrier", [2.0, 10.0, 25.0, 40.0])
def test_mean_exit_time(barrier: float, spin: float) -> None:
    """From the left well over the barrier, relative to itself everywhere, tails included."""
    links, killing, position = left_well(48, barrier, spin)
    ones = np.ones(len(killing))
    exact = Elimination(links, killing, position).backward(ones)
    solver = Iteration(links, killing)
    assert relative(solver.backward(ones), exact) < min(1e-8, max(solver.error, 1e-12))
    # The time grows by the barrier: a solver blind to the slow mode would not see it.
    assert exact.max() > np.exp(barrier)


@pytest.mark.parametrize("barrier", [5.0, 25.0])
def test_chances_are_accurate_relative_to_themselves(barrier: float) -> None:
    """To leave through the upper half of the edge: one rate out of many orders of them."""
    links, killing, position = left_well(48, barrier, 2.0)
    upper = np.where(position[:, 1] > 36, killing, 0.0)
    exact = Elimination(links, killing, position).backward(upper)
    solver = Iteration(links, killing)
    assert relative(solver.backward(upper), exact) < min(1e-6, max(solver.error, 1e-12))
    assert exact.max() > 10 * exact.min()


@pytest.mark.parametrize("barrier", [5.0, 15.0, 25.0])
def test_adjoint_identity(barrier: float) -> None:
    """``p @ f`` where ``A' p = start`` is ``start @ x`` where ``A x = f``; all mass gets out in the end."""
    links, killing, position = left_well(48, barrier, 2.0)
    solver, start, f = Iteration(links, killing), np.zeros(len(killing)), np.ones(len(killing))
    start[len(killing) // 3] = 1.0
    p = solver.forward(start)
    assert p @ f == pytest.approx(start @ solver.backward(f), rel=1e-8)
    assert p @ killing == pytest.approx(1.0, rel=1e-8)
    exact = Elimination(links, killing, position).forward(start)
    assert np.abs(p - exact).sum() < 1e-7 * exact.sum()
    # Where it gets out, cell by cell, though the mass there is e^-barrier of that in the well.
    assert np.abs((p - exact) * killing).sum() < 1e-7


@pytest.mark.parametrize(("barrier", "wells"), [(12.0, 0), (25.0, 2)])
def test_several_wells_are_held(barrier: float, wells: int) -> None:
    """Where the times are so long that it pays; right in both cases."""
    links, killing, position = three_wells(barrier)
    ones = np.ones(len(killing))
    exact = Elimination(links, killing, position).backward(ones)
    solver = Iteration(links, killing)
    assert relative(solver.backward(ones), exact) < 1e-8
    assert len(solver._held) >= wells
    start = np.eye(1, len(killing), 100)[0]
    assert solver.forward(start).sum() == pytest.approx(exact[100], rel=1e-8)


def test_values_of_both_signs() -> None:
    links, killing, position = left_well(48, 8.0)
    f = np.random.default_rng(0).standard_normal(len(killing))
    exact, solver = Elimination(links, killing, position), Iteration(links, killing)
    for side in ("backward", "forward"):
        want = getattr(exact, side)(f)
        assert np.abs(getattr(solver, side)(f) - want).max() < 1e-7 * np.abs(want).max()


def test_three_dimensions() -> None:
    x, y, z = np.meshgrid(*(np.linspace(-2, 2, 16),) * 3, indexing="ij")
    u = (x**2 + y**2 + z**2 + x * y) / 2
    links = lattice(u.shape, u)
    killing = np.where(x.ravel() > 1.8, 1.0, 0.0)
    exact = Elimination(links, killing, cells(*u.shape)).backward(np.ones(u.size))
    assert relative(Iteration(links, killing).backward(np.ones(u.size)), exact) < 1e-9


def test_cells_cut_off_are_refused() -> None:
    with pytest.raises(SolverError, match="cut off"):
        Iteration(sparse.csr_array((4, 4)), np.array([1.0, 1.0, 0.0, 1.0]))


# -- the choice ----------------------------------------------------------------------------------------


def test_few_cells_are_eliminated() -> None:
    links, killing, position = left_well(48, 25.0)
    solver = KilledSolver(links, killing, position=position)
    assert solver.exact
    solver.backward(np.ones(len(killing)))
    assert solver.error == 0.0


def test_many_cells_are_eliminated_once_many_solutions_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(killed, "AT_ONCE", 0)
    monkeypatch.setattr(killed, "CYCLE", 5)
    links, killing, position = three_wells(5.0)
    solver, ones = KilledSolver(links, killing, position=position), np.ones(len(killing))
    assert not solver.exact
    found = solver.backward(ones)
    assert 0.0 < solver.error < 1e-8
    for _ in range(100):
        solver.backward(killing)
        if solver.exact:
            break
    assert solver.exact
    assert relative(solver.backward(ones), found) < 1e-8


def test_where_multigrid_fails_cells_are_eliminated_or_a_sentence_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    links, killing, position = left_well(48, 10.0)
    ones = np.ones(len(killing))
    exact = Elimination(links, killing, position).backward(ones)
    monkeypatch.setattr(killed, "AT_ONCE", 0)
    monkeypatch.setattr(killed, "CYCLE", 0)
    monkeypatch.setattr(iteration, "ACCEPTED", 0.0)
    solver = KilledSolver(links, killing, position=position)
    assert relative(solver.backward(ones), exact) < 1e-12
    assert solver.exact
    monkeypatch.setattr(killed, "LARGEST", 0)
    with pytest.raises(SolverError, match=r"rounding hides them; take fewer cells"):
        KilledSolver(links, killing, position=position).backward(ones)
