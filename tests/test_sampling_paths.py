"""Paths of an SDE against the exact laws of the discrete scheme; bounds as in `tests.programs`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import sympy

from fokkerplanck._kernels.scalar import pivot_root, quotient
from fokkerplanck.formula import LEARNING_RATE
from fokkerplanck.sampling import PathProgram, run_paths
from fokkerplanck.sampling.emit_factor import cholesky_lines
from tests.programs import FULL, OU, Z, relative_error, x


def ou_variance(stiffness: float, strength: float, dt: float, steps: int) -> float:
    factor = 1 - stiffness * dt
    return 2 * strength * dt * (1 - factor ** (2 * steps)) / (1 - factor**2)


def test_euler_maruyama_of_an_ornstein_uhlenbeck_process() -> None:
    """Exact discrete variance at both steps; 5 % more noise, or the continuous law, would be seen."""
    n, dt, steps, stiffness, strength = 100_000, 0.1, 40, 1.5, 0.7
    run = run_paths(OU, np.zeros((n, 1)), dt, steps, [stiffness, strength], seed=1)
    fine, coarse = (ou_variance(stiffness, strength, dt * m, steps // m) for m in (1, 2))
    assert not run.diverged.any()
    assert abs(relative_error(run.final[:, 0], fine)) < Z
    assert abs(relative_error(run.coarse[:, 0], coarse)) < Z
    wrong = run_paths(OU, np.zeros((n, 1)), dt, steps, [stiffness, 1.05 * strength], seed=1)
    assert abs(relative_error(wrong.final[:, 0], fine)) > Z
    assert abs(relative_error(run.final[:, 0], strength / stiffness)) > Z
    bias = run.final[:, 0] ** 2 - run.coarse[:, 0] ** 2
    assert abs(np.mean(bias) - (fine - coarse)) < Z * np.std(bias) / math.sqrt(n)


def test_both_runs_share_their_noise() -> None:
    """Without drift the two agree to rounding; with it they differ by what the drift did."""
    free = run_paths(OU, np.zeros((100, 1)), [0.1, 0.3] * 10, 20, [0.0, 1.0], seed=2)
    np.testing.assert_allclose(free.final, free.coarse, rtol=0, atol=1e-13)
    bound = run_paths(OU, np.ones((100, 1)), 0.1, 2, [1.0, 0.0], seed=2)
    np.testing.assert_allclose(bound.final, 0.81, rtol=1e-15)
    np.testing.assert_allclose(bound.coarse, 0.80, rtol=1e-15)


def test_full_tensor_noise() -> None:
    """Covariance of one increment, from a point where D = 2 [[1, .6], [.6, .9]]."""
    n, dt = 100_000, 0.05
    run = run_paths(FULL, np.tile([1.0, -2.0], (n, 1)), dt, 2, [0.0, 1.0, 0.6, 0.9], seed=3)
    jump = (run.coarse - [1.0, -2.0]) / math.sqrt(2 * (2 * dt) * 2)
    exact = np.array([[1.0, 0.6], [0.6, 0.9]])
    for i, j in ((0, 0), (0, 1), (1, 1)):
        error = math.sqrt((exact[i, i] * exact[j, j] + exact[i, j] ** 2) / n)
        assert abs(np.mean(jump[:, i] * jump[:, j]) - exact[i, j]) < Z * error
        assert Z * error < 0.05 * exact[i, j]  # 5 % more of any entry would be seen


def test_singular_and_indefinite_tensors() -> None:
    start = np.zeros((50, 2))
    rank_one = run_paths(FULL, start, 0.1, 20, [0.0, 1.0, 2.0, 4.0], seed=4).final
    np.testing.assert_allclose(rank_one[:, 1], 2 * rank_one[:, 0], rtol=1e-12)
    assert np.std(rank_one[:, 0]) > 0.5
    still = run_paths(FULL, start, 0.1, 20, [0.0, 0.0, 0.0, 1.0], seed=4).final
    assert (still[:, 0] == 0).all()
    assert np.std(still[:, 1]) > 0.5
    indefinite = run_paths(FULL, start, 0.1, 20, [0.0, 1.0, 2.0, 1.0], seed=4)
    assert indefinite.diverged.all()


@pytest.mark.parametrize("rank", [2, 5])
def test_cholesky_lines_in_five_dimensions(rank: int) -> None:
    root = np.random.default_rng(5).normal(size=(5, rank))
    matrix = root @ root.T
    entries = {(i, j): repr(float(matrix[i, j])) for i in range(5) for j in range(i + 1)}
    lines, factor = cholesky_lines(entries, 5)
    namespace: dict[str, Any] = {"pivot_root": pivot_root.py_func, "quotient": quotient.py_func, "math": math}
    exec("\n".join(lines), namespace)
    lower = np.zeros((5, 5))
    for place, name in factor.items():
        lower[place] = namespace[name]
    np.testing.assert_allclose(lower @ lower.T, matrix, atol=1e-6 if rank < 5 else 1e-13)


def test_runaway_paths_are_counted_and_nan() -> None:
    run = run_paths(OU, [[1.0], [0.0]], 0.5, 100, [-1.0, 0.0], seed=6)
    assert run.diverged.tolist() == [True, False]
    assert np.isnan(run.final[0, 0])
    assert np.isnan(run.coarse[0, 0])
    assert run.final[1, 0] == 0.0


def test_learning_rate_schedule_of_paths() -> None:
    """dx = -x dt + sqrt(2 eta) dW with eta of each step: the variance is a known sum."""
    program = PathProgram((x,), (-x,), sympy.Matrix([[LEARNING_RATE]]))
    n, dt, rates = 100_000, 0.05, np.linspace(1.0, 0.1, 20)
    variance = 0.0
    for rate in rates:
        variance = (1 - dt) ** 2 * variance + 2 * rate * dt
    run = run_paths(program, np.zeros((n, 1)), dt, 20, [], seed=7, rates=rates)
    assert abs(relative_error(run.final[:, 0], variance)) < Z
    with pytest.raises(ValueError, match="rates"):
        run_paths(program, np.zeros((1, 1)), dt, 20, [], seed=7)
