"""Where the levels must not agree, or no number may be given: each is an outcome with a sentence."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.comparison import regularizer
from fokkerplanck.comparison.setting import QUICK, Setting
from fokkerplanck.passages import from_passages
from fokkerplanck.sampling import Passage

PERIODIC = fp.Grid(x=("-pi", "pi", 48), y=(-0.6, 0.6, 48), boundary={"x": "periodic"})


@cache
def valley_loss() -> fp.Loss:
    return fp.Loss(
        "lam/2*y**2 - sy*y - sx*x",
        ("x", "y"),
        {"sy": fp.Normal(0, "sigma"), "sx": fp.Normal(0, "sigma/2")},
        where={"lam": "20*exp(0.5*cos(x))"},
        constants={"sigma": 10.0},
    )


@cache
def quadratic_loss(h: float = 1.0, c: float = 0.0) -> fp.Loss:
    return fp.Loss(
        "h/2*(1 + e)*x**2 - s*x",
        ("x",),
        {"s": fp.Normal(0, 1), "e": fp.Normal(0, "c")},
        constants={"h": h, "c": c},
    )


def double_well(noise: float, lr: float = 0.01) -> fp.SGD:
    """V = x^4/4 - x^2/2 with D = noise: barrier 1/4."""
    loss = fp.Loss(
        "x**4/4 - x**2/2 - s*x", ("x",), {"s": fp.Normal(0, "d")}, constants={"d": math.sqrt(2 * noise / lr)}
    )
    return fp.SGD(loss, lr)


# -- SDE and density quoted for SGD --------------------------------------------------------------------


def test_beyond_eta_lambda_two_the_sde_has_a_density_and_the_chain_diverges() -> None:
    sgd = fp.SGD(quadratic_loss(h=1.0), lr=2.1)
    density = sgd.sde().generator(fp.Grid(x=(-9, 9, 128))).stationary()
    assert density.mean("x**2").value == pytest.approx(2.1 / 2, rel=1e-3)
    run = sgd.simulate(50, 400, (0.1,), rng=0)
    assert run.status == "50 of 50 replicas diverged by step 400"
    assert math.isnan(run.mean("x**2").value)
    assert "50 of 50" in run.mean("x**2").status
    answer = fp.compare(sgd, "stationary", quick=True)
    codes = {r.level: r.verdict.code for r in answer.rows}
    assert codes["density"] == codes["SGD, grid"] == "invalid"
    assert "replicas diverged" in answer.row("x**2-SGD").estimate.status
    quoted = sgd.escape("abs(x) < 1", (0,), method="density")
    assert "lr times the curvature is 2 or more: the chain diverges" in quoted.status


def test_a_density_quoted_for_sgd_brings_its_gap() -> None:
    """u/(1 - u), u = eta lambda/2, of the value, an exit also a step's overshoot; the chain is within."""
    sgd = fp.SGD(quadratic_loss(h=1.0), lr=0.3)
    time = sgd.escape("abs(x) < 0.8", (0,), method="density")
    gap = 0.15 / (1 - 0.15)
    chains = sgd.escape("abs(x) < 0.8", (0,), n=4000, rng=1)
    assert time.model > gap * time.value
    assert abs(chains.value - time.value) < time.model + 3 * chains.stat
    assert abs(chains.value - time.value) > 0.5 * time.value
    answer = fp.compare(sgd, "stationary", quick=True)
    e = answer.row("x**2-density").estimate
    assert e.model == pytest.approx(gap * e.value, rel=1e-6)
    chain = answer.row("x**2-grid").estimate
    assert abs(e.value - chain.value) > 0.1 * chain.value  # the gap is real ...
    assert abs(e.value - chain.value) <= e.model * (1 + 1e-9)  # ... and was said
    assert answer.row("x**2-density").verdict.code != "differs"


def test_oscillation_beyond_eta_lambda_two() -> None:
    """Chains live on at the flat part, so nothing diverges; the adiabatic law must not be quoted."""
    sgd = fp.SGD(valley_loss(), lr=0.07, batch=10)
    assert not sgd.simulate(50, 2000, (0, 0), rng=0).diverged.any()
    answer = fp.compare(sgd, "regularizer", slow="x", grid=PERIODIC, quick=True)
    (row,) = answer.rows
    assert row.verdict.code == "invalid"
    assert math.isnan(row.estimate.value)
    assert "not valid here: eta lambda" in row.verdict.text
    assert "oscillates" in answer.sentences[0]


