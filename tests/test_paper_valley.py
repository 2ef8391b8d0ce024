"""Degenerate and near-degenerate valley: predictions and their power; the long runs are in ``validation``."""

from __future__ import annotations

import numpy as np
import pytest

import fokkerplanck as fp
from validation import near_degenerate, valley_noises
from validation.claim import CONFIRMED, FAILED
from validation.flat_valley import growth
from validation.flat_valley.system import valley
from validation.judging import counted, judged, sigmas
from validation.near_degenerate import system as near
from validation.thresholds import one_sample, running_away


def test_strength_by_the_law() -> None:
    for lr, batch, finite in ((0.01, 10, 0.05580), (0.02, 10, 0.12654), (0.01, 5, 0.11160)):
        found, limit = growth.by_law(valley(4, lr, batch))
        assert found == pytest.approx(finite, abs=1e-5)
        assert limit == pytest.approx(50 * lr / batch)  # Delta


def test_times_of_arrival_go_as_one_over_delta() -> None:
    slow, fast = (valley(4, 0.01, b).passage(False) for b in (20, 5))
    assert slow / fast == pytest.approx(4, rel=1e-6)


def test_place_of_the_minimum() -> None:
    """x*^2 = (c - b/Delta)/d, from the package's own effective loss, and its three thresholds."""
    for batch in (4, 5, 8):
        noise = 0.5 / batch
        expected = np.sqrt((1 - 0.05 / noise) / 0.5)
        assert near.asymptotic(noise, False) == pytest.approx(expected)
        assert near.lowest(near.valley(batch)[1].small_lr) == pytest.approx(expected, abs=1e-4)
    assert near.lowest(near.valley(11)[1].small_lr) == 0  # Delta = .04545, below b/c = .05
    assert near.lowest(near.valley(11)[1]) > 0  # and above .045, the threshold at lr .01
    assert near.lowest(near.valley(12)[1]) == 0
    assert near.asymptotic(0.066, True) == 0  # kappa b/((kappa - 1) c) = .0667
    assert near.asymptotic(0.067, True) > 0


def test_minimum_of_chains_and_a_wrong_one() -> None:
    """Power: 2000 chains tell the minimum at lr .01 from that of the SDE."""
    found = near.place(8, 2000)
    assert judged(found, near.lowest(near.valley(8)[1]), sigmas(blocks=20)).verdict == CONFIRMED
    assert judged(found, near.asymptotic(0.0625, False), sigmas(blocks=20)).verdict == FAILED


def test_mode_of_a_law() -> None:
    x = np.linspace(-2, 2, 401) + 0.005
    assert near.mode(x, np.exp(-((x**2 - 0.5) ** 2))) == pytest.approx(np.sqrt(0.5), abs=1e-3)
    assert near.mode(x, np.exp(-(x**2))) == 0


@pytest.mark.parametrize("noise", ["shift", "label"])
def test_drift_of_other_noises_and_a_wrong_law(noise: str) -> None:
    found = valley_noises.slope(noise, 2.0, 0.3, 1, 2000, 5)
    assert judged(found.with_(model=0.0), 1.0, sigmas(blocks=20)).verdict == CONFIRMED
    assert (
        judged(found.with_(model=0.0), found.model, sigmas(blocks=20)).verdict == FAILED
    )  # the small-lr law


@pytest.mark.parametrize("noise", ["shift", "label"])
def test_other_noises_have_thresholds_and_no_law(noise: str) -> None:
    (claim,) = [c for c in valley_noises.claims(True) if c.id == f"thresholds-{noise}"]
    assert claim.run().verdict == CONFIRMED
    law = valley_noises.valley(noise)[1]
    assert law.marginal is None
    assert "collapses" in law.reasons["marginal"]


def test_bounds_on_the_noise() -> None:
    """E (q e)^2 = 1 and E ln|q e| = 0 for e ~ Normal(0, 1/2), at lr 1."""
    bounds = fp.divergence_thresholds(one_sample.quadratic(1.0), {"y": 0}).noise_scale
    assert bounds.mean_square.value == pytest.approx(2)
    assert bounds.almost_sure.value == pytest.approx(2 * np.exp((np.euler_gamma + np.log(2)) / 2), rel=1e-6)


def test_running_away() -> None:
    """Law of the operator, against 2000 chains; a rate a quarter off, or the tail alone, is refused."""
    for lr, scale, k in ((1.7, 1.0, 3), (1.9, 1.0, 0), (1.0, 2.4, 1)):
        law = running_away.law(lr, scale)
        seen = int(running_away.passing(lr, 2000, 9, scale)[k])
        chance = running_away.expected(lr, scale)[k].value
        steps = running_away.LOOKED[k]
        assert counted(seen, 2000, chance).verdict == CONFIRMED
        assert counted(seen, 2000, 1 - (1 - chance) ** 0.75).verdict == FAILED
        if k == 0:  # a start at y = 0 has not found the tail yet
            assert counted(seen, 2000, float(1 - np.exp(-law.rate.value * steps))).verdict == FAILED


def test_sources_and_departures_are_said() -> None:
    for subject in (near_degenerate, valley_noises):
        assert "recalled" in subject.SOURCE or "may have used" in subject.SOURCE
        assert len(subject.DEPARTURES) >= 2
