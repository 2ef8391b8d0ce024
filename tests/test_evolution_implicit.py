"""The implicit scheme: orders, stability, errors, and what it falls back on."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import expm

from fokkerplanck.solvers import implicit
from fokkerplanck.solvers.linear import Factored
from fokkerplanck.solvers.state import State
from tests.chains import generator, random_chain

Array = NDArray[np.float64]


def stages(h: float, seed: int = 3) -> tuple[Array, Array]:
    """Powers of B on a start that is smooth on the scale of h, and its exact evolution."""
    links, killing, start = random_chain(seed)
    links = sparse.csr_array(links / links.sum(axis=1).max())
    q = generator(links, killing)
    start = np.append(start, [0, 0]) @ expm(3.0 * q)
    powers, _, _ = implicit._Stages(links, killing, Factored)(start[:-2], 0, h)
    return powers, (start @ expm(h * q))[:-2]


def test_orders_of_the_implicit_step_and_its_error() -> None:
    lengths = np.array([0.5, 0.25, 0.125])
    found: dict[str, list[float]] = {"end": [], "euler": [], "inside": []}
    for h in lengths:
        powers, exact = stages(h)
        error = implicit.END @ powers - exact
        found["end"].append(np.abs(error).sum())
        assert np.abs(error).sum() == pytest.approx(np.abs(implicit.ERROR @ powers).sum(), rel=0.5)
        powers, exact = stages(h / implicit.GAMMA)
        found["euler"].append(np.abs(powers[1] - stages(h)[1]).sum())
        powers, _ = stages(4 * h)
        _, half = stages(2 * h)
        found["inside"].append(np.abs(implicit._weights(0.5, 0, implicit.POWERS) @ powers - half).sum())
    slope = {k: np.polyfit(np.log(lengths), np.log(v), 1)[0] for k, v in found.items()}
    assert slope["end"] == pytest.approx(6, abs=0.5)  # of one step: one more than the order
    assert slope["euler"] == pytest.approx(2, abs=0.3)
    assert slope["inside"] == pytest.approx(7, abs=0.7)


def test_the_implicit_scheme_is_l_stable() -> None:
    z = np.concatenate([1j * np.logspace(-3, 6, 400), -np.logspace(-3, 12, 400)])
    growth = sum(a / (1 - implicit.GAMMA * z) ** j for j, a in enumerate(implicit.END))
    assert np.abs(growth).max() <= 1 + 1e-12
    assert abs(growth[-1]) < 1e-10


@pytest.mark.parametrize("seed", range(12))
def test_the_error_of_the_implicit_scheme_is_honest_and_not_absurd(seed: int) -> None:
    # One time scale: errors of early steps are not forgotten, as their bounds are not.
    rng = np.random.default_rng(seed)
    n = int(rng.integers(4, 40))
    links = sparse.csr_array((1 - np.eye(n)) * rng.random((n, n)) / n)
    killing, start = 0.1 * rng.random((n, 2)), np.eye(n)[0]
    rtol, time = 10.0 ** -(3 + seed % 6), np.array([1.5])
    run = implicit.march(links, killing, State(start, np.zeros(2)), time, rtol, 0.1, Factored)
    state = np.append(run.reached[0].masses, run.reached[0].absorbed)
    error = np.abs(state - np.append(start, [0, 0]) @ expm(generator(links, killing) * time[0])).sum()
    bound = run.reached[0].error
    assert error <= 3 * bound
    assert bound <= min(rtol, 30 * error)
    assert abs(state.sum() - 1) < 1e-13
    assert state.min() >= 0


def test_backward_euler_steps_in_where_the_scheme_is_negative() -> None:
    # A tolerance beyond sense, so that steps are long enough for it.
    links, killing = sparse.csr_array(np.roll(np.eye(30), 1, axis=1)), np.zeros((30, 1))
    state, time = State(np.eye(30)[0], np.zeros(1)), np.array([11.0])
    exact = expm((links.toarray() - np.eye(30)) * time[0])[0]
    for rtol, falls in ((2.0, True), (1e-5, False)):
        run = implicit.march(links, killing, state, time, rtol, 11.0, Factored)
        assert (run.fallbacks > 0) == falls
        assert run.reached[0].masses.min() >= 0
        assert np.abs(run.reached[0].masses - exact).sum() <= run.reached[0].error <= rtol
