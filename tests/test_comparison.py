"""A question put to all levels of tiny models."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import pytest

import fokkerplanck as fp
from fokkerplanck.comparison import (
    Comparison,
    Row,
    answers,
    compare,
    gap,
    headline,
    regularizer,
    stationary,
)
from fokkerplanck.comparison import escape as escapes
from fokkerplanck.comparison import thresholds as limits
from fokkerplanck.comparison.setting import Setting
from fokkerplanck.comparison.verdict import REFERENCE
from fokkerplanck.estimate import NotValidHere
from tests.questions import BOX, SMALL, quadratic, setting, valley

# -- what a question needs -----------------------------------------------------------------------------


def test_wrong_questions() -> None:
    with pytest.raises(
        ValueError, match=r"question is 'escap'; did you mean 'escape'\? Take one of regularizer"
    ):
        compare(quadratic(), "escap")
    with pytest.raises(ValueError, match="slow is 'z'; the variables are x"):
        compare(quadratic(), "regularizer", slow="z")
    with pytest.raises(ValueError, match="which region is left and from where"):
        compare(quadratic(), "escape")
    with pytest.raises(ValueError, match="at which points stability is asked"):
        compare(quadratic(), "thresholds")
    with pytest.raises(ValueError, match="name the slow direction"):
        compare(valley(), "regularizer")
    with pytest.raises(ValueError, match="takes an SGD or a Model, got str"):
        compare("model.toml", "escape")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="x0"):
        compare(quadratic(), "escape", region="x < 1", x0=(0, 1))


# -- tiny models ---------------------------------------------------------------------------------------


@cache
def moments(seed: int) -> Comparison:
    return compare(quadratic(), "stationary", grid=fp.Grid(x=(-3, 3, 96)), quick=True, seed=seed)


def test_stationary_moments_of_a_quadratic() -> None:
    """The chain on a grid is the reference; the density agrees within eta h/2, which it names."""
    answer = moments(0)
    chain, density = answer.row("x**2-grid"), answer.row("x**2-density")
    assert chain.verdict == REFERENCE
    assert chain.estimate.value == pytest.approx(0.2 / (2 - 0.2), rel=1e-5)
    assert density.estimate.value == pytest.approx(0.1, rel=1e-5)
    assert density.verdict.code == "agrees"
    assert answer.row("x**2-SGD").verdict.code in ("agrees", "inconclusive")
    assert {r.level for r in answer.rows} == {"density", "SGD, grid", "SGD"}
    assert "x²" in str(answer)
    with pytest.raises(ValueError, match="no row 'x'; there are"):
        answer.row("x")


def test_same_seed_same_numbers() -> None:
    a = [r.estimate.value for r in moments(0).rows]
    b = [r.estimate.value for r in moments.__wrapped__(0).rows]
    assert a == b
    sampled = [moments(seed).row("x**2-SGD").estimate.value for seed in (0, 1)]
    assert sampled[0] != sampled[1]


def test_streams_of_one_setting_differ() -> None:
    keys = [setting().rng(k).generate_state(2).tolist() for k in range(5)]
    assert len({tuple(k) for k in keys}) == 5


def test_thresholds_of_a_quadratic() -> None:
    answer = limits.thresholds(Setting(quadratic(), at=({"x": 0.0},), effort=SMALL))
    assert answer.row("lr-deterministic-x = 0").estimate.value == 2.0
    assert answer.row("noise-mean square-x = 0").estimate.value == math.inf
    observed = answer.row("lr-observed")
    assert abs(observed.estimate.value - 2.0) < 0.1
    assert observed.verdict.code == "agrees"
    assert any("the bound is infinite because no sample multiplies x" in s for s in answer.sentences)


def test_the_sentence_of_one_point_names_it_once() -> None:
    answer = limits.thresholds(Setting(quadratic(), at=({"x": 0.0},), effort=SMALL))
    assert "Linear theory puts it at 2 at x = 0." in answer.sentences


def test_multiplicative_noise_is_started_off_its_fixed_point() -> None:
    """Almost sure threshold 2.262 (Lyapunov exponent); half of 40 chains in 4000 steps within 6 %."""
    loss = fp.Loss("(1 + e)*y**2/2", ("y",), {"e": fp.Normal(0, 0.5)})
    effort = replace(SMALL, stability_chains=40, stability_steps=4_000)
    answer = limits.thresholds(Setting(fp.SGD(loss, lr=0.1), at=({"y": 0.0},), effort=effort))
    observed = answer.row("lr-observed")
    assert observed.estimate.ok
    assert observed.estimate.value == pytest.approx(2.262, rel=0.06)
    assert observed.verdict.code == "agrees"


def test_a_sharper_place_elsewhere_is_not_a_difference() -> None:
    loss = fp.Loss("x**4/4 - x**2/2 - s*x", ("x",), {"s": fp.Normal(0, 1)})
    answer = limits.thresholds(Setting(fp.SGD(loss, lr=0.1), at=({"x": 1.0},), effort=SMALL))
    verdict = answer.row("lr-observed").verdict
    assert verdict.code == "not compared"
    assert "sharper place" in verdict.text


@cache
def still() -> fp.SGD:
    loss = fp.Loss(
        "exp(0.5*cos(x))*10*y**2 - sy*y - sx*x",
        ("x", "y"),
        {"sy": fp.Normal(0, "sigma"), "sx": fp.Normal(0, "sigma")},
        constants={"sigma": 0.0},
    )
    return fp.SGD(loss, lr=0.01)


def test_no_noise_is_a_sentence() -> None:
    still_setting = Setting(still(), BOX, "x", region="cos(x) > -0.5", x0={"x": 0.0, "y": 0.0}, effort=SMALL)
    for question in (regularizer.regularizer, gap.gap, escapes.escape, stationary.stationary):
        with pytest.raises(NotValidHere, match="there is no noise, so"):
            question(still_setting)
    across = still().loss.with_constants(sigma=1.0)
    Setting(fp.SGD(across, lr=0.01)).require_noise("so nothing")


# -- the sentence at the top ---------------------------------------------------------------------------


def rows(*entries: tuple[str, str, fp.Estimate]) -> tuple[Row, ...]:
    where = {"lr": 0.01, "batch": 10, "steps": 50_000}
    return tuple(Row(i, "q", level, e, REFERENCE, where) for i, level, e in entries)


def test_headline() -> None:
    steps = fp.Estimate(10_523.0, stat=118.0, unit="steps")
    density = fp.Estimate(10_995.0, unit="steps")
    out = Comparison(
        escapes.QUESTION, rows(("escape-SGD", "SGD", steps), ("escape-density", "density", density))
    )
    observed = fp.Estimate(0.1123, unit="lr", method="half of 200 chains diverge within 50000 steps")
    limit = Comparison(limits.QUESTION, rows(("lr-observed", "SGD", observed)))
    said = headline([out, limit])
    assert said.startswith("At lr 0.01, batch 10, SGD drifts to the flat part in 10 520 ± 120 steps")
    assert "its SDE says 4% slower" in said
    assert "it diverges above lr ≈ 0.11 within 5" in said
    assert said.endswith(" steps.")
    short = fp.Estimate(24.31, disc=0.0312, unit="steps")
    beyond = fp.Estimate(77.0, unit="steps", status="lr times the curvature is 2 or more")
    out = Comparison(
        escapes.QUESTION, rows(("escape-SGD", "SGD", short), ("escape-density", "density", beyond))
    )
    assert "in 24.310 ± 0.031 steps; it diverges" in headline([out, limit])
    lost = fp.Estimate(math.nan, unit="steps", status="3 of 9 replicas diverged")
    gone = Comparison(
        escapes.QUESTION, rows(("escape-SGD", "SGD", lost), ("escape-density", "density", density))
    )
    assert "drifts" not in headline([gone, limit])
    assert headline([Comparison("q", (), ("Not answered: no valley",))]) == "Not answered: no valley"
    assert headline([]) == "No question could be answered."


def test_a_question_that_cannot_be_asked_says_why() -> None:
    done = list(answers(quadratic(), quick=True))
    assert [c.rows for c in done] == [()] * 4
    assert all(c.sentences[0].startswith("Not answered: ") for c in done)


def test_progress_ends_at_one() -> None:
    seen: list[float] = []
    list(answers(quadratic(), quick=True, progress=lambda fraction, _: seen.append(fraction)))
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
