"""Effective loss: the closed forms of the valley, derived from the Loss and compared as formulas."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import sympy
from scipy.integrate import solve_ivp

from fokkerplanck.formula import BATCH, LEARNING_RATE, symbol
from fokkerplanck.loss import Data, Loss, Normal, Rademacher
from fokkerplanck.theory import effective_loss

eta, B = LEARNING_RATE, BATCH
x, y, sigma, kappa, s = map(symbol, ("x", "y", "sigma", "kappa", "s"))
VALLEY = "20*exp(0.5*cos(x))"


def sgd(
    formula: str, samples: dict[Any, Any], lam: str, lr: float = 0.01, batch: int = 10, **constants: float
) -> Any:
    loss = Loss(formula, ("x", "y"), samples=samples, where={"lam": lam}, constants=constants)
    return SimpleNamespace(loss=loss, lr=lr, batch=batch, sampling="iid")


def valley(kappa: float = 4.0, lam: str = VALLEY, extra: str = "", **settings: Any) -> Any:
    samples = {"sy": Normal(0, "sigma"), "sx": Normal(0, "sigma/sqrt(kappa)")}
    return sgd(
        f"lam/2*y**2 - sy*y - sx*x{extra}", samples, lam, **({"sigma": 10.0, "kappa": kappa} | settings)
    )


def same_up_to_a_constant(left: Any, right: Any) -> bool:
    """Equal derivatives in x, to 25 digits at generic values of every symbol."""
    difference = sympy.diff(left - right, x)
    generic = [sympy.Rational(k, 101) for k in (137, 71, 53, 211, 97, 31, 173)]
    names = sorted(difference.free_symbols - {x}, key=str)
    values = dict(zip(names, generic, strict=False)) | {eta: sympy.Rational(1, 97)}
    return all(abs(difference.subs(values | {x: at}).evalf(25)) < 1e-22 for at in generic[:3])


LAMBDA = 1 + x**2 / 2
CLOSURES = {
    "constant": ("lam/2*y**2 - xi*y - r*x", lambda lam, u: eta * sigma**2 / B / 4 * sympy.log(lam / (1 - u))),
    "label": ("(sqrt(lam)*y - xi)**2/2", lambda lam, u: -(sigma**2) / (2 * B) * sympy.log(1 - u)),
    "shift": (
        "lam/2*(y - xi)**2 - lam*xi**2/2",
        lambda lam, u: sigma**2 / (2 * B) * (-lam - 2 / eta * sympy.log(1 - u)),
    ),
}
SMALL = {
    "constant": lambda lam: eta * sigma**2 / B / 4 * sympy.log(lam),
    "label": lambda lam: eta * sigma**2 * lam / (4 * B),
    "shift": lambda lam: eta * sigma**2 * lam**2 / (8 * B),
}


@pytest.mark.parametrize("name", list(CLOSURES))
@pytest.mark.parametrize(("text", "lam"), [("1 + x**2/2", LAMBDA), ("exp(-x)", sympy.exp(-x))])
def test_drift_potential_of_each_noise(name: str, text: str, lam: Any) -> None:
    formula, expected = CLOSURES[name]
    effective = effective_loss(
        sgd(formula, {"xi": Normal(0, "sigma"), "r": Normal(0, 1)}, text, sigma=0.05), "x"
    )
    assert same_up_to_a_constant(effective.drift_potential, expected(lam, eta * lam / 2))
    assert same_up_to_a_constant(effective.small_lr.drift_potential, SMALL[name](lam))
    assert sympy.simplify(effective.drift + sympy.diff(effective.drift_potential, x)) == 0
    assert not effective.drift_potential.has(sympy.Integral)


def test_rank_one_noise_counts_the_noise_along_the_valley() -> None:
    formula, _ = CLOSURES["shift"]
    effective = effective_loss(sgd(formula, {"xi": Normal(0, "sigma")}, "1 + x**2/2", sigma=0.05), "x")
    assert effective.floor.noise_along == 0
    assert (
        sympy.simplify(effective.slow_diffusion - eta * sigma**2 / (2 * B) * x**2 * effective.second_moment)
        == 0
    )
    assert effective.collapse == (0.0,)
    assert effective.marginal is None
    assert "collapses" in effective.reasons["marginal"]
    with pytest.raises(ValueError, match="no noise acts along the valley at x = 0"):
        effective.evaluate("marginal", 1.0)


def test_reproducible_shift_case() -> None:
    """Slow drift at eta lambda up to .9, integrated: mean x of the chain after 4000, 8000, ... steps."""
    formula, _ = CLOSURES["shift"]
    run = sgd(formula, {"xi": Normal(0, "sigma")}, "1 + x**2/2", lr=0.3, batch=1, sigma=0.05)
    effective = effective_loss(run, "x")
    assert effective.collapse == (0.0,)  # not where eta lambda = 2, though D_x changes sign there

    def reached(law: Any) -> Any:
        path = solve_ivp(
            lambda _, q: 0.3 * law.evaluate("drift", q),
            (0, 16000),
            [2.0],
            t_eval=[4e3, 8e3, 12e3, 16e3],
            rtol=1e-9,
        )
        return path.y[0]

    np.testing.assert_allclose(reached(effective), [1.03519, 0.70281, 0.50885, 0.37863], atol=1e-5)
    assert abs(reached(effective.small_lr)[0] - 1.03519) > 0.1  # power: the small-lr law is far off


def test_curvature_noise() -> None:
    formula = "lam/2*(1 + e)*y**2 - sy*y - sx*x"
    samples = {"sy": Normal(0, "sigma"), "sx": Normal(0, "sigma"), "e": Normal(0, "s")}
    effective = effective_loss(sgd(formula, samples, "1 + x**2/2", sigma=1.0, s=0.5), "x")
    moment = eta * sigma**2 / B / (LAMBDA * (2 - eta * LAMBDA * (1 + s**2 / B)))
    assert sympy.simplify(effective.second_moment - moment) == 0
    wanted = LAMBDA.diff(x) * moment / 2
    assert sympy.simplify(sympy.diff(effective.drift_potential, x) - wanted) == 0
    sde_moment = eta * sigma**2 / B / (LAMBDA * (2 - eta * LAMBDA * s**2 / B))
    assert sympy.simplify(effective.small_lr.second_moment - sde_moment) == 0


def test_marginal_and_joint_correction_of_the_valley() -> None:
    effective = effective_loss(valley(), "x")
    lam = 20 * sympy.exp(sympy.cos(x) / 2)
    log_flatness = -sympy.log(lam) / 2
    noise = eta * sigma**2 / (2 * B)
    small = effective.small_lr
    assert same_up_to_a_constant(sympy.log(small.marginal), kappa * log_flatness)
    assert same_up_to_a_constant(
        sympy.log(effective.marginal), kappa * (log_flatness + sympy.log(1 - eta * lam / 2) / 2)
    )
    assert same_up_to_a_constant(small.joint_correction, noise * (1 - kappa) * log_flatness)
    log_joint = sympy.log(effective.marginal) - sympy.log(effective.second_moment) / 2
    assert same_up_to_a_constant(effective.joint_correction, -noise * log_joint)
    assert effective.anisotropy == kappa
    assert not effective.small_lr.drift_potential.has(kappa)


def test_near_degenerate_valley() -> None:
    effective = effective_loss(valley(extra=" + b*x**2/2", lam="exp(x**2)", b=0.3), "x").small_lr
    b, noise = symbol("b"), eta * sigma**2 / (2 * B)
    log_flatness = -(x**2) / 2
    assert same_up_to_a_constant(effective.drift_potential, b * x**2 / 2 - noise * log_flatness)
    expected = noise * (1 - kappa) * log_flatness + (kappa - 1) * b * x**2 / 2
    assert same_up_to_a_constant(effective.joint_correction, expected)


def test_equal_noise_has_no_joint_correction() -> None:
    for extra in ("", " + x**2/10"):
        effective = effective_loss(valley(kappa=1.0, extra=extra), "x").small_lr
        at = np.linspace(-3, 3, 13)
        np.testing.assert_allclose(effective.evaluate("joint_correction", at), 0.0, atol=1e-14)
        assert sympy.simplify(effective.joint_correction.subs(kappa, 1)) == 0


def test_state_dependent_noise_along_the_valley() -> None:
    """D_x(x) = D0 (1 + x^2): the marginal solves V' p + (D_x p)' = 0."""
    samples = {"sy": Normal(0, 1), "sx": Normal(0, 1)}
    effective = effective_loss(sgd("lam/2*y**2 - sy*y - sx*(x + x**3/3)", samples, "2 + cos(x)"), "x")
    at = np.linspace(-1.5, 2.0, 8)
    step = 1e-4
    current = [
        effective.evaluate(effective.slow_diffusion * effective.marginal, at + k * step) for k in (-1, 1)
    ]
    flow = -effective.evaluate("drift", at) * effective.evaluate("marginal", at) + (
        current[1] - current[0]
    ) / (2 * step)
    scale = np.abs(effective.evaluate("drift", at)).max()
    np.testing.assert_allclose(flow / scale, 0.0, atol=1e-5)


@pytest.mark.parametrize(("ratio", "log_p", "log_joint"), [(2.0, 2.223, 1.334), (4.0, 4.427, 3.534)])
def test_slopes_at_finite_learning_rate(ratio: float, log_p: float, log_joint: float) -> None:
    effective = effective_loss(valley(ratio), "x")
    cells = -np.pi + (np.arange(256) + 0.5) * 2 * np.pi / 256
    assert effective.log_slopes(cells) == pytest.approx((log_p, log_joint), abs=5e-4)
    assert effective.small_lr.log_slopes(cells, weighted=False) == pytest.approx(
        (ratio, ratio - 1), abs=1e-10
    )
    assert effective.log_slopes(cells)[0] > ratio + 0.2  # a law without the lr correction would fail


@pytest.mark.parametrize(("ratio", "sde", "chain"), [(2.0, 68.24, 66.76), (4.0, 109.95, 104.71)])
def test_time_to_flatness(ratio: float, sde: float, chain: float) -> None:
    effective = effective_loss(valley(ratio), "x")
    edge = 2 * np.pi / 3
    small = effective.small_lr.passage_time(0.0, edge, reflecting=0.0)
    assert small.value == pytest.approx(sde, abs=5e-3)
    assert effective.small_lr.passage_time(0.0, (-edge, edge)).value == pytest.approx(small.value, rel=1e-9)
    assert effective.small_lr.passage_time(0.0, -edge, reflecting=0.0).value == pytest.approx(
        small.value, rel=1e-9
    )
    finite = effective.passage_time(0.0, edge, reflecting=0.0, edge_shift=True)
    assert finite.value == pytest.approx(chain, abs=5e-3)
    assert finite.unit == "time"
    assert finite.status == "ok"
    assert finite.disc < 1e-6
    if ratio == 4.0:
        assert small.value * 0.05 == pytest.approx(5.4974, abs=5e-5)


@pytest.mark.parametrize(("noise", "time"), [(0.1, 45.4134), (0.05, 90.8268)])
def test_exponential_valley_has_a_closed_passage_time(noise: float, time: float) -> None:
    deviation = float(np.sqrt(2 * noise * 10 / 0.001))
    effective = effective_loss(valley(lam="20*exp(-x/2)", lr=0.001, sigma=deviation), "x").small_lr
    assert effective.passage_time(0.0, 2.0, reflecting=0.0).value == pytest.approx(time, abs=5e-5)
    assert 4 / noise * (1 + np.exp(-2)) == pytest.approx(time, abs=5e-5)


def test_mean_drift_of_the_chain_across_a_frozen_valley() -> None:
    """At fixed x the chain across is linear; its second moment, iterated exactly, must settle on ours."""
    run = sgd(
        "lam/2*(1 + e)*y**2 - r*y", {"e": Rademacher(), "r": Data([3.0, -1.0, -2.0])}, "2", lr=0.3, batch=2
    )
    with pytest.raises(ValueError, match="slow"):
        effective_loss(run, "z")
    law = effective_loss(
        sgd(
            "(2+x**2)/2*(1+e)*y**2 - r*y",
            {"e": Rademacher(), "r": Data([3.0, -1.0, -2.0])},
            "2",
            lr=0.3,
            batch=2,
        ),
        "x",
    )
    moment = 0.0
    for _ in range(300):  # (1 - eta lam (1 + e)) u - eta r, mean of two samples
        moment = moment * ((1 - 0.3 * 2) ** 2 + (0.3 * 2) ** 2 / 2) + 0.09 * (14 / 3) / 2
    assert float(law.evaluate("second_moment", 0.0)) == pytest.approx(moment, rel=1e-12)


def test_floors() -> None:
    samples = {"r": Normal(0, 1), "q": Normal(0, 1)}
    moved = sgd("(1 + x**2)/2*(y - c)**2 - r*y - q*x", samples, "1", c=0.7)
    assert effective_loss(moved, "x").floor.position == symbol("c")
    assert effective_loss(moved, "x").curvature == x**2 + 1
    with pytest.raises(ValueError, match="write the loss in x and y"):
        effective_loss(sgd("(1 + x**2)/2*(y - x)**2 - r*y - q*x", samples, "1"), "x")
    double = sgd("(2 + cos(x))*(y**2 - 1)**2/4 - r*y - q*x", samples, "1")
    with pytest.raises(ValueError, match=r"floors at y = -1, 1; say which"):
        effective_loss(double, "x")
    chosen = effective_loss(double, "x", floor=1)
    assert sympy.simplify(chosen.curvature - 2 * (2 + sympy.cos(x))) == 0
    assert any("Quadratic across" in sentence for sentence in chosen.assumptions)
    with pytest.raises(ValueError, match="no floor"):
        effective_loss(double, "x", floor=0.5)
    with pytest.raises(ValueError, match=r"no valley|no curvature"):
        effective_loss(sgd("x**2/2 + y - r*y - q*x", samples, "1"), "x")
    with pytest.raises(ValueError, match="3 variables"):
        effective_loss(
            SimpleNamespace(loss=Loss("x**2+y**2+z**2", ("x", "y", "z")), lr=0.1, batch=1, sampling="iid"),
            "x",
        )
    with pytest.raises(ValueError, match="changes from step to step"):
        effective_loss(SimpleNamespace(loss=moved.loss, lr=[0.1, 0.05], batch=1, sampling="iid"), "x")


def test_validity_is_a_sentence() -> None:
    cells = np.linspace(-3, 3, 61)
    assert effective_loss(valley(), "x").validity(cells) == "ok"
    assert "from 2 on" in effective_loss(valley(lr=0.065), "x").validity(cells)
    assert effective_loss(valley(lr=0.065), "x").small_lr.validity(cells) == "ok"
    assert "not separated" in effective_loss(valley(sigma=600.0), "x").validity(cells)
    assert "not positive" in effective_loss(valley(lam="x"), "x").validity(cells)
    late = effective_loss(valley(lr=0.065), "x").passage_time(0.0, 2.0, reflecting=0.0)
    assert late.status.startswith("not valid here")


def test_slow_sde_has_the_numbers_put_in() -> None:
    effective = effective_loss(valley(), "x")
    drift, diffusion = effective.sde.coefficients(np.array([[0.5], [1.0]]))
    np.testing.assert_allclose(drift[:, 0], effective.evaluate("drift", [0.5, 1.0]), rtol=1e-12)
    np.testing.assert_allclose(diffusion[:, 0, 0], 0.05 / 4, rtol=1e-12)
