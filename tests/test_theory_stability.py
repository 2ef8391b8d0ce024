"""Divergence thresholds: exact values, and the outcomes where there is no threshold."""

from __future__ import annotations

import itertools
import math
from types import SimpleNamespace
from typing import Any

import mpmath
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from fokkerplanck.loss import Data, Loss, Normal, Rademacher, Uniform
from fokkerplanck.theory import DivergenceThresholds, divergence_thresholds
from fokkerplanck.theory.lyapunov import AtomicFactor, NormalFactor


def at_zero(loss: Loss, lr: float = 0.1, batch: int = 1, sampling: str = "iid") -> DivergenceThresholds:
    run = SimpleNamespace(loss=loss, lr=lr, batch=batch, sampling=sampling)
    return divergence_thresholds(run, at=dict.fromkeys(loss.names, 0))


def scalar(law: Any, formula: str = "(1 + e)*y**2/2", **run: Any) -> DivergenceThresholds:
    return at_zero(Loss(formula, ("y",), {"e": law}), **run)


def valley(s: float, batch: int = 10, lr: float = 0.01, x: Any = 0) -> DivergenceThresholds:
    samples = {"sy": Normal(0, 10), "sx": Normal(0, 5), "e": Normal(0, "s")}
    loss = Loss(
        "lam/2*(1 + e)*y**2 - sy*y - sx*x", ("x", "y"), samples, {"lam": "20*exp(0.5*cos(x))"}, {"s": s}
    )
    return divergence_thresholds(
        SimpleNamespace(loss=loss, lr=lr, batch=batch, sampling="iid"), at={"x": x, "y": 0}
    )


def gaussian_log_mean(m: float, tau: float) -> float:
    """E ln|m + tau Z| by tanh-sinh quadrature split at the singularity."""
    kink = -mpmath.mpf(m) / tau
    points = sorted([-12, 12, *([kink] if abs(kink) < 12 else [])])
    return float(mpmath.quad(lambda z: mpmath.log(abs(m + tau * z)) * mpmath.npdf(z), points))


@pytest.mark.parametrize(
    ("m", "tau"), [(0.3, 1.0), (0.0, 2.0), (-1.2618, 1.1309), (5.0, 0.5), (2.0, 0.01), (1.0, 0.085)]
)
def test_closed_form_of_the_logarithmic_mean(m: float, tau: float) -> None:
    value = float(NormalFactor().log_mean(np.array([m]), np.array([tau]))[0])
    assert value == pytest.approx(gaussian_log_mean(m, tau), abs=1e-12)


def test_three_thresholds_of_one_gaussian_sample() -> None:
    t = scalar(Normal(0, 0.5))
    assert t.lr_deterministic.value == pytest.approx(2.0, abs=1e-14)
    assert t.lr_mean_square.value == pytest.approx(1.6, abs=1e-13)
    assert t.lr_almost_sure.value == pytest.approx(2.262, abs=5e-4)
    eta = t.lr_almost_sure.value
    assert gaussian_log_mean(1 - eta, 0.5 * eta) == pytest.approx(0, abs=1e-11)
    assert t.sde_mean_square.value == pytest.approx(8.0, abs=1e-12)
    assert t.intervals == ((0.0, eta),)
    assert t.lr_almost_sure.unit == "lr"
    assert t.lr_almost_sure.status == "ok"


@pytest.mark.parametrize("x", [0, "pi"])
def test_valley_is_projected(x: Any) -> None:
    """The Hessian's kernel along the valley would keep the spectral radius at 1 for every rate."""
    lam = 20 * math.exp(0.5 if x == 0 else -0.5)
    t = valley(0.5, batch=10, x=x)
    assert t.curvatures == pytest.approx([lam], rel=1e-12)
    assert t.status == "ok"
    assert t.lr_deterministic.value == pytest.approx(2 / lam, rel=1e-12)
    assert t.lr_mean_square.value == pytest.approx(2 / (lam * 1.025), rel=1e-12)
    assert t.sde_mean_square.value == pytest.approx(2 / (lam * 0.025), rel=1e-12)
    assert gaussian_log_mean(
        1 - t.lr_almost_sure.value * lam, t.lr_almost_sure.value * lam * math.sqrt(0.025)
    ) == (pytest.approx(0, abs=1e-10))


def test_noise_that_multiplies_nothing_has_no_bound() -> None:
    t = valley(0.0)
    assert t.lr_mean_square.value == t.lr_almost_sure.value == t.lr_deterministic.value
    for bound in (t.sde_mean_square, *t.noise_scale, t.tail_exponent()):
        assert bound.value == math.inf
        assert bound.status == "ok"
    assert "because no sample multiplies y" in " ".join(t.noise_scale.mean_square.assumptions)
    assert "because no sample multiplies y" in " ".join(t.sde_mean_square.assumptions)
    assert valley(0.0, lr=0.2).noise_scale.mean_square.value == 0.0


