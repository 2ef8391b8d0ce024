"""Criteria of claims: what passes, what is refused, what has no power, and how often a true claim fails."""

from __future__ import annotations

import math

import numpy as np
import pytest

import fokkerplanck as fp
from validation.claim import CONFIRMED, FAILED, NO_POWER, NOT_CONFIRMED, Finding
from validation.judging import ALARM, above, all_of, counted, exact, judged, sigmas, within


def test_so_many_standard_errors() -> None:
    assert judged(fp.Estimate(1.02, stat=0.01), 1.0, 3.0).verdict == CONFIRMED
    assert judged(fp.Estimate(1.04, stat=0.01), 1.0, 3.0).verdict == FAILED
    assert judged(fp.Estimate(1.04, stat=0.01), 1.0, 5.0).verdict == CONFIRMED
    assert judged(fp.Estimate(1.04, stat=0.01), 1.0, 3.0, bias=0.02).verdict == CONFIRMED
    assert judged(fp.Estimate(1.04, stat=0.01, disc=0.02), 1.0, 3.0).verdict == CONFIRMED
    lost = judged(fp.Estimate(math.nan, status="3 of 9 replicas diverged"), 1.0, 3.0)
    assert lost.reason.startswith("3 of 9")


def test_a_rival_that_cannot_be_told_apart_means_no_power() -> None:
    close = judged(fp.Estimate(1.0, stat=0.01), 1.0, 3.0, rival=1.02)
    assert close.verdict == NO_POWER
    assert "no power to see it: a gap of 0.02" in close.reason
    assert "3 times the replicas would" in close.reason
    far = judged(fp.Estimate(1.0, stat=0.01), 1.0, 3.0, rival=1.05)
    assert far.verdict == CONFIRMED
    assert "from 1.05 it is off by -0.05" in far.reason
    hopeless = judged(fp.Estimate(1.0, stat=0.01), 1.0, 3.0, rival=1.02, bias=0.1)
    assert hopeless.verdict == NO_POWER
    assert "replicas" not in hopeless.reason


def test_counts_near_all_and_none() -> None:
    """The exact interval of 1000 of 1000 ends at (alarm/2)^(1/1000) = .9924; a normal one has no width."""
    assert counted(1000, 1000, 1.0).verdict == CONFIRMED
    assert counted(1000, 1000, 0.993).verdict == CONFIRMED
    assert counted(1000, 1000, 0.992).verdict == FAILED
    assert counted(1000, 1000, 0.992, bias=0.001).verdict == CONFIRMED
    assert counted(1000, 1000, 1.0, rival=0.9).verdict == CONFIRMED
    assert counted(1000, 1000, 1.0, rival=0.995).verdict == NO_POWER
    assert counted(0, 20, 0.0).verdict == CONFIRMED
    assert counted(0, 20, 0.4).verdict == FAILED


def test_several_numbers_under_one_claim() -> None:
    parts = {"a": exact(1.0, 1.0, 1e-9), "b": exact(1.0, 1.1, 1e-9)}
    assert all_of(parts).verdict == FAILED
    parts["b"] = Finding("1", NO_POWER, "why", (fp.Estimate(1.0),))
    assert all_of(parts).verdict == NO_POWER
    assert all_of({"a": parts["a"]}).verdict == CONFIRMED
    assert len(all_of(parts).numbers) == 2


def test_a_mean_between_bounds_and_above_one() -> None:
    good, far = fp.Estimate(0.94, stat=0.01), fp.Estimate(0.85, stat=0.01)
    assert within(good, 0.92, 0.96, 4.0, 0.77).verdict == CONFIRMED
    assert within(far, 0.92, 0.96, 4.0, 0.77).verdict == FAILED
    assert within(fp.Estimate(0.95, stat=0.05), 0.92, 0.96, 4.0, 0.77).verdict == NO_POWER
    assert above(good, 0.9, 3.9, 0.93).verdict == CONFIRMED
    small = fp.Estimate(0.01, stat=0.003)
    assert above(small, 0.0, 4.0, 0.05).verdict == FAILED
    assert above(small, 0.0, 4.0, 0.03, NOT_CONFIRMED).verdict == NOT_CONFIRMED
    assert above(small, 0.0, 4.0, 0.02).verdict == NO_POWER


@pytest.mark.parametrize("numbers", [1, 8])
@pytest.mark.parametrize("blocks", [None, 5, 20])
def test_true_claims_fail_as_rarely_as_stated(numbers: int, blocks: int | None) -> None:
    """At an alarm of .02, 20000 claims: within 4 binomial errors (6e-5). Three do not do."""
    rng = np.random.default_rng([numbers, blocks or 0])
    alarm, claims = 0.02, 20_000
    if blocks is None:
        t = rng.standard_normal((claims, numbers))
    else:
        x = rng.standard_normal((claims, numbers, blocks))
        t = x.mean(axis=2) / (x.std(axis=2, ddof=1) / math.sqrt(blocks))
    failed = (np.abs(t).max(axis=1) > sigmas(numbers, blocks, alarm=alarm)).mean()
    expected = 1 - (1 - alarm / numbers) ** numbers  # Bonferroni's bound is hardly above it
    assert abs(failed - expected) < 4 * math.sqrt(alarm / claims)
    if blocks == 5:
        assert (np.abs(t) > 3).mean() > 0.035  # what three standard errors of five blocks are worth


@pytest.mark.parametrize("p", [0.001, 0.02, 0.5, 0.995])
def test_counts_fail_more_rarely_than_stated(p: float) -> None:
    """The exact interval is never too short; the normal one is at p = .02."""
    n, claims = 2_000, 20_000
    seen, times = np.unique(np.random.default_rng(3).binomial(n, p, claims), return_counts=True)
    failed = sum(k for s, k in zip(seen, times, strict=True) if counted(int(s), n, p).verdict == FAILED)
    assert failed <= ALARM * claims + 4 * math.sqrt(ALARM * claims)
    if p == 0.02:
        error = np.sqrt(seen / n * (1 - seen / n) / n)
        assert times[np.abs(seen / n - p) > sigmas() * error].sum() > 2 * ALARM * claims
