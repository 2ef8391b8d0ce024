"""Benign oscillation: the map, the valley's predictions, and the kernel against plain steps."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from models.benign_oscillation import Parameters, points
from validation.benign_oscillation import edge, network, single, valley
from validation.benign_oscillation.system import BOUNDED, cycle_growth, cycle_square, orbit, step
from validation.claim import CONFIRMED, FAILED, NO_POWER
from validation.judging import ALARM

P = Parameters()


def plain_training(a: float, seed: int, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """The same network with all its weights and patches, in the order of draws of `network.train`."""
    rng = np.random.default_rng([network.SEED, seed])
    data = points(rng, P.points, P, P.missing)
    for missing in (1.0, 0.0):
        points(rng, network.TESTED, P, missing)
    w = rng.standard_normal((2 * P.neurons, P.dimension)) * P.start
    start = w.copy()
    picks = rng.integers(0, P.points, steps)
    x = np.zeros((P.points, 3, P.dimension))
    x[:, 0, 0] = data.label * P.weak
    x[:, 1, 1] = data.label * data.has_strong * P.strong
    x[:, 2, 2:] = data.noise
    sign = np.repeat([1.0, -1.0], P.neurons) / P.neurons
    for i in picks:
        active = np.maximum(w @ x[i].T, 0)
        e = data.label[i] - np.sum(sign[:, None] * active**2)
        w = w + network.learning_rate(a) * e * 2 * sign[:, None] * active @ x[i]
    return start, w


@pytest.mark.parametrize("a", [0.8, 1.2])
def test_kernel_takes_the_same_steps(a: float) -> None:
    steps = 400
    _, w = plain_training(a, 3, steps)
    run = network.train(a, 3, steps)
    sign = np.repeat([1.0, -1.0], P.neurons)
    for column, k, norm in ((0, 0, P.weak), (2, 1, P.strong)):
        for j, s in enumerate((1.0, -1.0)):
            output = np.sum(np.maximum(s * w[sign == s, k] * norm, 0) ** 2) / P.neurons
            assert run.record[-1, column + j] == pytest.approx(output, rel=1e-6)


def test_a_weak_weight_grows_by_the_product_of_its_steps() -> None:
    """ln of the weak weights, of both signs together, moves by the sum of ln(1 + b y e)."""
    run = network.train(1.1, 1, 2000)
    b = 2 * network.learning_rate(1.1) * P.weak**2 / P.neurons
    assert b == pytest.approx(1.1 * 0.04)
    grown = 0.5 * np.log(run.record[-1, :2] / run.record[0, :2]).sum()
    errors, squares = run.record[-1, 4:] - run.record[0, 4:]
    assert grown < b * errors  # ln(1 + b e) < b e
    assert grown > b * errors - b**2 * squares


def test_results_do_not_depend_on_the_executor() -> None:
    with ThreadPoolExecutor(2) as pool:
        both = network.train_all(1.05, 2, network.SEED, pool)
    for a, b in zip(both, network.train_all(1.05, 2, network.SEED), strict=True):
        np.testing.assert_array_equal(a.record, b.record)
        assert a.weak_accuracy == b.weak_accuracy


def test_runaway_is_seen() -> None:
    run = network.train(3.0, 0, 2000)
    assert not run.finished


def test_map() -> None:
    assert pytest.approx(27 / 4) == (1 + BOUNDED) ** 2
    assert step(np.array([1.0]), 0.7)[0] == 1.0
    h = 1e-6
    slope = (step(np.array([1 + h]), 0.7) - step(np.array([1 - h]), 0.7))[0] / (2 * h)
    assert slope == pytest.approx(1 - 2 * 0.7, abs=1e-8)
    assert np.ptp(orbit(0.98)[-10:]) < 1e-6
    assert cycle_square(1.01) == pytest.approx(0.01, rel=0.05)  # beside a = 1 it is a - 1
    assert all(c.run().verdict == CONFIRMED for c in single.claims())


def test_regularizer_of_the_valley() -> None:
    """In closed form: (a b/2)(1 - |u|^2/|v|^2) sigma^2/(1 - a), b = |u|^2/|v|^2 a."""
    for a, noise in ((0.5, 0.02), (0.9, 0.05)):
        closed = a * valley.RATIO * a / 2 * (1 - valley.RATIO) * noise**2 / (1 - a)
        assert valley.regularizer_growth(a, noise) == pytest.approx(closed, rel=1e-5)
    with pytest.raises(ValueError, match="no effective loss is valid"):
        valley.regularizer_growth(1.05, 0.02)


def test_operator_meets_both_pictures_away_from_the_edge() -> None:
    below = valley.operator_growth(0.7, 0.02)
    assert below.value == pytest.approx(valley.regularizer_growth(0.7, 0.02), rel=0.02)
    above = valley.operator_growth(1.15, 0.015)
    assert above.value == pytest.approx(cycle_growth(1.15, valley.RATIO), rel=0.05)


def test_handover() -> None:
    kappa = valley.handover_constant()
    assert kappa == pytest.approx(1.1072, abs=1e-3)
    z = np.linspace(-4, 4, 20_001)
    weight = np.exp(-2 * kappa * z**2 - 4 * z**4)
    assert 4 * kappa * np.sum(z**2 * weight) / np.sum(weight) == pytest.approx(0.5, abs=1e-6)


def test_claims_of_few_runs() -> None:
    assert valley._across(100).run().verdict == CONFIRMED
    assert valley._end().run().verdict == CONFIRMED
    found = edge.mean_of(edge.growths(1.1, 3))
    law = 0.5 * cycle_growth(1.1, 0.04)
    assert abs(found.value / law - 1) < edge.CLOSE + 3 * found.stat / law
    assert abs(found.value / (2 * law) - 1) > edge.CLOSE + 3 * found.stat / law  # every point instead of half


# -- judgements, of runs that are made up ----------------------------------------------------------------

STILL = network.Run(True, 1.0, 0.5, 1.0, np.full((10, 6), 1e-6), 0.9, True)
PLACES, MANY = (0.9, 1.1), 12


def pretend(monkeypatch: pytest.MonkeyPatch, made: Callable[[float, int], network.Run]) -> None:
    """Runs as asked for, instead of trainings."""
    monkeypatch.setattr(edge, "runs", lambda a, n, base: tuple(made(a, k) for k in range(n)))


def accuracy(spread: float, above: float = 0.98) -> Callable[[float, int], network.Run]:
    """Weak-only accuracy of a run: some value above the edge, half below, and as much to either side."""
    return lambda a, k: replace(STILL, weak_accuracy=(above if a > 1 else 0.5) + spread * (-1) ** k)


def test_edge_is_seen_and_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, accuracy(0.01))
    assert edge._edge(PLACES, MANY, ALARM).run().verdict == CONFIRMED
    pretend(monkeypatch, accuracy(0.01, above=0.6))  # learnt hardly more than below
    assert edge._edge(PLACES, MANY, ALARM).run().verdict == FAILED
    pretend(monkeypatch, accuracy(0.4))  # a large error alone refutes nothing
    assert edge._edge(PLACES, MANY, ALARM).run().verdict == NO_POWER


def test_runs_left_out_are_counted_and_widen_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Student's bound of the runs that are left: nine of twelve; from fewer than half nothing follows."""
    whole = accuracy(0.05)

    def some(a: float, k: int) -> network.Run:
        return replace(whole(a, k), finished=a < 1 or k > 1, complete=k != 5)

    pretend(monkeypatch, some)
    found = edge._edge(PLACES, MANY, ALARM).run()
    assert found.verdict == CONFIRMED
    assert "2 of 12 diverged; 1 of 12 start without an active weight" in found.reason
    assert f"with {edge.sigmas(2, 9, 1):.1f} standard errors" in found.reason
    for left in (2, 5):
        pretend(monkeypatch, lambda a, k, left=left: replace(whole(a, k), finished=k < left))
        found = edge._edge(PLACES, MANY, ALARM).run()
        assert found.verdict == NO_POWER
        assert f"only {left} of 12 runs are left; {12 - left} of 12 diverged" in found.reason


