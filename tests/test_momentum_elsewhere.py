"""What takes an SGD with momentum or weight decay treats it rightly, or refuses with a sentence."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck import comparison, portrait
from fokkerplanck.comparison import ask, thresholds
from fokkerplanck.comparison.setting import QUICK
from fokkerplanck.estimate import NotValidHere
from tests.programs import Z

NOISE = {"s": fp.Normal(0, 1.5)}
LOSS = fp.Loss("h*x**2/2 - s*x", ("x",), NOISE, constants={"h": 1.5})
HEAVY = fp.SGD(LOSS, lr=0.1, batch=2, momentum=0.9)


@pytest.mark.parametrize(
    "asked",
    [
        lambda: HEAVY.transition(fp.Grid(x=(-4, 4, 64))),
        lambda: HEAVY.auto_grid(),
        lambda: fp.Grid.auto(HEAVY),
        *(
            lambda m=m: HEAVY.escape("x < 1", (0,), m)  # type: ignore[misc]
            for m in ("paths", "transition", "density", "kramers", "mori", "xie", "ito")
        ),
        lambda: fp.effective_loss(HEAVY, "x"),
        lambda: fp.compare(HEAVY, "stationary"),
        lambda: fp.compare(HEAVY, "escape", region="x < 1", x0=(0,)),
        lambda: portrait.stationary(HEAVY),
        lambda: portrait.escape(HEAVY, "x < 1", {"x": 0}),
    ],
)
def test_what_is_refused_with_momentum(asked: Callable[[], Any]) -> None:
    with pytest.raises(NotValidHere, match=r"for SGD without momentum, and momentum is 0\.9"):
        asked()


def test_a_report_says_why_it_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of its four questions only that of thresholds is answered."""
    monkeypatch.setattr(ask, "QUICK", replace(QUICK, stability_chains=10, stability_steps=1_000))
    answers = list(comparison.answers(fp.load("models/flat_valley.toml", momentum=0.5), quick=True))
    assert len(answers) == 4
    for answer in answers:
        if answer.question == thresholds.QUESTION:
            limit = answer.row("lr-deterministic-x = 0, y = 0").estimate.value
            assert limit == pytest.approx(3 / (20 * math.exp(0.5)))
        else:
            assert "without momentum, and momentum is 0.5" in answer.sentences[0]


def test_an_escape_by_simulation_takes_momentum() -> None:
    """Momentum is quicker out of a well, by about 1/(1 - mu) where the exit is rare."""
    plain, heavy = (
        fp.SGD(LOSS, 0.02, 1, momentum=m).escape("x < 0.45", (0,), n=600, rng=1) for m in (0.0, 0.5)
    )
    assert heavy.ok
    assert heavy.value < 0.8 * plain.value


def decayed(sgd: fp.SGD, h: float) -> fp.SGD:
    """The same SGD with the decay written into the formula."""
    loss = fp.Loss("h*x**2/2 + w/2*x**2 - s*x", ("x",), NOISE, constants={"h": h, "w": sgd.weight_decay})
    return fp.SGD(loss, sgd.lr, sgd.batch)


def test_weight_decay_is_part_of_the_loss_everywhere() -> None:
    sgd = fp.SGD(LOSS, lr=0.2, batch=2, weight_decay=0.5)
    same, without = decayed(sgd, 1.5), fp.SGD(LOSS, lr=0.2, batch=2)
    grid = fp.Grid(x=(-4, 4, 128))
    questions: list[Callable[[fp.SGD], float]] = [
        lambda s: s.sde(2).generator(grid).stationary().mean("x**2").value,
        lambda s: s.transition(grid).stationary().mean("x**2").value,
        lambda s: s.escape("x < 1", (0,), "density", grid=grid).value,
        lambda s: fp.divergence_thresholds(s, {"x": 0}).lr_deterministic.value,
        lambda s: fp.divergence_thresholds(s, {"x": 0}).lr_mean_square.value,
        lambda s: s.auto_grid()["x"].high,
        lambda s: s.simulate(50, 20, (1,), rng=0).mean("x").value,
    ]
    for asked in questions:
        value, exact, ignored = asked(sgd), asked(same), asked(without)
        assert value == pytest.approx(exact, rel=1e-6)
        assert abs(ignored / exact - 1) > 0.02
    # Variance eta Sigma / (h (2 - eta h)), with h raised by the decay.
    chains = sgd.simulate(100_000, 60, (0,), rng=1).mean("x**2")
    exact = 0.2 * 1.5**2 / 2 / (2.0 * (2 - 0.2 * 2.0))
    assert abs(chains.value - exact) < Z * chains.stat


def test_weight_decay_in_a_valley() -> None:
    """The effective loss has the decay along the valley and across it."""
    loss = fp.Loss("lam/2*y**2 - s*y", ("x", "y"), {"s": fp.Normal(0, 1)}, where={"lam": "3 + x**2"})
    law = fp.effective_loss(fp.SGD(loss, lr=0.01, weight_decay=0.4), "x")
    flat = fp.Loss(
        "lam/2*y**2 - s*y + 0.2*x**2", ("x", "y"), {"s": fp.Normal(0, 1)}, where={"lam": "3.4 + x**2"}
    )
    same = fp.effective_loss(fp.SGD(flat, lr=0.01), "x")
    x = np.array([0.3, 1.0, 2.0])
    values, exact = (
        e.evaluate("drift_potential", x) - e.evaluate("drift_potential", 0.0) for e in (law, same)
    )
    assert np.allclose(values, exact, rtol=1e-9)
    assert math.isclose(float(np.ptp(values)), float(np.ptp(exact)), rel_tol=1e-9)


def test_another_decay_replaces_the_old_one() -> None:
    sgd = fp.SGD(LOSS, lr=0.1, weight_decay=0.5)
    assert sgd.with_(weight_decay=0.25).loss.hessian[0].subs({"h": 1.5}) != 0
    for changed, w in (
        (sgd.with_(lr=0.2), 0.5),
        (sgd.with_(weight_decay=0.25), 0.25),
        (sgd.with_(weight_decay=0), 0),
    ):
        loss = changed.loss
        assert loss.weight_decay == changed.weight_decay == w
        assert loss.evaluate(loss.hessian, np.zeros(1))[0, 0] == 1.5 + w
    other = sgd.with_(loss=sgd.loss.with_constants(h=3.0))
    assert other.loss.evaluate(other.loss.hessian, np.zeros(1))[0, 0] == 3.5
    with pytest.raises(ValueError, match="that of another SGD"):
        sgd.with_(loss=sgd.loss.with_constants(weight_decay=2.0))
    named = fp.Loss("weight_decay*x**2 - s*x", ("x",), NOISE, constants={"weight_decay": 1.0})
    assert fp.SGD(named, 0.1).weight_decay == 0
    with pytest.raises(ValueError, match="uses the name weight_decay"):
        fp.SGD(named, 0.1, weight_decay=0.1)
