"""Direct solution of Markov chains on grids: each component accurate, whatever the barriers."""

from __future__ import annotations

from itertools import product

import mpmath
import numba
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import sparse

from fokkerplanck.solvers import dissection, elimination
from fokkerplanck.solvers.elimination import Elimination, stationary
from fokkerplanck.solvers.linear import SolverError, factor, matrix

Array = NDArray[np.float64]
Index = NDArray[np.int64]


def cells(*shape: int) -> Index:
    return np.indices(shape).reshape(len(shape), -1).T.copy()


def chain(
    shape: tuple[int, ...], rng: np.random.Generator, reach: int = 1, decades: float = 0.0, wrap: bool = False
) -> sparse.csr_array:
    """Random rates over so many decades, both ways, along random offsets and all axes."""
    position, d = cells(*shape), len(shape)
    n = len(position)
    offsets = np.array([o for o in product(range(-reach, reach + 1), repeat=d) if any(o)])
    offsets = offsets[(np.abs(offsets).sum(axis=1) == 1) | (rng.random(len(offsets)) < 0.3)]
    i = np.repeat(np.arange(n), len(offsets))
    goal = (position[:, None] + offsets).reshape(-1, d)
    inside = ((goal >= 0) & (goal < shape)).all(axis=1) | wrap
    j = np.ravel_multi_index(tuple(goal[inside].T), shape, mode="wrap")
    rate = 10.0 ** rng.uniform(-decades / 2, decades / 2, j.size) * rng.uniform(0.5, 2.0, j.size)
    links = sparse.csr_array((rate, (i[inside], j)), shape=(n, n))
    links.setdiag(0.0)
    links.eliminate_zeros()
    return links


def exact(links: sparse.csr_array, killing: Array, f: Array, transposed: bool) -> Array:
    with mpmath.workdps(400):
        w = mpmath.matrix(links.toarray().tolist())
        n = w.rows
        a = -w
        for i in range(n):
            a[i, i] = mpmath.fsum([w[i, j] for j in range(n)]) + mpmath.mpf(float(killing[i]))
        x = mpmath.lu_solve(a.T if transposed else a, mpmath.matrix(f.tolist()))
        return np.array([float(v) for v in x])


def relative(x: Array, y: Array) -> float:
    return float(np.abs(x / y - 1).max())


def birth_and_death(barrier: float, n: int = 161) -> tuple[Array, Array]:
    """Rates up and down of a chain in a double well, its left well the deeper."""
    x = np.linspace(-1.5, 1.5, n)
    u = barrier * ((x**2 - 1) ** 2 + 0.1 * x)
    up, down = np.exp((u[:-1] - u[1:]) / 2), np.exp((u[1:] - u[:-1]) / 2)
    return up, down


def line(up: Array, down: Array) -> sparse.csr_array:
    return sparse.csr_array(sparse.diags_array([up, down], offsets=[1, -1]))


def mean_exit_time(up: Array, down: Array, out: float) -> Array:
    """Of a birth-and-death chain killed in its last cell at the rate `out`: a sum of positive terms."""
    with mpmath.workdps(60):
        rates = [mpmath.mpf(float(r)) for r in np.append(up, out)]
        # The mean time from cell i to the next one above, by first steps.
        passage = [1 / rates[0]]
        for r, back in zip(rates[1:], down, strict=True):
            passage.append((1 + mpmath.mpf(float(back)) * passage[-1]) / r)
        times = np.cumsum(np.array(passage[::-1]))[::-1]
        return np.array([float(t) for t in times])


SHAPES = [((30,), False), ((6, 6), False), ((7, 5), True), ((3, 3, 4), False)]


