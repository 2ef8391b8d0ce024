"""Escape laws against exact quadrature, and where they must not be quoted."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fokkerplanck.loss import Loss, Normal
from fokkerplanck.theory import ESCAPE_LAWS
from fokkerplanck.theory.passage import mean_passage_time

ito, kramers, mori, xie = (ESCAPE_LAWS[n] for n in ("ito", "kramers", "mori", "xie"))


def double_well(noise: float, lr: float = 0.01) -> Any:
    """V = x^4/4 - x^2/2 with D = noise: barrier 1/4, curvatures 2 and -1."""
    loss = Loss(
        "x**4/4 - x**2/2 - s*x", ("x",), {"s": Normal(0, "d")}, constants={"d": math.sqrt(2 * noise / lr)}
    )
    return SimpleNamespace(loss=loss, lr=lr, batch=1, sampling="iid")


@pytest.mark.parametrize(("start", "edge", "exact"), [(-1, 0, 30.82130247), (-1, 1, 66.26862636)])
def test_exact_passage_times(start: float, edge: float, exact: float) -> None:
    found = mean_passage_time(lambda q: (q - q**3, 0.1 + 0 * q), start, -4, edge, absorbing=(False, True))
    assert found.value == pytest.approx(exact, abs=5e-9)


def test_more_exact_passage_times() -> None:
    """Ornstein-Uhlenbeck 0 -> 1 and 0 -> 2, and loss-proportional noise -1 -> 0, by every kind of end."""

    def linear(q: Any) -> Any:
        return -q, 1 + 0 * q

    for edge, exact in ((1, 2.0934066496783), (2, 10.428409397996)):
        up = mean_passage_time(linear, 0, -10, edge, absorbing=(False, True))
        down = mean_passage_time(linear, 0, -edge, 10, absorbing=(True, False))
        assert up.value == pytest.approx(exact, rel=1e-12)
        assert down.value == pytest.approx(exact, rel=1e-12)

    def proportional(q: Any) -> Any:
        return -(q**3 - q), 0.5 * ((q**2 - 1) ** 2 / 4 + 0.05)

    found = mean_passage_time(proportional, -1, -8, 0, absorbing=(False, True))
    assert found.value == pytest.approx(176.730756982, abs=1e-6)
    free = mean_passage_time(lambda q: (0 * q, 0.5 + 0 * q), 0.3, -1, 1, absorbing=(True, True))
    assert free.value == pytest.approx(1 - 0.09, abs=1e-12)


def test_laws_approach_the_exact_time() -> None:
    """Relative gap ~ D/Delta L, halved with D; the model error covers it."""
    gaps = []
    for noise in (0.04, 0.02, 0.01):
        run = double_well(noise)
        exact = (
            mean_passage_time(
                lambda q, d=noise: (q - q**3, d + 0 * q), -1, -3, 1, absorbing=(False, True)
            ).value
            / run.lr
        )
        found = ito(run, "x < 1", {"x": -1.0})
        assert found.status == "ok"
        assert found.unit == "steps"
        assert abs(found.value - exact) < found.model
        assert kramers(run, "x < 1", {"x": -1.2}).value == pytest.approx(found.value, rel=1e-9)
        gaps.append(abs(found.value / exact - 1))
    assert gaps[2] < 0.04
    assert 1.6 < gaps[0] / gaps[1] < 2.6
    assert 1.6 < gaps[1] / gaps[2] < 2.6


def test_loss_proportional_noise_is_moris_case_of_the_ito_law() -> None:
    """L = (1 + q)^2/4, q = (x^2 - 1)^2/4 has h* = 1, and noise (1 + q)/sqrt(2) = sqrt(2 L h*)."""
    loss = Loss(
        "(1 + (x**2 - 1)**2/4)**2/4 - s*(x + (x**5/5 - 2*x**3/3 + x)/4)/sqrt(2)", ("x",), {"s": Normal(0, 1)}
    )
    run = SimpleNamespace(loss=loss, lr=0.1, batch=1, sampling="iid")
    one, other = mori(run, "x < 0.9", {"x": -1}), ito(run, "x < 0.9", {"x": -1})
    assert one.value == pytest.approx(other.value, rel=1e-9)
    height = math.log((1.25) ** 2)
    hessian_b = 0.5 * 1.25
    by_hand = 2 * math.pi / math.sqrt(hessian_b) * math.exp(height * (0.5 + 10)) / 0.1
    assert one.value == pytest.approx(by_hand, rel=1e-9)
    assert one.status == "ok"
    assert "not constant" in kramers(run, "x < 0.9", {"x": -1}).status


def test_xie_as_recalled() -> None:
    run = double_well(noise=0.01, lr=0.01)  # Sigma = 2 = H at the minimum
    found = xie(run, "x < 1", {"x": -1})
    by_hand = 2 * math.pi * math.exp(2 * 0.25 / 0.01 * (0.5 / 2 + 0.5)) / 0.01
    assert found.value == pytest.approx(by_hand, rel=1e-9)
    assert found.status == "ok"
    assert "not H/B" in xie(double_well(noise=0.03), "x < 1", {"x": -1}).status


def test_two_dimensions_and_several_ways_out() -> None:
    spread = math.sqrt(2 * 0.02 / 0.01)
    loss = Loss(
        "(x**2 - 1)**2/4 + k*y**2/2 - s*x - r*y",
        ("x", "y"),
        {"s": Normal(0, spread), "r": Normal(0, spread)},
        constants={"k": 3.0},
    )
    run = SimpleNamespace(loss=loss, lr=0.01, batch=1, sampling="iid")
    found = kramers(run, "x < 0.9", {"x": -1.1, "y": 0.2})
    assert found.value == pytest.approx(kramers(double_well(0.02), "x < 0.9", {"x": -1}).value, rel=1e-9)
    assert "one-dimensional" in ito(run, "x < 0.9", {"x": -1, "y": 0}).status
    ring = Loss("-cos(x) - s*x", ("x",), {"s": Normal(0, spread)})
    ring_run = SimpleNamespace(loss=ring, lr=0.01, batch=1, sampling="iid")
    both = ito(ring_run, "abs(x) < 5", {"x": 0.3}).value
    one_way = ito(ring_run, "x < 5", {"x": 0.3}).value
    assert one_way == pytest.approx(2 * both, rel=1e-12)


def test_where_no_law_is_quoted() -> None:
    low = kramers(double_well(0.1), "x < 1", {"x": -1})
    assert "the barrier is 2.5 times the noise" in low.status
    assert "no saddle" in kramers(double_well(0.02), "x < -0.5", {"x": -1}).status
    on_saddle = kramers(double_well(0.02), "x < 0.05", {"x": -1})
    assert "lies on the saddle" in on_saddle.status
    assert "no minimum" in kramers(double_well(0.02), "x < -1.2", {"x": -1.5}).status
    assert "not positive at the minimum" in mori(double_well(0.02), "x < 1", {"x": -1}).status
    silent = SimpleNamespace(loss=Loss("x**4/4 - x**2/2", ("x",)), lr=0.1, batch=1, sampling="iid")
    assert "noise" in kramers(silent, "x < 1", {"x": -1}).status
    assert "vanishes" in ito(silent, "x < 1", {"x": -1}).status
    with pytest.raises(ValueError, match="start inside"):
        kramers(double_well(0.02), "x < 1", {"x": 2})


def test_half_the_time_to_the_saddle() -> None:
    """Why an edge on the saddle is refused: the exact time to it is about half of the law's."""
    to_saddle, to_well = (
        mean_passage_time(lambda q: (q - q**3, 0.02 + 0 * q), -1, -3, edge, absorbing=(False, True)).value
        for edge in (0.0, 1.0)
    )
    assert to_saddle / to_well == pytest.approx(0.5, abs=0.01)
    assert np.isfinite(to_well)


def test_a_law_that_does_not_apply_has_no_number() -> None:
    """No placeholder stands in its place, and a barrier beyond all numbers says so."""
    found = mori(double_well(0.02), "x < 1", {"x": -1})
    assert math.isnan(found.value)
    assert "the loss is not positive" in found.status
    quiet = double_well(0.0)
    for law in (ito, kramers):
        found = law(quiet, "x < 1", {"x": -1})
        assert math.isnan(found.value)
        assert "no noise" in found.status or "the noise vanishes" in found.status
    high = kramers(double_well(1e-4), "x < 1", {"x": -1})
    assert math.isnan(high.value)
    assert "beyond all numbers" in high.status