def test_noise_scales() -> None:
    t = scalar(Normal(0, 0.5), lr=0.4, batch=2)
    square = t.noise_scale.mean_square.value
    assert (1 - 0.4) ** 2 + (0.4 * 0.5 * square) ** 2 / 2 == pytest.approx(1, abs=1e-12)
    sure = t.noise_scale.almost_sure.value
    assert gaussian_log_mean(0.6, 0.4 * 0.5 * sure / math.sqrt(2)) == pytest.approx(0, abs=1e-10)
    assert sure > square
    assert t.noise_scale.deterministic.value == math.inf


def test_kesten_exponent() -> None:
    t = scalar(Normal(0, 0.5))
    assert t.tail_exponent(1.6).value == pytest.approx(2.0, abs=1e-9)
    for eta in (0.8, 1.9, 2.2):
        alpha = t.tail_exponent(eta).value
        kink = (1 - eta) / (0.5 * eta)
        moment = quad(
            lambda z, a=alpha, r=eta: abs(1 - r + 0.5 * r * z) ** a * norm.pdf(z),
            -14,
            14,
            points=[-kink],
            limit=400,
        )[0]
        assert moment == pytest.approx(1, abs=1e-7)
    assert "almost every path" in t.tail_exponent(2.3).status
    assert t.tail_exponent(0.8).value > t.tail_exponent(1.9).value
    bounded = scalar(Rademacher(), "(1 + e/2)*y**2/2")
    assert bounded.tail_exponent(1.0).value == math.inf


def test_least_squares_with_fresh_gaussian_data() -> None:
    loss = Loss("(a*w + b*v)**2/2", ("w", "v"), {"a": Normal(0, 1), "b": Normal(0, 1)})
    for batch in (1, 4):
        t = at_zero(loss, batch=batch)
        assert t.lr_mean_square.value == pytest.approx(2 * batch / (2 + batch + 1), rel=1e-12)
        assert t.lr_deterministic.value == pytest.approx(2.0, rel=1e-12)
        assert "above 2" in t.tail_exponent(0.9 * t.lr_mean_square.value).status
        assert "at most 2" in t.tail_exponent(1.1 * t.lr_mean_square.value).status


def test_random_products_against_the_isotropic_exponent() -> None:
    """Rotation invariance: the top exponent is E ln|(1 - eta a a') e1|; false alarm 6e-5."""
    loss = Loss("(a*w + b*v)**2/2", ("w", "v"), {"a": Normal(0, 1), "b": Normal(0, 1)})
    found = at_zero(loss).lr_almost_sure
    axis = np.linspace(-8, 8, 801) + 1e-3  # the integrand's singular points are isolated and mild
    a, b = np.meshgrid(axis, axis)
    both = np.exp(-(a**2 + b**2) / 2)
    both /= both.sum()

    def exponent(eta: float) -> float:
        return float((both * np.log(1 - 2 * eta * a**2 + eta**2 * a**2 * (a**2 + b**2))).sum() / 2)

    grid = np.linspace(0.85, 1.0, 16)
    exact = float(np.interp(0.0, [exponent(e) for e in grid], grid))
    assert found.stat < 0.01
    assert abs(found.value - exact) < 4 * found.stat + 0.002
    assert abs(found.value - 0.5) > 20 * found.stat  # power: the mean-square threshold is far outside


@pytest.mark.parametrize("batch", [1, 2, 4])
def test_data_without_replacement_is_the_average_over_all_batches(batch: int) -> None:
    rows = np.array([[1.0, 0.2], [0.3, 1.1], [2.0, -0.4], [-0.5, 0.7]])
    loss = Loss("(a*w + b*v)**2/2", ("w", "v"), {("a", "b"): Data(rows)})
    t = at_zero(loss, batch=batch, sampling="without-replacement")
    hessians = [np.outer(r, r) for r in rows]

    def radius(eta: float) -> float:
        maps = [np.eye(2) - eta * np.mean(c, axis=0) for c in itertools.combinations(hessians, batch)]
        return float(np.abs(np.linalg.eigvals(np.mean([np.kron(m, m) for m in maps], axis=0))).max())

    assert radius(t.lr_mean_square.value) == pytest.approx(1.0, abs=1e-10)
    n = len(rows)
    if batch == n:
        assert t.lr_mean_square.value == pytest.approx(t.lr_deterministic.value, rel=1e-12)
    else:
        assert t.lr_mean_square.value < t.lr_deterministic.value


