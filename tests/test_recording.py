"""What is noted of an ensemble on the way: means, averages over time, visits."""

from __future__ import annotations

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.recording import BLOCKS

LOSS = fp.Loss("h*x**2/2 - s*x", ("x",), {"s": fp.Normal(0, 1)}, constants={"h": 1.5})
SGD = fp.SGD(LOSS, lr=0.2, batch=2)
VARIANCE = 0.2 / 2 / (1.5 * (2 - 0.2 * 1.5))


def exact(start: float, step: np.ndarray) -> np.ndarray:
    """E x^2 of the chain after some steps."""
    decay = (1 - 0.2 * 1.5) ** (2 * step)
    return np.asarray(decay * start**2 + VARIANCE * (1 - decay))


def test_means_on_the_way_are_those_of_the_chain() -> None:
    """E x^2 from x = 1, every step; 21 looks within 4 standard errors: false alarms 1.3e-3."""
    record = fp.Record(every=1, observables=("x**2", "x"))
    run = SGD.simulate(40_000, 20, (1.0,), rng=0, record=record)
    found, truth = run.history.mean("x**2"), exact(1.0, np.arange(21.0))
    assert list(run.history.times) == list(range(21))
    assert all(abs(e.value - t) <= 4 * e.stat for e, t in zip(found, truth, strict=True))
    # The error bars are no larger than they should be, and a lr half a per cent off would be seen.
    assert max(e.stat for e in found[1:]) < 0.01
    wrong = exact(1.0, np.arange(21.0) * 1.05)
    assert any(abs(e.value - w) > 4 * e.stat for e, w in zip(found, wrong, strict=True))
    assert run.history.means[-1, 1] == pytest.approx(run.final.mean(), rel=1e-12)
    assert (run.history.states[-1] == run.final[:8]).all()


def test_looking_changes_no_bit() -> None:
    plain = SGD.simulate(300, 23, (1.0,), rng=3)
    watched = SGD.simulate(300, 23, (1.0,), rng=3, record=fp.Record(every=5))
    assert (plain.final == watched.final).all()
    sde = SGD.sde()
    paths = [sde.simulate(300, 0.8, (1.0,), rng=3, record=r) for r in (None, fp.Record(every=0.05))]
    assert (paths[0].final == paths[1].final).all()
    assert (paths[0].coarse == paths[1].coarse).all()


def test_averages_over_time_quote_the_error_between_replicas() -> None:
    """100 experiments of 64 replicas: the error covers as often as a standard error does (3 s.e. of 100
    binomials), and the average over 100 correlated looks is far sharper than one look."""
    record = fp.Record(every=2, observables=("x**2",), after=20)
    scores, one = [], []
    for seed in range(100):
        run = SGD.simulate(64, 220, (0.0,), rng=seed, record=record)
        found = run.history.average("x**2")
        scores.append((found.value - VARIANCE) / found.stat)
        one.append(run.mean("x**2").stat / found.stat)
    assert 0.683 - 3 * 0.0465 < np.mean(np.abs(scores) < 1) < 0.683 + 3 * 0.0465
    assert abs(np.mean(scores)) < 0.4
    assert np.mean(one) > 3


def test_visits_follow_the_law() -> None:
    """Chi-square of visits to cells, against the exact Gaussian law, from independent blocks."""
    grid = fp.Grid(x=(-1, 1, 20))
    record = fp.Record(every=4, grid=grid, after=40)
    run = SGD.simulate(16_000, 400, (0.0,), rng=1, record=record)
    p, error = run.history.density(), run.history.density_error
    edges = np.linspace(-1, 1, 21) / np.sqrt(VARIANCE)
    from scipy.stats import chi2, norm

    truth = np.diff(norm.cdf(edges)) / 0.1
    seen = truth > 1e-3
    score = float((((p.values - truth) / error)[seen] ** 2).sum())
    # An error from 16 blocks makes each term an F of 1 and 15 degrees of freedom: 15/13 in the mean.
    assert score * 13 / 15 < chi2.ppf(0.999, seen.sum())
    assert float((((p.values - 1.03 * truth) / error)[seen] ** 2).sum()) * 13 / 15 > chi2.ppf(
        0.999, seen.sum()
    )
    assert p.info.replicas == 16_000
    mean = p.mean("x**2")  # cells of width h add h^2/12
    assert abs(mean.value - VARIANCE - 0.1**2 / 12) < 3 * mean.stat < 0.04 * VARIANCE
    assert len(run.history.counts) == BLOCKS


def test_step_bias_of_paths_is_removed() -> None:
    """An Ornstein–Uhlenbeck process at a coarse step: E x^2 = D/(1 - dt/2) before, D after to 1e-3."""
    sde = fp.SDE(variables=("x",), drift=["-x"], diffusion="1")
    record = fp.Record(every=0.4, observables=("x**2",), after=4.0)
    run = sde.simulate(20_000, 12.0, (0.0,), rng=5, dt=0.05, record=record)
    found = run.history.average("x**2")
    assert abs(found.value - 1.0) < 4 * found.stat + 0.05**2
    assert found.disc == pytest.approx(0.025, rel=0.25)
    assert found.stat < 0.01


def test_diverged_replicas_are_counted() -> None:
    loss = fp.Loss("x**4/4 - s*x", ("x",), {"s": fp.Normal(0, 1)})
    run = fp.SGD(loss, lr=0.5).simulate(400, 200, (1.0,), rng=0, record=fp.Record(every=20))
    history = run.history
    assert history.diverged[0] == 0
    assert history.diverged[-1] == run.diverged.sum() > 0
    assert "diverged" in history.average("x").status
    assert np.isnan(history.mean("x")[-1].value)


def test_a_record_that_cannot_be_kept_is_refused() -> None:
    with pytest.raises(ValueError, match="every is 0"):
        fp.Record(every=0)
    with pytest.raises(ValueError, match="whole steps"):
        SGD.simulate(10, 20, (0,), record=fp.Record(every=2.5))
    with pytest.raises(ValueError, match="the run ends after 20 steps"):
        SGD.simulate(10, 20, (0,), record=fp.Record(every=50))
    with pytest.raises(ValueError, match="after is 30"):
        SGD.simulate(10, 20, (0,), record=fp.Record(every=5, after=30))
    run = SGD.simulate(10, 20, (0,), rng=0, record=fp.Record(every=5))
    with pytest.raises(ValueError, match="which was not recorded"):
        run.history.mean("x**7")
    with pytest.raises(ValueError, match="give the record a grid"):
        run.history.density()


def test_a_history_is_data_and_a_picture() -> None:
    run = SGD.simulate(100, 50, (1.0,), rng=0, record=fp.Record(every=10, observables=("x**2",), after=20))
    data = run.history.to_xarray()
    assert dict(data.sizes) == {"time": 6, "observable": 1, "replica": 8, "coordinate": 1}
    ax = run.history.plot()
    assert ax.get_xlabel() == "steps"
