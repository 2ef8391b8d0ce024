"""Two other mini-batch models on a valley, shift and label noise: drift and thresholds, no stationary law."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

import fokkerplanck as fp
from fokkerplanck.plotting import COLOURS
from fokkerplanck.theory import EffectiveLoss
from validation.claim import CONFIRMED, FAILED, Claim, Finding
from validation.drawing import WITH_ERROR, bars, points
from validation.judging import ALARM, CERTAIN, all_of, judged, sigmas
from validation.seeds import seed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[np.float64]
TITLE = "Other mini-batch models: shift and label noise"
SOURCE = "noise models that N. Yang, C. Tang, Y. Tu, Phys. Rev. Lett. 130, 237101 (2023) may have used"
DEPARTURES = (
    "Which mini-batch model the paper uses is not known; these two are judged on drift and thresholds only: "
    "the noise along the valley vanishes at its flattest line, where the chain collapses.",
    "The valley lambda = 1 + x^2/2 and all numbers are this project's own.",
)
MODELS = Path(__file__).parents[1] / "models"
NAMES = {"shift": "valley_shift.toml", "label": "valley_label_noise.toml"}
SEED = 71
PLACES = (0.5, 1.0, 1.5, 2.0)
STRONGER = ((0.1, 1), (0.2, 1), (0.3, 1), (0.3, 2), (0.3, 4))  # (lr, batch) at x = 1
WEAK = 0.02  # noise at which the drift is measured: the bias of the adiabatic picture goes as its square
BLOCKS, SETTLED, SNAPSHOTS, APART = 20, 12, 8, 4
START, FINAL = 2.0, 30_000
SEEN = np.array([1_000, 3_000, 10_000, FINAL])


@lru_cache
def valley(noise: str, lr: float = 0.3, batch: int = 1, sigma: float = WEAK) -> tuple[fp.SGD, EffectiveLoss]:
    """The chain and its law."""
    sgd = fp.load(MODELS / NAMES[noise], lr=lr, batch=batch, sigma=sigma).sgd
    return sgd, fp.effective_loss(sgd, slow="x")


def claims(quick: bool) -> Iterator[Claim]:
    """Drift, growth with the noise, where it ends, and thresholds; for each noise."""
    n = replicas(quick)
    for noise in NAMES:
        yield _drift(noise, n)
        yield _grows(noise, n)
        yield _collapse(noise, n // 20)
        yield _thresholds(noise)


def replicas(quick: bool) -> int:
    """Chains at each place."""
    return 4_000 if quick else 40_000


@lru_cache
def slope(noise: str, x: float, lr: float, batch: int, n: int, base: int) -> fp.Estimate:
    """Mean slope of the loss along the valley over that of the law, at chains near x; `model`: the SDE's.

    The chains start in the law across the valley and run on, so that a law that is not theirs decays.
    """
    sgd, law = valley(noise, lr, batch)
    n = n // BLOCKS * BLOCKS
    rng = [base, list(NAMES).index(noise), round(100 * x), round(1000 * lr), batch]
    spread = float(np.sqrt(law.evaluate("second_moment", x)))
    state = np.stack([np.full(n, x), spread * np.random.default_rng(rng).standard_normal(n)], axis=1)
    found, predicted, limit, done = np.zeros(n), np.zeros(n), np.zeros(n), 0
    for k in range(SNAPSHOTS):
        steps = SETTLED if k == 0 else APART
        run = sgd.simulate(n, steps, state, rng=[*rng, 1], first_step=done)
        if run.diverged.any():
            raise ValueError(run.status)
        state, done = run.final, done + steps
        found += np.asarray(sgd.loss.evaluate(sgd.loss.gradient, state))[:, 0, 0]
        predicted -= law.evaluate("drift", state[:, 0])
        limit -= law.small_lr.evaluate("drift", state[:, 0])
    ratio = found.reshape(BLOCKS, -1).mean(axis=1) / predicted.reshape(BLOCKS, -1).mean(axis=1)
    return fp.Estimate.from_replicas(ratio, model=float(limit.mean() / predicted.mean()))


def _drift(noise: str, n: int) -> Claim:
    law, bound = valley(noise)[1], sigmas(len(PLACES), BLOCKS)
    short = [float(law.small_lr.evaluate("drift", x) / law.evaluate("drift", x)) for x in PLACES]

    def test() -> Finding:
        found = {f"x = {x:g}": slope(noise, x, 0.3, 1, n, seed(SEED)) for x in PLACES}
        return all_of({k: judged(e.with_(model=0.0), 1.0, bound, rival=e.model) for k, e in found.items()})

    return Claim(
        f"drift-{noise}",
        f"With {noise} noise too the drift is towards the flat part, and is that of the finite-lr law",
        f"drift over that of the law 1 at x = {', '.join(map(str, PLACES))}; of the small-lr law "
        f"{', '.join(f'{v:.3f}' for v in short)}; 0 if the noise did nothing",
        f"slope of the loss at {n} chains near each place, lr .3, sigma {WEAK:g}, {SNAPSHOTS} snapshots, "
        f"{BLOCKS} blocks of replicas",
        f"each within {bound:.1f} standard errors; the small-lr law farther off, else no power",
        ALARM,
        test,
    )


def _grows(noise: str, n: int) -> Claim:
    force = [-float(valley(noise, lr, b)[1].evaluate("drift", 1.0)) for lr, b in STRONGER]
    shown, bound = [f"lr {lr:g}, batch {b}" for lr, b in STRONGER], sigmas(len(STRONGER), BLOCKS)

    def test() -> Finding:
        found = [slope(noise, 1.0, lr, b, n, seed(SEED)) for lr, b in STRONGER]
        parts = {
            name: judged(e.with_(model=0.0).scaled(f), f, bound)
            for name, e, f in zip(shown, found, force, strict=True)
        }
        return all_of(parts)

    return Claim(
        f"grows-{noise}",
        f"With {noise} noise too the regularizer grows with lr and with the variation from batch to batch",
        f"V' = {', '.join(f'{f:.2e}' for f in force)} at x = 1, {'; '.join(shown)}",
        f"slope of the loss at {n} chains near x = 1 each, sigma {WEAK:g}",
        f"each within {bound:.1f} standard errors",
        ALARM,
        test,
    )


@lru_cache
def course(noise: str, n: int, base: int) -> Array:
    """x of chains (times, n) from `START`, sigma .1."""
    sgd, law = valley(noise, sigma=0.1)
    rng = [base, 5, list(NAMES).index(noise)]
    spread = float(np.sqrt(law.evaluate("second_moment", START)))
    state = np.stack([np.full(n, START), spread * np.random.default_rng(rng).standard_normal(n)], axis=1)
    done, rows = 0, []
    for until in SEEN:
        run = sgd.simulate(n, int(until) - done, state, rng=[*rng, 1], first_step=done)
        if run.diverged.any():
            raise ValueError(run.status)
        state, done = run.final, int(until)
        rows.append(state[:, 0])
    return np.stack(rows)


def _collapse(noise: str, n: int) -> Claim:
    law = valley(noise, sigma=0.1)[1]

    def test() -> Finding:
        x = course(noise, n, seed(SEED))
        ok = bool((x > 0).all() and (x[-1] < 0.05).all())
        shown = f"x between {x[-1].min():.1e} and {x[-1].max():.1e} after {FINAL} steps"
        text = f"{int((x <= 0).sum())} seen on the other side"
        return Finding(shown, CONFIRMED if ok else FAILED, text)

    return Claim(
        f"collapse-{noise}",
        f"With {noise} noise the chain collapses onto the flattest line, x = 0, and never crosses it",
        f"all below x = .05, none below 0; the package refuses a density: {law.reasons['marginal']}",
        f"{n} chains from x = {START:g}, lr .3, sigma .1, {FINAL} steps, looked at {len(SEEN)} times",
        "all between 0 and .05 at the end, none below 0 before; a law with a width would put half below 0",
        CERTAIN,
        test,
    )


def _thresholds(noise: str) -> Claim:
    def test() -> Finding:
        flat = fp.divergence_thresholds(valley(noise)[0], {"x": 0, "y": 0})
        steep = fp.divergence_thresholds(valley(noise)[0], {"x": 2, "y": 0})
        counts = []
        for lr in (1.95, 2.05):
            sgd = valley(noise, lr)[0]
            run = sgd.simulate(200, 2_000, (0.0, 0.0), rng=[seed(SEED), 6, round(100 * lr)])
            counts.append(int(run.diverged.sum()))
        three = (flat.lr_deterministic, flat.lr_mean_square, flat.lr_almost_sure)
        ok = (
            all(e.ok and abs(e.value - 2) < 1e-9 for e in three)
            and np.isinf(flat.noise_scale.mean_square.value)
            and abs(steep.lr_deterministic.value - 2 / 3) < 1e-9
            and "no linear threshold" in steep.lr_mean_square.status
            and counts == [0, 200]
        )
        shown = (
            f"at x = 0 lr {', '.join(f'{e.value:g}' for e in three)}; {counts[0]}, {counts[1]} of 200 diverge"
            f"\nat x = 2 lr {steep.lr_deterministic.value:.4f}"
        )
        return Finding(shown, CONFIRMED if ok else FAILED, f"at x = 2: {steep.lr_mean_square.status}")

    return Claim(
        f"thresholds-{noise}",
        f"With {noise} noise there is no bound on the noise: it multiplies y nowhere on the flattest line",
        "at x = 0 all three thresholds 2/lambda = 2, whatever the noise; at x = 2 2/lambda = .6667 for the "
        "mean and no linear threshold beyond, for samples push along the valley",
        "thresholds of the chain linearised on the floor; 200 chains from (0, 0) at lr 1.95, 2.05",
        "thresholds exact to 1e-9; none diverges below, all above",
        CERTAIN,
        test,
    )


def pictures(quick: bool) -> Iterator[tuple[str, Figure]]:
    """Drift over place, and the collapse."""
    from matplotlib.figure import Figure

    n = replicas(quick)
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    ax, fall = figure.subplots(1, 2)
    x = np.linspace(0, 2.1, 100)
    for noise, colour in zip(NAMES, (COLOURS["SGD"], COLOURS["paths"]), strict=True):
        law = valley(noise)[1]
        ax.plot(x, -law.evaluate("drift", x) / WEAK**2, color=colour, label=f"{noise} noise: law at lr .3")
        ax.plot(x, -law.small_lr.evaluate("drift", x) / WEAK**2, "--", color=colour, label="small-lr law")
        found = [slope(noise, v, 0.3, 1, n, seed(SEED)) for v in PLACES]
        force = [-float(law.evaluate("drift", v)) / WEAK**2 for v in PLACES]
        scaled = [e.scaled(f) for e, f in zip(found, force, strict=True)]
        points(ax, PLACES, scaled, f"SGD, {WITH_ERROR}", color=colour)
        places = course(noise, n // 20, seed(SEED))
        middle, low, high = np.percentile(places, [50, 5, 95], axis=1)
        bars(
            fall,
            SEEN,
            middle,
            [middle - low, high - middle],
            f"{noise} noise: median, 5-95 % of chains",
            fmt="o-",
            color=colour,
        )
    ax.set(
        xlabel="place x along the valley (flattest at 0)",
        ylabel="slope of the effective loss / noise variance",
        title="The drift is that of the finite-lr law",
    )
    ax.legend()
    fall.set(
        xscale="log",
        yscale="log",
        xlabel="steps",
        ylabel="place x along the valley",
        title="... and ends on x = 0, where no noise is",
    )
    fall.legend()
    yield (
        f"Left: slope of the effective loss from {n} chains at each place, ± 1 standard error. Right: median "
        f"and 5-95 % of {n // 20} chains from x = 2, sigma .1.",
        figure,
    )
