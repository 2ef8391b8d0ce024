"""Ensembles against exact laws of the discrete schemes, and bits against bits.

Statistical bounds are ``Z`` = 4.4 standard errors, a false-alarm rate of 1e-5 each with fixed seeds;
particles are the independent replicas. Sizes are such that 5 % more noise is seen, and a test shows it.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest
import sympy
from numpy.typing import NDArray

from fokkerplanck._kernels.scalar import pivot_root, quotient
from fokkerplanck.formula import LEARNING_RATE
from fokkerplanck.sampling import (
    ChainProgram,
    Draw,
    PathProgram,
    _run,
    first_passage_chain,
    first_passage_paths,
    run_chain,
    run_paths,
)
from fokkerplanck.sampling.emit_path import cholesky_lines, path_kernel

Array = NDArray[np.float64]
Z = 4.4
x, y, u, v = sympy.symbols("x y u v", real=True)
k, D, p, q, r, h = sympy.symbols("k D p q r h", real=True)
e, s, xi = sympy.symbols("e s xi", real=True)

OU = PathProgram((x,), (-k * x,), sympy.Matrix([[D]]), (k, D), level=1 - x)
FULL = PathProgram(
    (x, y),
    (-k * x, -k * y),
    sympy.Matrix([[p, q], [q, r]]) * (1 + x**2),
    (k, p, q, r),
    level=sympy.Min(3 - x, 3 - sympy.Abs(y)),
)
QUADRATIC = ChainProgram(
    (x,),
    (h * (1 + e) * x - s,),
    (Draw((e,), "normal", (0, q)), Draw((s,), "normal", (0, p))),
    affine=True,
    parameters=(h, p, q),
)


def relative_error(sample: Array, variance: float) -> float:
    """Distance of a second moment from a known variance, in standard errors (normal law)."""
    return float((np.mean(sample**2) / variance - 1) / math.sqrt(2 / len(sample)))


@pytest.fixture
def threads() -> Iterator[None]:
    before = numba.get_num_threads()
    yield
    numba.set_num_threads(before)


# Paths


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


@pytest.mark.usefixtures("threads")
def test_paths_are_the_same_bits_for_threads_and_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    start = np.random.default_rng(8).normal(size=(37, 2))
    values, steps, dt = [0.5, 1.0, 0.6, 0.9], 90, np.linspace(0.001, 0.002, 90)
    numba.set_num_threads(1)
    whole = run_paths(FULL, start, dt, steps, values, seed=9)
    leave = first_passage_paths(FULL, start, 0.002, 500, values, seed=9)
    assert 0 < leave.exited.mean() < 1 or leave.exited.all()
    numba.set_num_threads(min(2, numba.config.NUMBA_NUM_THREADS))
    monkeypatch.setattr(_run, "_TARGET", 0.0)  # chunks as small as they get
    pieces = run_paths(FULL, start, dt, steps, values, seed=9)
    again = first_passage_paths(FULL, start, 0.002, 500, values, seed=9)
    half = run_paths(FULL, start[20:], dt[:40], 40, values, seed=9, first_particle=20)
    rest = run_paths(
        FULL, half.final, dt[40:], 50, values, 9, first_step=40, first_particle=20, coarse0=half.coarse
    )
    assert np.array_equal(whole.final, pieces.final)
    assert np.array_equal(whole.coarse, pieces.coarse)
    assert np.array_equal(whole.final[20:], rest.final)
    assert np.array_equal(whole.coarse[20:], rest.coarse)
    assert np.array_equal(leave.times, again.times)
    assert np.array_equal(leave.exited, again.exited)
    assert not np.array_equal(whole.final, run_paths(FULL, start, dt, steps, values, seed=10).final)


def test_first_passage_of_an_ornstein_uhlenbeck_process() -> None:
    """Mean time 0 -> 1: 3.3 standard errors (1e-3) plus the step bias, bounded by a run at twice the step."""
    exact, n, dt = 2.0934066496783, 60_000, 0.02
    start = np.zeros((n, 1))
    fine = first_passage_paths(OU, start, dt, 2000, [1.0, 1.0], seed=11)
    coarse = first_passage_paths(OU, start, dt, 2000, [1.0, 1.0], seed=11, merge=2)
    assert fine.exited.all()
    bias = abs(np.mean(fine.times) - np.mean(coarse.times))
    error = np.std(fine.times) / math.sqrt(n)
    assert bias < 0.02 * exact  # without the crossings between steps it is 4 %
    assert abs(np.mean(fine.times) - exact) < 3.3 * error + bias
    wrong = first_passage_paths(OU, start, dt, 2000, [1.0, 1.05], seed=11)
    assert abs(np.mean(wrong.times) - exact) > 3.3 * error + bias


def test_passages_that_do_not_come() -> None:
    run = first_passage_paths(OU, [[0.0], [2.0], [-1.0]], 0.25, 8, [1.0, 0.0], seed=12)
    assert run.exited.tolist() == [False, True, False]
    assert run.times.tolist() == [2.0, 0.0, 2.0]
    away = first_passage_paths(OU, [[-1.0]], 1.0, 100, [-1.0, 0.0], seed=12)
    assert away.diverged.all()
    assert not away.exited.any()
    assert away.times[0] == 27.0  # 2**27 > 1e8


# Chains


def test_constant_noise_on_a_quadratic() -> None:
    """Stationary variance eta Sigma / (h (2 - eta h)), Sigma = sigma^2/B, kept from a start in that law."""
    n, lr, curvature, sigma, batch = 100_000, 0.3, 2.0, 1.5, 5
    variance = lr * sigma**2 / batch / (curvature * (2 - lr * curvature))
    start = np.random.default_rng(13).normal(0, math.sqrt(variance), (n, 1))

    def deviation(spread: float) -> float:
        run = run_chain(QUADRATIC, start, lr, batch, 30, [curvature, spread, 0.0], seed=14)
        return relative_error(run.final[:, 0], variance)

    assert abs(deviation(sigma)) < Z
    assert abs(deviation(sigma * math.sqrt(1.05))) > Z
    assert abs(deviation(sigma * math.sqrt(batch))) > Z  # a missing B


def test_curvature_noise_on_a_quadratic() -> None:
    """E x^2 is multiplied by (1 - eta h)^2 + eta^2 h^2 s^2/B each step; here for 4 steps."""
    n, lr, curvature, spread, batch = 200_000, 0.4, 1.0, 0.8, 4
    factor = (1 - lr * curvature) ** 2 + (lr * curvature * spread) ** 2 / batch
    final = run_chain(QUADRATIC, np.ones((n, 1)), lr, batch, 4, [curvature, 0.0, spread], seed=15).final[:, 0]
    error = np.std(final**2) / math.sqrt(n)
    assert abs(np.mean(final**2) - factor**4) < Z * error
    assert abs(np.mean(final**2) - ((1 - lr) ** 2 + 1.2 * (factor - (1 - lr) ** 2)) ** 4) > Z * error


@pytest.mark.parametrize("affine", [True, False])
def test_batch_means_of_every_law(affine: bool) -> None:
    """With gradient x - sample and lr = 1 the chain is the batch mean, by the shortcut and the long way."""
    n = 100_000
    a, b, c = sympy.symbols("a b c", real=True)
    mean, low = sympy.symbols("mean low", real=True)
    draws = (
        Draw((a,), "normal", (mean, sympy.Rational(3, 2))),
        Draw((b,), "rademacher"),
        Draw((c,), "uniform", (low, 2)),
    )
    program = ChainProgram((x, y, u), (x - a, y - b, u - c), draws, affine, (mean, low))
    for batch in (1, 7):
        final = run_chain(program, np.zeros((n, 3)), 1.0, batch, 1, [0.3, -1.0], seed=16).final
        variances = np.array([2.25, 1.0, 0.75]) / batch
        centred: Array = final - np.array([0.3, 0.0, 0.5])
        assert (abs(centred.mean(axis=0)) < Z * np.sqrt(variances / n)).all()
        assert (abs(np.var(centred, axis=0) / variances - 1) < Z * math.sqrt(2 / n)).all()
        assert (abs(np.asarray(np.corrcoef(centred.T))[np.triu_indices(3, 1)]) < Z / math.sqrt(n)).all()
        ups = (final[:, 1] * batch + batch) / 2
        np.testing.assert_allclose(ups, np.rint(ups), atol=1e-12)


DATA = ChainProgram((x, y), (x - u, y - v), (Draw((u, v), "data"),), True)
ROWS = np.random.default_rng(17).normal(size=(12, 2)) @ np.array([[1.0, 0.5], [0.0, 2.0]])


@pytest.mark.parametrize("sampling", ["iid", "without-replacement"])
def test_covariance_of_batches_from_data(sampling: str) -> None:
    """C/B with replacement, C/B (N-B)/(N-1) without: a factor 0.636 here, which the bound tells apart."""
    n, batch = 100_000, 5
    program = replace(DATA, sampling=sampling)  # type: ignore[arg-type]
    final = run_chain(program, np.zeros((n, 2)), 1.0, batch, 1, [], 18, data=ROWS).final
    factor = 1.0 if sampling == "iid" else (12 - batch) / 11
    exact = np.cov(ROWS.T, bias=True) / batch * factor
    measured = np.cov(final.T)
    scale = np.sqrt(np.outer(np.diag(exact), np.diag(exact)))
    assert (abs(measured - exact) / scale < Z * math.sqrt(2 / n)).all()
    if sampling == "without-replacement":
        every = replace(program, affine=False)
        long_way = run_chain(every, np.zeros((9, 2)), 1.0, batch, 1, [], 18, data=ROWS)
        np.testing.assert_allclose(long_way.final, final[:9], atol=1e-14)
        whole = run_chain(program, np.zeros((3, 2)), 1.0, 12, 1, [], 18, data=ROWS).final
        np.testing.assert_allclose(whole, np.tile(ROWS.mean(axis=0), (3, 1)), atol=1e-15)


def test_epochs_use_every_row_once() -> None:
    """The steps of an epoch add up to the data set; a rest shorter than a batch is dropped; orders differ."""
    program = ChainProgram((x, y), (-u, -v), (Draw((u, v), "data"),), True, sampling="epoch")
    start = np.zeros((20, 2))
    for epochs in (1, 3):
        total = 4 * run_chain(program, start, 1.0, 4, 3 * epochs, [], 19, data=ROWS).final
        np.testing.assert_allclose(total, np.tile(epochs * ROWS.sum(axis=0), (20, 1)), atol=1e-12)
    middle = run_chain(program, start, 1.0, 4, 1, [], 19, first_step=1, data=ROWS).final
    first = run_chain(program, start, 1.0, 4, 1, [], 19, data=ROWS).final
    two = run_chain(program, start, 1.0, 4, 2, [], 19, data=ROWS).final
    np.testing.assert_allclose(first + middle, two, atol=1e-14)
    assert len(np.unique(first[:, 0])) > 10
    dropped = 5 * run_chain(program, start, 1.0, 5, 2, [], 19, data=ROWS).final
    assert (abs(dropped - ROWS.sum(axis=0)) > 1e-9).all()


def test_label_noise_multiplies_the_balance_exactly() -> None:
    """On (uv - y - e)^2/2 a step multiplies u^2 - v^2 by 1 - eta^2 r^2, path by path."""
    residual = u * v - 1 - xi
    program = ChainProgram((u, v), (residual * v, residual * u), (Draw((xi,), "rademacher"),), True)
    points, lr = np.random.default_rng(20).normal(1.0, 0.3, (50, 2)), 0.1
    seen = set()
    for step in range(40):
        (a, b), new = points.T, run_chain(program, points, lr, 3, 1, [], 21, first_step=step).final
        r_ = (a - new[:, 0]) / (lr * b)
        seen |= set(np.rint(3 * (a * b - 1 - r_)).astype(int))
        identity = new[:, 0] ** 2 - new[:, 1] ** 2 - (a**2 - b**2) * (1 - lr**2 * r_**2)
        assert abs(identity).max() < 1e-12
        points = new
    assert seen == {-3, -1, 1, 3}
    whole = run_chain(program, np.random.default_rng(20).normal(1.0, 0.3, (50, 2)), lr, 3, 40, [], 21).final
    assert np.array_equal(whole, points)  # one step at a time is the same run


def test_first_passage_of_a_walk() -> None:
    """A symmetric walk leaves |x| < 5 after 25 steps in the mean, with variance 2 (5^4 - 5^2)/3 = 400."""
    program = ChainProgram((x,), (xi,), (Draw((xi,), "rademacher"),), True, level=5 - sympy.Abs(x))
    start = np.zeros((50_000, 1))
    run = first_passage_chain(program, start, 1.0, 1, 1000, [], seed=22)
    assert run.exited.all()
    assert (run.times % 2 == 1).all()
    assert abs(np.mean(run.times) - 25) < Z * 20 / math.sqrt(len(start))
    assert abs(np.mean(run.times) - 1.05 * 25) > Z * 20 / math.sqrt(len(start))
    short = first_passage_chain(program, start[:100], 1.0, 1, 4, [], seed=22)
    assert not short.exited.any()
    assert (short.times == 4).all()


@pytest.mark.usefixtures("threads")
def test_chains_are_the_same_bits_for_threads_and_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    program, start = replace(DATA, sampling="without-replacement"), np.ones((11, 2))
    numba.set_num_threads(1)
    lr = np.linspace(0.1, 0.3, 60)
    whole = run_chain(program, start, lr, 5, 60, [], seed=23, data=ROWS).final
    numba.set_num_threads(min(2, numba.config.NUMBA_NUM_THREADS))
    monkeypatch.setattr(_run, "_TARGET", 0.0)
    assert np.array_equal(whole, run_chain(program, start, lr, 5, 60, [], seed=23, data=ROWS).final)
    part = run_chain(program, start[:4], lr[:7], 5, 7, [], 23, first_particle=7, data=ROWS).final
    rest = run_chain(program, part, lr[7:], 5, 53, [], 23, first_step=7, first_particle=7, data=ROWS).final
    assert np.array_equal(whole[7:], rest)


def test_runaway_chains_are_counted_and_nan() -> None:
    run = run_chain(QUADRATIC, [[1.0], [0.0]], 1.0, 1, 60, [-1.0, 0.0, 0.0], seed=24)
    assert run.diverged.tolist() == [True, False]
    assert np.isnan(run.final[0, 0])
    assert run.final[1, 0] == 0.0


# Programs and runs


def test_progress_is_told_and_may_stop_the_run() -> None:
    seen: list[float] = []
    run_chain(QUADRATIC, np.zeros((2, 1)), 0.1, 1, 1000, [1.0, 1.0, 0.0], 25, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    assert len(seen) > 1

    def interrupt(fraction: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_chain(QUADRATIC, np.zeros((2, 1)), 0.1, 1, 1000, [1.0, 1.0, 0.0], 25, progress=interrupt)


def test_other_parameters_are_not_another_program() -> None:
    kernel = path_kernel(OU)
    for strength in (1.0, 2.0):
        run_paths(OU, np.zeros((2, 1)), 0.1, 2, [1.0, strength], seed=26)
    assert path_kernel(PathProgram(OU.state, OU.drift, OU.diffusion, OU.parameters, OU.level)) is kernel
    assert len(kernel.run.signatures) == 1


SCRIPT = """
import sympy
from fokkerplanck.sampling import Draw, ChainProgram, run_chain
from fokkerplanck.sampling.emit_chain import chain_kernel
x, y, a, b, k = sympy.symbols("x y a b k", real=True)
loss = sympy.exp(k * sympy.cos(x)) * y**2 + a * x + b * y
program = ChainProgram((x, y), (loss.diff(x), loss.diff(y)), (Draw((a, b), "normal", (0, k)),), True, (k,))
print(run_chain(program, [[0.1, 0.2]], 0.01, 2, 10, [1.0], seed=0).final.tolist())
stats = chain_kernel(program).run.stats
print(sum(stats.cache_hits.values()), sum(stats.cache_misses.values()))
"""


def test_a_second_process_compiles_nothing(tmp_path: Path) -> None:
    outputs = []
    for hash_seed in ("1", "2"):  # no order of a set may reach the source
        environment = os.environ | {"FOKKERPLANCK_CACHE": str(tmp_path), "PYTHONHASHSEED": hash_seed}
        command = [sys.executable, "-W", "error", "-c", SCRIPT]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        outputs.append(done.stdout.split("\n"))
    assert outputs[0][0] == outputs[1][0]
    assert outputs[0][1] == "0 1"
    assert outputs[1][1] == "1 0"
    assert len(list((tmp_path / "programs").glob("*.py"))) == 1


@pytest.mark.parametrize(
    ("message", "change"),
    [
        (r"x0 has the shape \(2,\)", {"x0": [0.0, 1.0]}),
        ("x0 holds nan", {"x0": [[math.nan]]}),
        ("lr is -1", {"lr": -1}),
        ("lr has the shape", {"lr": [0.1, 0.2]}),
        ("batch is 0", {"batch": 0}),
        ("steps is 0", {"steps": 0}),
        ("parameters have the shape", {"parameters": [1.0]}),
        ("seed is -1", {"seed": -1}),
        ("data go with", {"data": [[1.0]]}),
    ],
)
def test_wrong_arguments(message: str, change: dict[str, object]) -> None:
    arguments: dict[str, object] = {
        "x0": [[0.0]], "lr": 0.1, "batch": 1, "steps": 4, "parameters": [1.0, 1.0, 0.0], "seed": 0
    }  # fmt: skip
    with pytest.raises(ValueError, match=message):
        run_chain(QUADRATIC, **(arguments | change))  # type: ignore[arg-type]


def test_wrong_programs() -> None:
    with pytest.raises(ValueError, match="the step holds y"):
        PathProgram((x,), (-y,), sympy.Matrix([[1]]))
    with pytest.raises(ValueError, match="diffusion the shape"):
        PathProgram((x, y), (x, y), sympy.Matrix([[1]]))
    with pytest.raises(ValueError, match="the step holds xi"):
        ChainProgram((x,), (x - xi,), (), True)
    with pytest.raises(ValueError, match="without data"):
        ChainProgram((x,), (x,), (), True, sampling="epoch")
    with pytest.raises(ValueError, match="level"):
        first_passage_chain(QUADRATIC, [[0.0]], 0.1, 1, 1, [1.0, 1.0, 0.0], seed=0)
    with pytest.raises(ValueError, match="batch is 13"):
        run_chain(replace(DATA, sampling="epoch"), [[0.0, 0.0]], 0.1, 13, 1, [], 0, data=ROWS)
