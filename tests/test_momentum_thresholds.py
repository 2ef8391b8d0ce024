"""Thresholds of the linearised chain with momentum: against closed forms, full second moments and chains."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import fokkerplanck as fp

Array = NDArray[np.float64]

KINDS = pytest.mark.parametrize("nesterov", [False, True], ids=["heavy-ball", "nesterov"])
MU = 0.6
CURVED = fp.Loss("h*(1 + e)*x**2/2", ("x",), {"e": fp.Normal(0, "s")}, constants={"h": 1.5, "s": 0.7})
ROWS = np.random.default_rng(60).normal(size=(7, 2)) @ np.array([[1.0, 0.3], [0.0, 0.6]])
FIT = fp.Loss("(a*x + b*y)**2/2", ("x", "y"), {("a", "b"): fp.Data(ROWS)})
ORIGIN = {"x": 0, "y": 0}


def step(hessian: Array, lr: float, mu: float, nesterov: bool) -> Array:
    """One step on (theta, b), by the rule itself applied to unit vectors."""
    d = len(hessian)
    columns = []
    for unit in np.eye(2 * d):
        theta, b = unit[:d], unit[d:]
        g = hessian @ theta
        b = mu * b + g
        columns.append(np.concatenate([theta - lr * (g + mu * b if nesterov else b), b]))
    return np.array(columns).T


def radius(matrix: Array) -> float:
    return float(np.abs(np.linalg.eigvals(matrix)).max())


def second_moments(lr: float, mu: float, nesterov: bool, noise: float = 1.0) -> Array:
    """E[M x M] over the rows of a data set, batch 1; the noise of the Hessian scaled."""
    hessians = ROWS[:, :, None] * ROWS[:, None, :]
    mean = hessians.mean(axis=0)
    steps = [step(mean + noise * (h - mean), lr, mu, nesterov) for h in hessians]
    return np.mean([np.kron(m, m) for m in steps], axis=0)


@KINDS
def test_the_mean(nesterov: bool) -> None:
    sgd = fp.SGD(fp.Loss("h*x**2/2 + 0*s*x", ("x",), {"s": fp.Normal(0, 1)}, constants={"h": 1.5}), 0.1)
    sgd = sgd.with_(momentum=MU, nesterov=nesterov)
    limit = fp.divergence_thresholds(sgd, {"x": 0}).lr_deterministic.value
    for share, stays in ((0.99, True), (1.01, False)):
        assert (radius(step(np.eye(1) * 1.5, share * limit, MU, nesterov)) < 1) == stays
        run = sgd.with_(lr=share * limit).simulate(1, 6000, (1,))
        assert bool(run.diverged[0]) != stays
    assert limit == pytest.approx(2 * (1 + MU) / 1.5 / (1 + 2 * MU if nesterov else 1), rel=1e-12)


def test_the_mean_square_in_one_direction() -> None:
    """Heavy ball: 2 h (1 - mu^2)/(v (1 + mu) + h^2 (1 - mu)), v the variance of the batch curvature."""

    def exact(v: float, mu: float) -> float:
        return 2 * 1.5 * (1 - mu**2) / (v * (1 + mu) + 1.5**2 * (1 - mu))

    v = (1.5 * 0.7) ** 2
    for batch in (1, 5):
        t = fp.divergence_thresholds(fp.SGD(CURVED, 0.1, batch, momentum=MU), {"x": 0})
        assert t.lr_mean_square.value == pytest.approx(exact(v / batch, MU), rel=1e-10)
        assert t.lr_mean_square.value < t.lr_deterministic.value
    # Power: another mu, or a batch that does not enter, is seen.
    assert abs(exact(v / 5, 0.0) / exact(v / 5, MU) - 1) > 0.1
    assert abs(exact(v, MU) / exact(v / 5, MU) - 1) > 0.1


@KINDS
def test_the_mean_square_in_two_directions(nesterov: bool) -> None:
    """The spectral radius of all second moments of (theta, b) passes 1 there, and not before."""
    t = fp.divergence_thresholds(fp.SGD(FIT, 0.1, momentum=MU, nesterov=nesterov), ORIGIN)
    limit = t.lr_mean_square.value
    assert radius(second_moments(limit, MU, nesterov)) == pytest.approx(1, abs=1e-9)
    assert all(radius(second_moments(share * limit, MU, nesterov)) < 1 for share in (0.01, 0.3, 0.9, 0.999))
    assert radius(second_moments(1.001 * limit, MU, nesterov)) > 1
    lr = 0.5 * limit
    q = fp.divergence_thresholds(fp.SGD(FIT, lr, momentum=MU, nesterov=nesterov), ORIGIN).noise_scale
    assert radius(second_moments(lr, MU, nesterov, q.mean_square.value)) == pytest.approx(1, abs=1e-9)


@KINDS
def test_no_momentum_is_the_limit_of_a_little(nesterov: bool) -> None:
    plain = fp.divergence_thresholds(fp.SGD(FIT, 0.1), ORIGIN)
    little = fp.divergence_thresholds(fp.SGD(FIT, 0.1, momentum=1e-9, nesterov=nesterov), ORIGIN)
    for name in ("lr_deterministic", "lr_mean_square"):
        assert getattr(little, name).value == pytest.approx(getattr(plain, name).value, rel=1e-7)
    assert little.noise_scale.mean_square.value == pytest.approx(
        plain.noise_scale.mean_square.value, rel=1e-7
    )


def test_what_is_not_computed_says_so() -> None:
    t = fp.divergence_thresholds(fp.SGD(CURVED, 0.1, momentum=MU), {"x": 0})
    for e in (t.lr_almost_sure, t.sde_mean_square, t.tail_exponent(), t.noise_scale.almost_sure):
        assert math.isnan(e.value)
        assert e.status == "not computed with momentum"
    assert t.intervals == ()
    constant = fp.Loss("x**2/2 - s*x", ("x",), {"s": fp.Normal(0, 1)})
    t = fp.divergence_thresholds(fp.SGD(constant, 0.1, momentum=MU), {"x": 0})
    assert t.lr_almost_sure.value == t.lr_mean_square.value == t.lr_deterministic.value == 2 * (1 + MU)
    assert math.isinf(t.noise_scale.mean_square.value)
    assert "because no sample multiplies x" in t.noise_scale.mean_square.assumptions[-1]


@pytest.mark.parametrize("loss", [CURVED, fp.Loss("x**2/2 - s*x", ("x",), {"s": fp.Normal(0, 1)})])
def test_compared_with_chains(loss: Any) -> None:
    sgd = fp.SGD(loss, 0.1, momentum=MU)
    answer = fp.compare(sgd, "thresholds", at=[{"x": 0}], quick=True)
    observed = answer.row("lr-observed")
    assert observed.verdict.code == ("not compared" if loss is CURVED else "agrees")
    assert observed.estimate.value > 0.97 * answer.row("lr-mean square-x = 0").estimate.value
    assert "nan" not in " ".join(answer.sentences)