def test_atoms_may_have_several_intervals() -> None:
    """h = 1 or 20 with equal weight: each factor is small near its own 1/h."""
    t = scalar(Data([1.0, 20.0]), "e*y**2/2")

    def exponent(eta: float) -> float:
        return math.log(abs(1 - eta)) + math.log(abs(1 - 20 * eta))

    ends = [end for interval in t.intervals for end in interval if end > 0]
    assert len(t.intervals) == 2
    for end in ends:
        assert exponent(end) == pytest.approx(0, abs=1e-9)
    assert t.lr_almost_sure.value == ends[0]
    low, high = t.intervals[1]
    assert low < 1 < high


def test_binomial_batches_are_exact() -> None:
    t = scalar(Rademacher(), "(1 + 2*e)*y**2/2", batch=3)
    eta = t.lr_almost_sure.value
    parts = [math.comb(3, k) / 8 * math.log(abs(1 - eta * (1 + 2 * (2 * k - 3) / 3))) for k in range(4)]
    assert sum(parts) == pytest.approx(0, abs=1e-9)
    assert t.lr_almost_sure.stat == 0.0


def test_laws_without_closed_form_are_drawn_and_say_so() -> None:
    t = scalar(Uniform(-1, 1), "(1 + e)*y**2/2")

    def exponent(eta: float) -> float:  # E ln|1 - eta h|, h uniform on (0, 2)
        b = 1 - 2 * eta
        return (-(b * math.log(abs(b)) - b) + (0 - 1)) / (2 * eta)

    assert t.lr_almost_sure.stat > 0
    assert exponent(t.lr_almost_sure.value) == pytest.approx(0, abs=0.01)
    assert t.lr_mean_square.value == pytest.approx(2 / (1 + 1 / 3), rel=1e-12)


def test_no_threshold_is_a_sentence() -> None:
    saddle = at_zero(Loss("x**2/2 - y**2/2", ("x", "y")))
    assert "negative curvature" in saddle.status
    assert "negative curvature" in saddle.lr_mean_square.status
    assert math.isnan(saddle.lr_deterministic.value)
    assert "no curvature" in at_zero(Loss("x**4", ("x",))).status
    leaking = Loss("x**2/2 + e*x*y", ("x", "y"), {"e": Normal(0, 1)})
    t = at_zero(leaking)
    assert t.lr_deterministic.status == "ok"
    assert "drift or run-away along the valley" in t.lr_mean_square.status
    run = SimpleNamespace(loss=Loss("x**2/2", ("x",)), lr=0.1, batch=1, sampling="iid")
    assert "does not vanish" in divergence_thresholds(run, at={"x": 1}).status


def test_bad_input() -> None:
    run = SimpleNamespace(loss=Loss("x**2/2", ("x",)), lr=0.1, batch=1, sampling="iid")
    for at in ({}, {"z": 1}, {"x": 0, "z": 1}):
        with pytest.raises(ValueError, match="expected a value for each"):
            divergence_thresholds(run, at=at)
    with pytest.raises(ValueError, match="epoch"):
        at_zero(Loss("x**2/2", ("x",)), sampling="epoch")
    with pytest.raises(ValueError, match="lr"):
        divergence_thresholds(run, at={"x": 0}).tail_exponent(-1.0)


def test_drawn_law_knows_its_error() -> None:
    values = np.random.default_rng(1).normal(size=2000)
    drawn = AtomicFactor(values, np.full(2000, 1 / 2000), exact=False)
    exact = float(NormalFactor().log_mean(np.array([0.4]), np.array([0.7]))[0])
    found = float(drawn.log_mean(np.array([0.4]), np.array([0.7]))[0])
    assert abs(found - exact) < 4 * drawn.log_error(0.4, 0.7)  # false alarm 6e-5 over seeds


def test_strong_noise_has_its_threshold_far_below_the_deterministic_one() -> None:
    """std 1000: E ln|1 - lr (1 + 1000 Z)| crosses 0 near lr = 1.557e-3, far below 2/lambda."""
    t = scalar(Normal(0, 1000))
    lr = t.lr_almost_sure.value
    assert abs(gaussian_log_mean(1 - lr, 1000 * lr)) < 1e-8
    assert t.lr_mean_square.value < lr < 2e-3


def test_strong_noise_in_two_directions() -> None:
    """Equal curvatures that one sample multiplies: the product is that of one direction."""
    found = at_zero(Loss("(1 + e)*(x**2 + y**2)/2", ("x", "y"), {"e": Normal(0, 30)})).lr_almost_sure
    exact = scalar(Normal(0, 30)).lr_almost_sure
    assert abs(found.value - exact.value) < 5 * found.stat
    assert found.stat < 0.02 * exact.value


def test_no_crossing_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    t = scalar(Normal(0, 1))
    monkeypatch.setattr(type(t), "_almost_sure", [])
    assert math.isnan(t.lr_almost_sure.value)
    assert "no threshold found" in t.lr_almost_sure.status
