"""Verdicts, and a question put to all levels of tiny models."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.comparison import (
    Comparison,
    Row,
    Verdict,
    answers,
    compare,
    floor,
    gap,
    headline,
    judge,
    regularizer,
    stationary,
)
from fokkerplanck.comparison import escape as escapes
from fokkerplanck.comparison import thresholds as limits
from fokkerplanck.comparison.gap import excess, judge_gap
from fokkerplanck.comparison.setting import Effort, Setting
from fokkerplanck.comparison.slopes import fit, of_states
from fokkerplanck.comparison.verdict import REFERENCE, attempt, choose_reference, verdict_on
from fokkerplanck.estimate import NotValidHere

SMALL = Effort(
    chains=400,
    strength_chains=200,
    exits=200,
    path_exits=20,
    scan_exits=40,
    stability_chains=20,
    stability_steps=400,
    burn_in=50,
    snapshots=2,
    cells=48,
    cells_per_step=0.6,
)


@cache
def quadratic(lr: float = 0.2) -> fp.SGD:
    loss = fp.Loss("h*x**2/2 - s*x", ("x",), {"s": fp.Normal(0, 1)}, constants={"h": 1.0})
    return fp.SGD(loss, lr=lr)


@cache
def valley() -> fp.SGD:
    loss = fp.Loss(
        "lam/2*y**2 - sy*y - sx*x",
        ("x", "y"),
        {"sy": fp.Normal(0, 10), "sx": fp.Normal(0, 5)},
        where={"lam": "20*exp(0.5*cos(x))"},
    )
    return fp.SGD(loss, lr=0.01, batch=10)


BOX = fp.Grid(x=("-pi", "pi", 48), y=(-0.45, 0.45, 48), boundary={"x": "periodic"})


def setting(**changes: object) -> Setting:
    given: dict[str, object] = {"grid": BOX, "slow": "x", "effort": SMALL}
    return Setting(valley(), **(given | changes))  # type: ignore[arg-type]


# -- verdicts ------------------------------------------------------------------------------------------


def test_agrees_says_what_would_have_been_seen() -> None:
    v = judge(fp.Estimate(1.02, stat=0.01), fp.Estimate(1.0, stat=0.01))
    assert (v.code, v.against) == ("agrees", "SGD")
    assert v.difference == pytest.approx(0.02)
    assert v.tolerance == pytest.approx(3 * math.hypot(0.01, 0.01))
    assert "would have been seen" in v.text


def test_standard_errors_add_in_squares_and_known_errors_in_full() -> None:
    a = fp.Estimate(1.0, stat=0.003, disc=0.01, model=0.02)
    b = fp.Estimate(1.0, stat=0.004, disc=0.03)
    assert judge(a, b).tolerance == pytest.approx(3 * 0.005 + 0.06)


def test_differs_by_how_much() -> None:
    v = judge(fp.Estimate(1.1), fp.Estimate(1.0, stat=0.01))
    assert v.code == "differs"
    assert v.text == "off by +9.1%, allowed 2.7%"


def test_inconclusive_says_how_many_replicas_would_settle_it() -> None:
    v = judge(fp.Estimate(1.0), fp.Estimate(1.0, stat=0.21))
    assert v.code == "inconclusive"
    assert "10 times as many replicas would settle it" in v.text
    enough = fp.Estimate(1.0, stat=0.21 / math.sqrt(10))
    assert judge(fp.Estimate(1.0), enough).code == "agrees"
    assert "a finer grid" in judge(fp.Estimate(1.0, disc=0.3), fp.Estimate(1.0, stat=0.01)).text


def test_a_tolerance_above_a_fifth_decides_nothing() -> None:
    """A fifth of the larger value, or of a scale that is larger still (a mean that may be 0)."""
    assert judge(fp.Estimate(1.0, model=0.199), fp.Estimate(1.0)).code == "agrees"
    assert judge(fp.Estimate(1.0, model=0.201), fp.Estimate(1.0)).code == "inconclusive"
    assert judge(fp.Estimate(0.0), fp.Estimate(0.0)).code == "agrees"
    zero = fp.Estimate(0.0, stat=0.01)
    assert judge(zero, zero).code == "inconclusive"
    assert judge(zero, zero, scale=1.0).code == "agrees"
    assert judge(fp.Estimate(0.1, stat=0.01), zero, scale=1.0).code == "differs"


def test_rounding_is_no_difference() -> None:
    assert judge(fp.Estimate(2.4e-17), fp.Estimate(-2.3e-16), scale=0.7).code == "agrees"
    assert judge(fp.Estimate(1.0), fp.Estimate(1.0 + 1e-12)).code == "agrees"
    assert judge(fp.Estimate(1.0), fp.Estimate(1.0 + 1e-8)).code == "differs"


def test_the_reference() -> None:
    """The chain on a grid unless it is refused or its steps are assumed; never a number that is wrong."""
    sampled, exact = fp.Estimate(1.0, stat=0.01), fp.Estimate(1.001)
    assert choose_reference(sampled, exact) is exact
    assert choose_reference(sampled, None) is sampled
    assert choose_reference(sampled, exact.with_(status="too narrow")) is sampled
    assert choose_reference(sampled, exact.with_(assumptions=("matched in two moments",))) is sampled
    lost = fp.Estimate(math.nan, status="all replicas diverged")
    assert choose_reference(lost, exact) is lost
    assert choose_reference(fp.Estimate(math.nan, status="not settled"), exact) is exact
    assert verdict_on(sampled, sampled) == REFERENCE
    assert verdict_on(lost, lost) == Verdict("invalid", text="all replicas diverged")
    assert verdict_on(exact, lost).code == "invalid"
    assert verdict_on(exact, sampled).code == "agrees"


def test_one_level_does_not_stop_the_others() -> None:
    def refuse() -> fp.Estimate:
        raise ValueError("no such thing here")

    found = attempt(refuse, "density", "steps")
    assert (found.status, found.unit, found.ok) == ("no such thing here", "steps", False)


def test_invalid_carries_its_sentence() -> None:
    bad = fp.Estimate(3.0, status="the barrier is too low")
    for pair in ((bad, fp.Estimate(3.0)), (fp.Estimate(3.0), bad)):
        v = judge(*pair)
        assert (v.code, v.text) == ("invalid", "the barrier is too low")
    assert judge(fp.Estimate(math.nan), fp.Estimate(1.0)).code == "invalid"


def test_infinite_values() -> None:
    inf, one = fp.Estimate(math.inf), fp.Estimate(1.0)
    assert judge(inf, inf).code == "agrees"
    assert judge(inf, one).code == judge(one, inf).code == "differs"
    assert judge(inf, fp.Estimate(-math.inf)).code == "differs"
    record = judge(inf, one).to_dict()
    assert record["difference"] is None
    assert record["tolerance"] is None


def test_false_alarms_of_the_verdict() -> None:
    """Equal truths differ in 2.7e-3 of all cases: 20000 pairs, within 4 binomial errors."""
    rng = np.random.default_rng(0)
    pairs = 1.0 + 0.01 * rng.standard_normal((20_000, 2))
    codes = [judge(fp.Estimate(a, stat=0.01), fp.Estimate(b, stat=0.01)).code for a, b in pairs]
    assert abs(codes.count("differs") - 54) < 4 * math.sqrt(54)


def test_a_gap_must_be_seen_before_it_counts() -> None:
    predicted = fp.Estimate(0.05)
    assert judge_gap(predicted, fp.Estimate(0.052, stat=0.004)).code == "agrees"
    assert "13 standard errors" in judge_gap(predicted, fp.Estimate(0.052, stat=0.004)).text
    assert judge_gap(predicted, fp.Estimate(0.08, stat=0.004)).code == "differs"
    blind = judge_gap(predicted, fp.Estimate(0.05, stat=0.02))
    assert blind.code == "inconclusive"
    assert "no power to see it" in blind.text
    assert excess(fp.Estimate(1.1, stat=0.1), fp.Estimate(2.0)).value == pytest.approx(-0.45)


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


# -- the edge of a region on the floor of a valley -----------------------------------------------------


def edges(region: str, x0: float = 0.0, grid: fp.Grid = BOX) -> tuple[float, tuple[float, float]]:
    where = setting(region=region, x0={"x": x0, "y": 0.0}, grid=grid)
    return floor.start(where), floor.edges(where)


def test_edges_on_the_floor() -> None:
    start, (low, high) = edges("cos(x) > -0.5")
    assert start == 0.0
    assert (low, high) == pytest.approx((-2 * np.pi / 3, 2 * np.pi / 3), abs=1e-9)
    # The edge that is reached from the start, not one farther on; y on the floor is 0.
    _, (low, high) = edges("cos(3*x) + y > 0", x0=0.1)
    assert (low, high) == pytest.approx((-np.pi / 6, np.pi / 6), abs=1e-9)
    # Paths live unwrapped: an edge may lie beyond the end of the box.
    _, (low, high) = edges("cos(x) > -0.5", x0=2.0)
    assert (low, high) == pytest.approx((-2 * np.pi / 3, 2 * np.pi / 3), abs=1e-9)


def test_edges_that_are_none() -> None:
    with pytest.raises(ValueError, match="does not lie in the region"):
        edges("cos(x) > -0.5", x0=3.0)
    wall = fp.Grid(x=(-3, 3, 48), y=(-0.45, 0.45, 48), boundary={"x": "reflecting"})
    assert edges("x < 1", grid=wall)[1] == pytest.approx((-math.inf, 1.0))
    whole = setting(region="y < 1", x0={"x": 0.0, "y": 0.0}, grid=wall)
    with pytest.raises(ValueError, match="has no edge on the floor"):
        floor.passage(whole, whole.effective, False)


def test_one_edge_only() -> None:
    """A reflecting end reflects; an open one is refused where the time depends on where it lies."""
    start = {"x": 0.0, "y": 0.0}
    wall = fp.Grid(x=(-3, 3, 48), y=(-0.45, 0.45, 48), boundary={"x": "reflecting"})
    where = setting(region="x < 1", x0=start, grid=wall)
    law = where.effective.small_lr
    found = floor.passage(where, law, False)
    assert found.value == law.passage_time(0.0, 1.0, reflecting=-3.0).value
    assert found.ok
    level = fp.Grid(x=(-3, 3, 48), y=(-0.45, 0.45, 48))
    refused = floor.passage(setting(region="x < 1", x0=start, grid=level), law, False)
    assert math.isnan(refused.value)
    assert "ends on one side only" in refused.status
    # A floor that rises holds the chain by itself.
    rising = fp.Loss(
        "x**2/2 + 40*(1 + x**2/100)*y**2/2 - a*x - b*y",
        ("x", "y"),
        {"a": fp.Normal(0, 1), "b": fp.Normal(0, 1)},
    )
    bowl = fp.Grid(x=(-3, 3, 48), y=(-1, 1, 48))
    held = Setting(fp.SGD(rising, lr=0.02), bowl, "x", region="x < 0.2", x0=start, effort=SMALL)
    found = floor.passage(held, held.effective, False)
    assert found.ok
    assert found.disc < 0.01 * found.value
    assert found.value == pytest.approx(
        held.effective.passage_time(0.0, 0.2, reflecting=-5.0).value, rel=1e-6
    )


# -- slopes --------------------------------------------------------------------------------------------


def test_slope_of_exact_and_of_sampled_laws() -> None:
    """States drawn from p ~ F^3 with independent replicas: the slope 3 within 4 errors (false alarm 6e-5)."""
    u = np.linspace(0, 1, 50)
    assert fit(u, 3 * u + 1, np.exp(u)) == pytest.approx(3.0)
    s = setting()
    rng = np.random.default_rng(4)
    x = np.linspace(-np.pi, np.pi, 4001)
    p = np.exp(-0.75 * np.cos(x))
    states = np.stack([rng.choice(x, (4000, 1), p=p / p.sum()), rng.standard_normal((4000, 1))], axis=-1)
    marginal, joint = of_states(s, states, s.effective, "draws")
    assert abs(marginal.value - 3) < 4 * marginal.stat
    assert abs(joint.value - 3) < 4 * joint.stat
    assert 0.02 < marginal.stat < 0.2
    assert abs(marginal.value - 4) > 4 * marginal.stat  # power


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


def test_verdict_is_written_without_nan() -> None:
    record = Row("a", "q", "theory", fp.Estimate(math.nan), Verdict("invalid", text="why")).to_dict()
    assert record["value"] is None
    assert record["verdict"] == {
        "code": "invalid",
        "against": "",
        "difference": None,
        "tolerance": None,
        "text": "why",
    }
