"""SGD chains against the exact laws of their steps; bounds as in `tests.programs`."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import sympy

from fokkerplanck.sampling import ChainProgram, Draw, run_chain
from tests.programs import DATA, QUADRATIC, ROWS, Array, Z, relative_error, u, v, x, xi, y


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


def test_runaway_chains_are_counted_and_nan() -> None:
    run = run_chain(QUADRATIC, [[1.0], [0.0]], 1.0, 1, 60, [-1.0, 0.0, 0.0], seed=24)
    assert run.diverged.tolist() == [True, False]
    assert np.isnan(run.final[0, 0])
    assert run.final[1, 0] == 0.0
