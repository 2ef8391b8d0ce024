"""Reactive currents of chains in discrete time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm

import fokkerplanck as fp
from fokkerplanck.operators.transition import Step, TransitionOperator

Array = NDArray[np.float64]


def kicked(eta: float, spread: float) -> Callable[[Array], Step]:
    def step(x: Array) -> Step:
        move = np.zeros_like(x)
        move[:, 0] = eta * (x[:, 0] - x[:, 0] ** 3)
        move[:, 1:] = -0.5 * x[:, 1:]
        noise = np.diag([spread**2, 0.04][: x.shape[1]])
        return Step(move[:, None, :], np.ones(1), np.tile(noise, (len(x), 1, 1)))

    return step


def integral_equation(
    eta: float, spread: float, a: float, b: float, box: float
) -> tuple[float, float, float]:
    """Rate, share on the way and share since the source of the chain, by Gauss-Legendre nodes in pieces."""
    t, w = np.polynomial.legendre.leggauss(120)
    pieces = [(-box, a), (a, b), (b, box)]
    x = np.concatenate([0.5 * (u + v + (v - u) * t) for u, v in pieces])
    weight = np.concatenate([0.5 * (v - u) * w for u, v in pieces])
    source, between, target = (np.repeat(np.arange(3), len(t)) == k for k in range(3))
    kernel = norm.pdf(x, (x + eta * (x - x**3))[:, None], spread) * weight
    kernel /= kernel.sum(axis=1, keepdims=True)
    balance, one = (np.eye(len(x)) - kernel).T, np.zeros(len(x))
    balance[0], one[0] = 1.0, 1.0
    p = np.linalg.solve(balance, one)
    inner = np.eye(len(t)) - kernel[np.ix_(between, between)]
    q = np.where(target, 1.0, 0.0)
    q[between] = np.linalg.solve(inner, kernel[np.ix_(between, target)].sum(axis=1))
    m = np.linalg.solve(inner.T, p[source] @ kernel[np.ix_(source, between)])
    return float(p[source] @ (kernel[source] @ q)), float(m @ q[between]), float(p[source].sum() + m.sum())


@pytest.mark.parametrize(("a", "b"), [(-0.9, 0.8), (-0.31, 0.17)])
def test_rates_of_a_chain(a: float, b: float) -> None:
    """The second gap is three steps wide: some jump it at once."""
    rate, reactive, source = integral_equation(0.1, 0.15, a, b, 2.6)
    op = TransitionOperator(fp.Grid(x=(-2.6, 2.6, 201)), kicked(0.1, 0.15))
    paths = op.reactive_current(f"x < {a}", f"x > {b}")
    for got, exact in (
        (paths.rate, rate),
        (paths.probability, reactive),
        (paths.rate_constant, rate / source),
    ):
        assert abs(got.value - exact) < got.error < 3e-3 * exact
        assert abs(got.value / exact - 1) < 5e-4
    assert paths.rate.unit == "1/steps"
    assert paths.info["arriving"] == pytest.approx(paths.totals.rate, rel=1e-10)
    assert paths.status == "ok"


def test_a_chain_over_a_high_barrier_and_in_the_plane() -> None:
    """Rates of 1e-12 a step; a second coordinate that does not matter, does not."""
    rate, *_ = integral_equation(0.05, 0.034, -0.9, 0.7, 1.7)
    flat = TransitionOperator(fp.Grid(x=(-1.7, 1.7, 200)), kicked(0.05, 0.034))
    got = flat.reactive_current("x < -0.9", "x > 0.7").rate
    assert rate < 1e-9
    assert abs(got.value / rate - 1) < 2e-3
    assert abs(got.value - rate) < got.error < 0.02 * rate
    a = integral_equation(0.1, 0.15, -0.9, 0.8, 2.6)[0]
    wide = TransitionOperator(fp.Grid(x=(-2.2, 2.2, 60), y=(-1.4, 1.4, 24)), kicked(0.1, 0.15))
    paths = wide.reactive_current("x < -0.9", "x > 0.8")
    assert abs(paths.rate.value - a) < paths.rate.error < 0.03 * a
    middle = np.abs(paths.grid["x"].centres) < 0.1
    through = paths.values[middle, :, 0].sum(axis=1) * paths.grid["y"].spacing
    np.testing.assert_allclose(through, a, rtol=0.02)


# -- results and refusals -------------------------------------------------------------------------------