def test_windowless_runs_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Growth as predicted in ten runs; in two the weak output is beyond the window from the first."""
    rate, b = 0.5 * cycle_growth(1.1, 0.04), np.arange(1, 300) * network.EVERY
    record = np.zeros((len(b), 6))
    record[:, :2] = 1e-6 * np.exp(2 * rate * b)[:, None]

    def run(a: float, k: int) -> network.Run:
        return replace(STILL, record=record * (1e4 if k < 2 else 1 + k / 100))

    pretend(monkeypatch, run)
    found = edge._speed((1.1,), MANY, ALARM).run()
    assert found.verdict == CONFIRMED
    assert "2 of 12 have no window" in found.reason
    monkeypatch.setattr(edge, "cycle_growth", lambda a, ratio: 2.6 * rate)  # predicted 1.3 times too fast
    assert edge._speed((1.1,), MANY, ALARM).run().verdict == FAILED


def test_fit_is_judged_run_by_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that errs as often as allowed passes with its false alarm; one that errs more is seen."""
    most = edge.most_wrong(24, ALARM)
    chance = 1 - np.prod([stats.binom.cdf(most, edge.TESTED, edge.WRONG)] * 24)
    assert chance < ALARM < 100 * chance

    def verdict(train: float, wrong: int) -> str:
        strong = 1 - wrong / edge.TESTED
        pretend(monkeypatch, lambda a, k: replace(STILL, train_accuracy=train, strong_accuracy=strong))
        return edge._fitted(PLACES, MANY, ALARM).run().verdict

    assert verdict(1.0, most) == CONFIRMED
    assert verdict(1.0, most + 1) == FAILED
    assert verdict(0.99, 0) == FAILED


def test_stillness(monkeypatch: pytest.MonkeyPatch) -> None:
    claim = edge._still((0.6, 0.9), MANY)
    assert 0 < claim.false_alarm < 1e-9
    pretend(monkeypatch, lambda a, k: STILL)
    assert claim.run().verdict == CONFIRMED
    moving = np.exp(np.linspace(0, 0.4, 10))[:, None] * STILL.record
    pretend(monkeypatch, lambda a, k: replace(STILL, record=moving))
    assert claim.run().verdict == FAILED
    pretend(monkeypatch, lambda a, k: replace(STILL, record=moving, loudest=2.0))  # has an edge of its own
    assert claim.run().verdict == NO_POWER


def test_a_sign_without_an_active_weight_is_seen() -> None:
    on = np.where(np.arange(2 * P.neurons) < P.neurons, 1.0, -1.0)
    assert network._complete(on, on)
    off = on.copy()
    off[P.neurons :] = 1.0  # neurons of -1 that only points of +1 reach
    assert not network._complete(off, on)
    assert not network._complete(on, off)


def test_another_seed_gives_other_numbers() -> None:
    """Nothing that was kept for one base seed is shown for another."""
    one, other = (valley.measured_growth(0.8, 0.02, 5, base) for base in (1, 2))
    assert one.value != other.value
    assert network.runs(3.0, 1, 1)[0].weak_accuracy != network.runs(3.0, 1, 2)[0].weak_accuracy