# -- escape laws ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("noise", "region", "sentence"),
    [
        (0.1, "x < 1", "the barrier is 2.5 times the noise"),
        (0.02, "x < -0.5", "no saddle"),
        (0.02, "x < 0.05", "lies on the saddle"),
    ],
)
@pytest.mark.parametrize("law", ["kramers", "ito"])
def test_laws_of_escape_where_they_do_not_hold(law: str, noise: float, region: str, sentence: str) -> None:
    found = double_well(noise).escape(region, (-1,), method=law)
    assert sentence in found.status
    assert not found.ok


def test_a_law_that_does_not_hold_gets_no_verdict() -> None:
    setting = Setting(double_well(0.1, lr=0.1), region="x < 1", x0={"x": -1.0})
    small = replace(QUICK, exits=60, path_exits=20)
    from fokkerplanck.comparison.escape import escape

    answer = escape(replace(setting, effort=small))
    for law in ("kramers", "ito", "mori"):
        assert answer.row(f"escape-{law}").verdict.code == "invalid"
        assert "not valid here" in answer.row(f"escape-{law}").verdict.text


# -- valleys -------------------------------------------------------------------------------------------


def test_adiabatic_theory_where_the_rates_are_not_separated() -> None:
    sgd = fp.SGD(valley_loss().with_constants(sigma=600), lr=0.01, batch=10)
    answer = fp.compare(sgd, "regularizer", slow="x", grid=PERIODIC, quick=True)
    assert [r.verdict.code for r in answer.rows] == ["invalid"]
    assert "so they are not separated" in answer.sentences[0]
    late = fp.effective_loss(sgd, slow="x").passage_time(0.0, (-2.0, 2.0))
    assert "not separated" in late.status


COLLAPSING = {"shift": "lam/2*(y - xi)**2 - lam*xi**2/2", "label": "(sqrt(lam)*y - xi)**2/2"}


@cache
def collapsing(name: str) -> fp.SGD:
    loss = fp.Loss(
        COLLAPSING[name], ("x", "y"), {"xi": fp.Normal(0, 0.05)}, where={"lam": "20*exp(0.5*cos(x))"}
    )
    return fp.SGD(loss, lr=0.01)


@pytest.mark.parametrize("name", list(COLLAPSING))
def test_noise_that_vanishes_on_a_line(name: str) -> None:
    """No stationary density: generator and transition refuse, the report says where SGD collapses."""
    sgd = collapsing(name)
    with pytest.raises(ValueError, match=r"noise vanishes .* the law collapses onto it and has no density"):
        sgd.sde().generator(PERIODIC)
    with pytest.raises(ValueError, match="not valid on this grid"):
        sgd.transition(PERIODIC)
    setting = Setting(sgd, PERIODIC, slow="x", effort=replace(QUICK, strength_chains=80))
    answer = regularizer.regularizer(setting, points=())
    assert "no noise acts along the valley at x = " in answer.sentences[0]
    assert "collapses onto" in answer.sentences[0]
    assert not any("slope" in r.quantity and r.estimate.ok for r in answer.rows)
    with pytest.raises(ValueError, match="collapses"):
        fp.effective_loss(sgd, slow="x").evaluate("marginal", 0.3)


# -- thresholds and tails ------------------------------------------------------------------------------


def test_no_threshold_where_samples_leak_out_of_the_range() -> None:
    loss = fp.Loss("x**2/2 + e*x*y", ("x", "y"), {"e": fp.Normal(0, 1)})
    t = fp.divergence_thresholds(fp.SGD(loss, lr=0.1), at={"x": 0, "y": 0})
    for e in (t.lr_mean_square, t.lr_almost_sure, t.noise_scale.mean_square):
        assert "drift or run-away along the valley" in e.status


def test_heavy_tails_take_the_error_bar_away() -> None:
    """alpha <= 4: <x²> has no error bar; with alpha far above 4 it has one, and is right."""
    wild = fp.SGD(quadratic_loss(c=0.5), lr=1.45)
    mild = wild.with_(lr=0.5)
    alpha = fp.divergence_thresholds(wild, {"x": 0}).tail_exponent()
    assert 2 < alpha.value < 4
    assert fp.divergence_thresholds(mild, {"x": 0}).tail_exponent().value > 8
    # At 40 000 chains three of twenty seeds are not flagged; here the bound is four standard errors away.
    found = wild.simulate(160_000, 300, (0,), rng=1).mean("x**2")
    assert "the tail is heavy" in found.status
    assert "neither this mean nor its error bar" in found.status
    assert wild.simulate(40_000, 300, (0,), rng=1).mean("abs(x)").ok  # its variance exists
    good = mild.simulate(40_000, 100, (0,), rng=1).mean("x**2")
    assert good.ok
    assert abs(good.value - 0.5 / (2 - 0.5 * 1.25)) < 4 * good.stat  # false alarm 6e-5


