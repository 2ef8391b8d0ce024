"""Verdicts: when numbers agree, differ, or decide nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.comparison import Row, Verdict, judge
from fokkerplanck.comparison.gap import excess, judge_gap
from fokkerplanck.comparison.verdict import REFERENCE, attempt, choose_reference, verdict_on


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
