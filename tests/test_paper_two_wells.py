"""Two wells: the model is what it says, predictions are exact where they can be, wrong laws are refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fokkerplanck.exits import from_passages
from validation.claim import CONFIRMED, FAILED, NOT_CONFIRMED
from validation.judging import judged, sigmas
from validation.two_wells import escape, loss_noise, shares
from validation.two_wells.system import FLAT, SHARP, size_of, wells

FEW = replace(size_of(True), exits=600, chains=400)


@pytest.mark.parametrize("tilt", [0.0, -0.05])
def test_minima_have_the_curvatures_and_depths_of_the_model_file(tilt: float) -> None:
    w = wells(8, tilt)
    slope = w.loss.evaluate(w.loss.gradient, np.array([[FLAT], [SHARP]])).ravel()
    np.testing.assert_allclose(slope, 0, atol=1e-12)
    assert w.curvature(FLAT) == pytest.approx(4.0)
    assert w.curvature(SHARP) == pytest.approx(16.8)
    np.testing.assert_allclose(w.height(np.array([FLAT, SHARP])), [-tilt, tilt], atol=1e-12)
    x = np.linspace(FLAT, SHARP, 2001)
    assert (np.diff(np.sign(np.diff(w.height(x)))) != 0).sum() == 1  # one barrier


def test_noise_of_the_setting() -> None:
    assert wells(8).noise == pytest.approx(0.25)
    assert wells(16).noise == pytest.approx(0.125)


def test_times_by_quadrature_and_by_the_laws_of_the_package() -> None:
    w = wells(8)
    assert w.passage(SHARP) == pytest.approx(6110.0, abs=1)
    assert w.passage(FLAT) == pytest.approx(11644.8, abs=1)
    for start in (SHARP, FLAT):
        law = w.sgd.escape(w.way(start), (start,), "kramers")
        assert w.kramers(start) == pytest.approx(law.value, rel=1e-5)
        # Detailed balance: the ratio of both times is that of the masses, but for the way down.
    assert w.passage(FLAT) / w.passage(SHARP) == pytest.approx(w.flat_share / (1 - w.flat_share), rel=0.02)


def test_shares_of_the_flat_minimum() -> None:
    limit = np.sqrt(16.8) / (np.sqrt(16.8) + np.sqrt(4.0))
    gaps = [limit - wells(b).flat_share for b in (16, 32, 64)]
    assert gaps[0] / gaps[1] == pytest.approx(2, abs=0.1)  # first order in the noise
    assert gaps[1] / gaps[2] == pytest.approx(2, abs=0.1)
    assert shares.crossing() == pytest.approx(0.1 / (0.5 * np.log(4.2)))


def test_deterministic_claims_hold() -> None:
    verdicts = {c.id: c.run().verdict for c in shares.claims(FEW) if c.false_alarm == 0}
    assert verdicts == {
        "share-equal": CONFIRMED,
        "share-unequal": CONFIRMED,
        "whatever-the-batch": NOT_CONFIRMED,
    }
    (kramers,) = [c for c in escape.claims(FEW) if c.id == "kramers"]
    assert kramers.run().verdict == CONFIRMED


def test_chains_against_their_operator_and_against_a_wrong_law() -> None:
    """Power: 600 chains refuse a time to the saddle, which is half of that to the other minimum."""
    found = from_passages(escape.passages(6, SHARP, FEW), "SGD chains", "steps")
    exact = wells(6).chain_passage(SHARP)
    assert judged(found, exact.value, sigmas(), bias=exact.disc).verdict == CONFIRMED
    assert judged(found, exact.value / 2, sigmas(), bias=exact.disc).verdict == FAILED


def test_noise_proportional_to_the_loss() -> None:
    (claim,) = [c for c in loss_noise.claims(FEW) if c.id == "noise"]
    assert claim.run().verdict == CONFIRMED
    assert loss_noise.exponent() == pytest.approx(10.5)
    law = loss_noise.chain(0.5).escape("x < 1", (-1.0,), "mori")
    assert loss_noise.mori(0.5) == pytest.approx(law.value, rel=1e-5)
    # The power is that of the exact times between high barriers, not of constant noise.
    times = [loss_noise.passage(a) for a in (0.8, 1.0)]
    assert loss_noise.local_power(times, (0.8, 1.0)) == pytest.approx(10.5, abs=0.1)
    constant = [loss_noise.exponential(a) for a in (0.8, 1.0)]
    assert loss_noise.local_power(constant, (0.8, 1.0)) > 30