@pytest.mark.parametrize("power", [1, 2, 4])
def test_moments_of_a_normal_keep_their_error_bar(power: int) -> None:
    final = np.random.default_rng(3).standard_normal((20_000, 1))
    run = fp.Ensemble(("x",), final, np.zeros(20_000, dtype=bool))
    assert run.mean(f"x**{power}").ok


# -- atomic noise against a density --------------------------------------------------------------------


def test_atomic_noise_agrees_with_a_density_in_moments_only() -> None:
    """Signs at lr = 1/2 fill (-1, 1) evenly (x' = x/2 ± 1/2): <x²> = 1/3, <x⁴> = 1/5; a normal has 1/3."""
    loss = fp.Loss("x**2/2 - r*x", ("x",), {"r": fp.Rademacher()})
    sgd = fp.SGD(loss, lr=0.5)
    operator = sgd.transition(fp.Grid(x=(-4, 4, 200)))
    assert "replaced by a Gaussian of the same mean and covariance" in operator.method
    matched = operator.stationary()
    assert "replaced by a Gaussian" in matched.mean("x**2").method
    run = sgd.simulate(40_000, 60, (0,), rng=2)
    assert matched.mean("x**2").value == pytest.approx(1 / 3, abs=1e-6)
    assert matched.mean("x**4").value == pytest.approx(3 / 9, abs=1e-5)
    assert abs(run.mean("x**2").value - 1 / 3) < 4 * run.mean("x**2").stat  # false alarm 6e-5
    assert abs(run.mean("x**4").value - 1 / 5) < 4 * run.mean("x**4").stat
    assert run.final.min() > -1.0
    assert run.final.max() < 1.0


# -- paths at dt = lr ----------------------------------------------------------------------------------


def test_paths_never_run_at_the_learning_rate() -> None:
    sde = fp.SGD(quadratic_loss(), lr=0.1).sde()
    start = np.zeros((1, 1))
    for t in (0.1, 1.0, 50.0, 1e4):
        assert sde.step_length(start, t) <= 0.1 / 16
    for dt in (0.1, 0.2, 0.05, 0.007):
        with pytest.raises(ValueError, match="at dt = lr paths are SGD itself"):
            sde.simulate(10, 1.0, (0,), dt=dt)
        with pytest.raises(ValueError, match="at dt = lr paths are SGD itself"):
            sde.first_passage("x < 1", 10, (0,), 1.0, dt=dt)
    assert sde.simulate(10, 1.0, (0,), rng=0, dt=0.1 / 16).status == "ok"
    free = fp.SDE(variables=("x",), drift=["-x"], diffusion="1")  # no chain behind it: any step
    assert free.simulate(10, 1.0, (0,), rng=0, dt=0.1).status == "ok"
    for dt in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="dt is"):
            free.simulate(10, 1.0, (0,), dt=dt)


def test_gaussian_paths_at_dt_equal_lr_would_be_sgd() -> None:
    """The reason for the refusal: the two laws have the same mean and covariance of a step, exactly."""
    sgd = fp.SGD(quadratic_loss(), lr=0.1, batch=2)
    x = np.array([[0.7]])
    drift, diffusion = sgd.sde().coefficients(x)
    grid_step = sgd.transition(fp.Grid(x=(-2, 2, 200)))._step(x)
    assert grid_step.shift[0, 0, 0] == pytest.approx(0.1 * drift[0, 0], rel=1e-14)
    assert grid_step.covariance[0, 0, 0] == pytest.approx(2 * diffusion[0, 0, 0] * 0.1, rel=1e-14)


# -- runs that end early -------------------------------------------------------------------------------


def test_exits_that_were_not_seen() -> None:
    def run(exited: int, diverged: int) -> fp.Estimate:
        flags = np.arange(50)
        return from_passages(
            Passage(np.full(50, 7.0), flags < exited, flags >= 50 - diverged), "SGD", "steps"
        )

    assert run(50, 0).ok
    assert "9 of 50 replicas left" in run(9, 0).status
    assert run(9, 0).value == pytest.approx(50 * 7 / 9)
    assert "none of 50 replicas left within 7 steps: the mean is above 117 steps" in run(0, 0).status
    assert run(0, 0).stat == math.inf
    assert "3 of 50 replicas diverged" in run(47, 3).status
    cut = run(40, 0)
    assert cut.value == pytest.approx(50 * 7 / 40)
    assert "10 of 50 replicas were cut off" in cut.assumptions[0]