@pytest.mark.parametrize(("shape", "wrap"), SHAPES)
@pytest.mark.parametrize("decades", [0.0, 40.0])
def test_every_component_is_accurate(
    shape: tuple[int, ...], wrap: bool, decades: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dissection, "LEAF", 3)
    rng = np.random.default_rng(len(shape))
    links, n = chain(shape, rng, decades=decades, wrap=wrap), int(np.prod(shape))
    killing = np.where(rng.random(n) < 0.2, 10.0 ** rng.uniform(-decades, 0, n), 0.0)
    f = rng.random(n)
    solver = Elimination(links, killing, cells(*shape))
    assert relative(solver.backward(f), exact(links, killing, f, False)) < 1e-12
    assert relative(solver.forward(f), exact(links, killing, f, True)) < 1e-12


@pytest.mark.parametrize(("shape", "wrap"), SHAPES)
def test_every_mass_is_accurate(shape: tuple[int, ...], wrap: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dissection, "LEAF", 3)
    links, n = chain(shape, np.random.default_rng(9), decades=40.0, wrap=wrap), int(np.prod(shape))
    got = stationary(links, cells(*shape))
    # The law is the one of the chain that is killed, at any rate, in cell 0 and starts there again.
    first = np.eye(n)[0]
    want = exact(links, first, first, True)
    assert relative(got, want / want.sum()) < 1e-12
    assert got.sum() == pytest.approx(1.0, abs=1e-14)


@pytest.mark.parametrize("barrier", [25.0, 40.0, 100.0])
def test_mean_exit_time_over_a_barrier(barrier: float) -> None:
    up, down = birth_and_death(barrier)
    killing = np.zeros(len(up) + 1)
    killing[-1] = 2.0
    want = mean_exit_time(up, down, 2.0)
    got = Elimination(line(up, down), killing, cells(len(killing))).backward(np.ones(len(killing)))
    assert want[0] > np.exp(barrier)
    assert relative(got, want) < 1e-12


def test_the_usual_factorisation_loses_these_digits() -> None:
    up, down = birth_and_death(40.0)
    killing = np.zeros(len(up) + 1)
    killing[-1] = 2.0
    want = mean_exit_time(up, down, 2.0)
    usual = factor(matrix(line(up, down), killing)).solve(np.ones(len(killing)))
    assert relative(usual, want) > 1e-2


@pytest.mark.parametrize("barrier", [10.0, 60.0])
def test_product_chain(barrier: float) -> None:
    """Two independent chains: the law is a product, and an exit in one does not see the other."""
    up, down = birth_and_death(barrier, 61)
    one = line(up, down)
    across = np.random.default_rng(1).uniform(0.1, 10.0, (2, 29))
    other = line(*across)
    links = sparse.csr_array(sparse.kron(one, np.eye(30)) + sparse.kron(np.eye(61), other))
    position = cells(61, 30)
    p = np.exp(np.concatenate(([0.0], np.cumsum(np.log(up / down)))))
    q = np.concatenate(([1.0], np.cumprod(across[0] / across[1])))
    masses = np.outer(p / p.sum(), q / q.sum()).ravel()
    assert relative(stationary(links, position), masses) < 1e-11

    killing = np.where(position[:, 0] == 60, 2.0, 0.0)
    got = Elimination(links, killing, position).backward(np.ones(len(position)))
    assert relative(got, np.repeat(mean_exit_time(up, down, 2.0), 30)) < 1e-11


