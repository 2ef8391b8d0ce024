"""Two wells: the model is what it says, predictions are exact where they can be, wrong laws are refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from validation.claim import CONFIRMED, FAILED, NO_POWER, NOT_CONFIRMED, Finding
from validation.judging import counted, judged, sigmas
from validation.two_wells import claims, escape, loss_noise, shares, speed
from validation.two_wells.system import FLAT, SHARP, TILT, Size, Wells, size_of, wells

FEW = replace(size_of(True), exits=600, chains=400, paths=200, walkers=4_000)


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
    assert wells(8, lr=0.02).sgd.lr == 0.02
    assert wells(4, lr=0.005).noise == pytest.approx(0.25)
    assert wells(4, lr=0.005).passage(SHARP) * 0.005 == pytest.approx(wells(8).passage(SHARP) * 0.01)


def test_every_setting_and_purpose_has_a_seed_of_its_own() -> None:
    settings = [wells(8), wells(4, lr=0.005), wells(8, lr=0.02), wells(8, TILT), wells(32)]
    keys = {tuple(w.key(51, p, s)) for w in settings for p in range(1, 6) for s in (SHARP, FLAT)}
    assert len(keys) == 50


def test_what_is_judged_against_stands_in_the_prediction() -> None:
    """Of sampled claims about SGD: its operator's value beside the SDE's."""
    of_sgd = [c for c in claims(True) if c.false_alarm]
    assert len(of_sgd) == 11
    for claim in of_sgd:
        assert "transition operator" in claim.predicted, claim.id
        assert "SDE" in claim.predicted, claim.id


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
    exact = {c.id: c.run().verdict for c in escape.claims(FEW) if c.false_alarm == 0}
    assert exact == {"finite-time": CONFIRMED, "kramers": CONFIRMED}


def test_chains_against_their_operator_and_against_a_wrong_law() -> None:
    """Power: 600 chains refuse a time to the saddle, which is half of that to the other minimum."""
    found = escape.by_chains(wells(6), SHARP, FEW)
    exact = wells(6).chain_passage(SHARP)
    assert judged(found, exact.value, sigmas(), bias=exact.disc).verdict == CONFIRMED
    assert judged(found, exact.value / 2, sigmas(), bias=exact.disc).verdict == FAILED


def test_splitting_where_no_chain_would_leave_and_against_the_sde() -> None:
    w, bound = wells(escape.RARE), sigmas(blocks=escape.REPEATS)
    found, exact = escape.by_splitting(w, FLAT, FEW), w.chain_passage(FLAT)
    assert exact.value > 1e9
    assert judged(found, exact.value, bound, bias=exact.disc).verdict == CONFIRMED
    assert judged(found, exact.value / 2, bound, bias=exact.disc).verdict == FAILED
    # With the sharp minimum .1 deeper the order turns round.
    assert w.passage(SHARP) < w.passage(FLAT)
    assert wells(escape.RARE, TILT).passage(SHARP) > wells(escape.RARE, TILT).passage(FLAT)
    assert wells(8, TILT).passage(SHARP) < wells(8, TILT).passage(FLAT)


def test_law_at_finite_time() -> None:
    """SDE and chain by operators, paths and chains by counting; a law of half the mean time is refused."""
    w = wells(6)
    sde, sgd = escape.gone(w, SHARP)
    np.testing.assert_allclose(sde, 1 - np.exp(-escape.PORTIONS), atol=0.03)
    paths, chains = escape.left_paths(w, SHARP, FEW), escape.left(w, SHARP, FEW)
    for p, e, of_chain, k in zip(sde, paths, sgd, chains, strict=True):
        assert judged(e, p, sigmas(8)).verdict == CONFIRMED
        assert counted(int(k), FEW.exits, of_chain, 8).verdict == CONFIRMED
    half = 1 - np.exp(-2 * escape.PORTIONS[1])
    assert judged(paths[1], half, sigmas(8)).verdict == FAILED
    assert counted(int(chains[1]), FEW.exits, half, 8).verdict == FAILED


def _at_batch_6(monkeypatch: pytest.MonkeyPatch, factor: float, few: Size) -> Finding:
    """The claim about finite times, as if the exact law had so many times its rate."""
    exact = escape.gone
    monkeypatch.setattr(escape, "BATCH", 6)

    def wrong(w: Wells, start: float) -> tuple[list[float], list[float]]:
        sde, sgd = ((1 - (1 - np.array(v)) ** factor).tolist() for v in exact(w, start))
        return sde, sgd

    monkeypatch.setattr(escape, "gone", wrong)
    (claim,) = [c for c in escape.claims(few) if c.id == "finite-time-sampled"]
    return claim.run()


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, CONFIRMED), (2.0, FAILED), (0.5, FAILED)])
def test_a_wrong_rate_at_finite_time_is_refused(
    monkeypatch: pytest.MonkeyPatch, factor: float, verdict: str
) -> None:
    assert _at_batch_6(monkeypatch, factor, FEW).verdict == verdict


def test_too_few_to_tell_the_rate_at_finite_time(monkeypatch: pytest.MonkeyPatch) -> None:
    found = _at_batch_6(monkeypatch, 1.0, replace(FEW, exits=30, paths=30))
    assert found.verdict == NO_POWER
    assert "no power" in found.reason


def test_way_from_the_sharp_minimum_step_by_step() -> None:
    """Chains follow the operator from where they start; its law comes to the slowest rate, after a lag."""
    w = wells(6)
    steps = shares.looks(w)[:-1]
    law = w.chain_grown(steps)
    seen = shares.course(w, FEW)[0]
    for s, e in zip(seen, law, strict=False):
        assert e.disc < 1e-5
        assert counted(round(s * FEW.chains), FEW.chains, e.value, 4, bias=e.disc).verdict == CONFIRMED
    half = w.chain_grown([steps[1] // 2])[0].value
    assert counted(round(seen[1] * FEW.chains), FEW.chains, half, 4).verdict == FAILED
    rate = w.chain.spectrum(2).rates[1].value
    lag = [w.chain_share * (1 - np.exp(-rate * k)) - e.value for k, e in zip(steps, law, strict=True)]
    assert 0.01 > lag[0] > lag[1] > lag[2] > lag[3] > 0
    assert lag[0] / lag[2] == pytest.approx(np.exp(rate * (steps[2] - steps[0])), rel=0.01)
    # After one step the law is the Gaussian of the noise, and no chain has crossed.
    assert w.chain_grown([1])[0].value < 1e-12


def test_the_way_across_takes_as_long_from_either_minimum() -> None:
    """By detailed balance, so that the allowance for it is that of the flat minimum from both."""
    w = wells(8)
    for start in (SHARP, FLAT):
        missing = 1 - np.exp(-escape.PORTIONS[0]) - np.array(escape.gone(w, start))[:, 0]
        late = missing * w.passage(start) / ((1 - escape.PORTIONS[0]) * np.exp(-escape.PORTIONS[0]))
        assert (late > 90).all()  # steps, where the sharp minimum's relaxation takes 6
        assert (late < 130).all()


def test_order_by_learning_rate_over_batch() -> None:
    ratios = [w.lr / w.batch for w in speed.scanned()]
    assert ratios == sorted(ratios)
    assert ratios[1] == pytest.approx(ratios[2])
    law = [speed.arrival_law(w) for w in speed.scanned()]
    good = Finding("", CONFIRMED)
    assert speed.ordered(good, [e.with_(stat=0.01 * e.value) for e in law], -1).verdict == CONFIRMED
    assert speed.ordered(good, [e.with_(stat=0.5 * e.value) for e in law], -1).verdict == NO_POWER
    assert speed.ordered(good, [e.with_(stat=0.01 * e.value) for e in law], 1).verdict == NO_POWER


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
