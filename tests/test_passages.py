"""Means of passages that were cut off: coverage counted over repeated experiments.

``MISSES``: a binomial count of misses lies above its mean by less than 3.7 standard deviations; false alarms
1e-4 each, with fixed seeds.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from fokkerplanck.passages import exponential_interval, from_passages
from fokkerplanck.sampling import Passage

EXPERIMENTS = 20_000
FAR = 3.7


def experiments(n: int, cut: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Total times and exits of runs of n replicas, exponential with mean 1, cut off."""
    times = np.random.default_rng(seed).exponential(size=(EXPERIMENTS, n))
    return np.minimum(times, cut).sum(axis=1), (times < cut).sum(axis=1)


def intervals(totals: np.ndarray, exits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both ends of every experiment; they are proportional to the total."""
    counts, which = np.unique(exits, return_inverse=True)
    ends = np.array([exponential_interval(1.0, int(r)) for r in counts])[which]
    return totals * ends[:, 0], totals * ends[:, 1]


def far(misses: int, chance: float) -> float:
    """How many standard deviations more misses there are than a chance allows."""
    return (misses - EXPERIMENTS * chance) / math.sqrt(EXPERIMENTS * chance * (1 - chance))


@pytest.mark.parametrize(("n", "cut"), [(40, 0.02), (20, 0.1), (10, 0.5), (10, 2.0), (300, 0.1)])
def test_intervals_hold_the_mean(n: int, cut: float) -> None:
    """At least as often as they say: from 1 to 30 exits of 10 to 300 replicas."""
    totals, exits = experiments(n, cut, 1)
    low, high = intervals(totals, exits)
    assert far(int((low > 1.0).sum()), np.where(exits == 0, 0.05, 0.025).mean()) < FAR
    assert far(int((high < 1.0).sum()), 0.025) < FAR


@pytest.mark.parametrize(("n", "cut"), [(20, 0.1), (10, 0.5)])
def test_an_interval_of_two_standard_errors_does_not(n: int, cut: float) -> None:
    """What Wald's error would say of few exits: caught as too narrow."""
    totals, exits = experiments(n, cut, 1)
    some = np.maximum(exits, 1)
    mean = totals / some
    missed = (exits > 0) & (abs(mean - 1.0) > 1.96 * mean / np.sqrt(some))
    assert far(int(missed.sum()), 0.05) > FAR


def test_one_degree_of_freedom_less_is_seen() -> None:
    """The lower end from a chi-square law of 2 r instead of 2 r + 2 degrees: that of a run cut at an exit."""
    totals, exits = experiments(10, 0.5, 1)
    low, _ = intervals(totals, np.maximum(exits - 1, 0))
    assert far(int((low > 1.0).sum()), np.where(exits <= 1, 0.05, 0.025).mean()) > FAR


def cut_off(exits: int, n: int = 400) -> Passage:
    flags = np.arange(n) < exits
    return Passage(np.where(flags, 2.0, 5.0), flags, np.zeros(n, dtype=bool))


def test_what_is_said_of_few_exits() -> None:
    none = from_passages(cut_off(0), "SGD", "steps")
    assert none.status == (
        "none of 400 replicas left within 5 steps: the mean is above 668 steps, with a confidence of 95 %"
    )
    assert none.value == pytest.approx(2000 / -math.log(0.05))
    assert str(none).startswith("667.6 ± ? steps [none")
    one = from_passages(cut_off(1), "SGD", "steps")
    assert one.value == pytest.approx(1997)
    assert "only 1 of 400 replicas left within 5 steps: the mean is from 358 to 7.89e+04 steps" in one.status
    many = from_passages(cut_off(100), "SGD", "steps")
    assert many.ok
    assert many.value == pytest.approx(17.0)
    assert many.stat == pytest.approx(1.7, rel=0.06)
    assert "300 of 400 replicas were cut off at 5 steps, and the mean is from 13.98" in many.assumptions[0]