@pytest.mark.parametrize(
    ("shape", "reach", "wrap"),
    [
        ((300,), 4, True),
        ((40, 33), 1, False),
        ((40, 33), 3, False),
        ((40, 33), 2, True),
        ((9, 10, 11), 1, True),
        ((9, 10, 11), 2, False),
    ],
)
def test_agrees_with_superlu(shape: tuple[int, ...], reach: int, wrap: bool) -> None:
    rng = np.random.default_rng(reach)
    links, n = chain(shape, rng, reach, wrap=wrap), int(np.prod(shape))
    killing = rng.uniform(0.0, 0.1, n)
    f = rng.standard_normal((n, 3))
    solver, lu = Elimination(links, killing, cells(*shape)), factor(matrix(links, killing))
    np.testing.assert_allclose(solver.backward(f), lu.solve(f), rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(solver.forward(f), lu.solve(f, "T"), rtol=1e-9, atol=1e-11)


def test_cells_need_not_fill_a_box() -> None:
    position = cells(40, 40)
    inside = np.hypot(*(position - 19.5).T) < 18
    links = chain((40, 40), np.random.default_rng(3), 2)[inside][:, inside]
    killing, f = np.full(inside.sum(), 0.01), np.ones(inside.sum())
    got = Elimination(sparse.csr_array(links), killing, position[inside]).backward(f)
    assert relative(got, np.full(inside.sum(), 100.0)) < 1e-12


def test_forward_is_the_transpose_of_backward() -> None:
    rng = np.random.default_rng(5)
    links = chain((25, 31), rng, 2, decades=6.0, wrap=True)
    solver = Elimination(links, rng.random(775), cells(25, 31))
    f, g = rng.random((2, 775))
    assert f @ solver.backward(g) == pytest.approx(solver.forward(f) @ g, rel=1e-13)


def test_the_same_bits_for_any_number_of_threads() -> None:
    rng = np.random.default_rng(6)
    links, killing, f = chain((50, 50), rng, 2), rng.random(2500), rng.random(2500)
    before = numba.get_num_threads()
    found = []
    for threads in {1, before}:
        numba.set_num_threads(threads)
        found.append(Elimination(links, killing, cells(50, 50)).backward(f))
    numba.set_num_threads(before)
    assert all((x == found[0]).all() for x in found)


def test_numbers_kept() -> None:
    """Of the order of n log n; a torus costs little more, and oblique links no more than straight ones."""

    def fill(offsets: list[tuple[int, int]], wrap: bool = False) -> int:
        n = 96
        links = sparse.csr_array((n * n, n * n))
        for o in offsets:
            goal = cells(n, n) + o
            inside = ((goal >= 0) & (goal < n)).all(axis=1) | wrap
            j = np.ravel_multi_index(tuple(goal.T), (n, n), mode="wrap")[inside]
            links += sparse.csr_array((np.ones(j.size), (np.flatnonzero(inside), j)), shape=links.shape)
        return Elimination(links, np.ones(n * n), cells(n, n)).fill

    straight = fill([(1, 0), (0, 1)])
    assert straight < 5 * 96**2 * np.log2(96**2)
    assert fill([(1, 0), (0, 1)], wrap=True) < 2 * straight
    assert fill([(1, 0), (3, 1), (2, 1)]) < 1.3 * straight


def test_a_law_far_from_the_middle() -> None:
    """Masses fall by far more than the range of numbers; those that can be held are accurate."""
    slope = 7.0
    links = line(np.full(399, np.exp(-slope / 2)), np.full(399, np.exp(slope / 2)))
    got = stationary(links, cells(400))
    want = np.exp(-slope * np.arange(400)) * -np.expm1(-slope)
    held = want > 1e-300
    assert relative(got[held], want[held]) < 1e-12
    assert (got[~held] < 1e-299).all()


def test_transient_cells_carry_no_mass() -> None:
    links = line(np.full(60, 1.0), np.append(np.zeros(40), np.ones(20)))
    got = stationary(links, cells(61))
    np.testing.assert_allclose(got, np.append(np.zeros(40), np.full(21, 1 / 21)), rtol=1e-14)


def test_parts_that_do_not_reach_each_other() -> None:
    rate = np.ones(59)
    rate[29] = 0.0
    with pytest.raises(SolverError, match="parts that do not reach each other"):
        stationary(line(rate, rate), cells(60))
    killing = np.zeros(60)
    killing[0] = 1.0
    with pytest.raises(SolverError, match="cut off from the rest"):
        Elimination(line(rate, rate), killing, cells(60))


def test_too_many_numbers_to_keep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elimination, "LARGEST", 1000)
    with pytest.raises(SolverError, match=r"400 cells takes .* numbers in memory"):
        Elimination(chain((20, 20), np.random.default_rng(0)), np.ones(400), cells(20, 20))
