"""What the regularizer grows with, read off the measured drift: the marginal cannot show it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

import fokkerplanck as fp
from fokkerplanck.comparison import strength
from fokkerplanck.passages import from_passages
from validation.claim import CONFIRMED, FAILED, NO_POWER, Claim, Finding
from validation.flat_valley.system import SEED, Size, Valley, valley, within
from validation.judging import ALARM, all_of, judged, sigmas

Array = NDArray[np.float64]
RATES = (0.0025, 0.005, 0.01, 0.02)
BATCHES = (40, 20, 10, 5)
ARRIVALS = (20, 10, 5)
BINS, BLOCKS, SNAPSHOTS, SETTLED = 8, 20, 12, 12.0


def claims(size: Size) -> Iterator[Claim]:
    """Flatness, learning rate, variation between batches, and the time of arrival."""
    yield _flatness(size)
    yield _grows("lr", "learning rate", [(lr, 10) for lr in RATES], size)
    yield _grows("variation", "variation from batch to batch", [(0.01, b) for b in BATCHES], size)
    yield _sooner(size)


@dataclass(frozen=True)
class Drift:
    """Mean slope of the loss along the valley (blocks, bins) at states binned by |x|, and the law's there."""

    measured: Array
    predicted: Array
    limit: Array


@lru_cache
def drift(size: Size) -> Drift:
    """Slope along the valley at the states of chains started evenly along it, lr .01, batch 10."""
    v = valley(4)
    n = size.strength // BLOCKS * BLOCKS
    x = 2 * np.pi * (np.arange(n // BLOCKS) + 0.5) / (n // BLOCKS) - np.pi
    state, done = np.stack([np.tile(x, BLOCKS), np.zeros(n)], axis=1), 0
    relaxation = 1 / (v.sgd.lr * float(v.law.evaluate("curvature", np.pi)))
    faces = np.linspace(0, np.pi, BINS + 1)
    totals = np.zeros((3, BLOCKS, BINS))
    for k in range(SNAPSHOTS):
        steps = int((SETTLED if k == 0 else 2.0) * relaxation)
        run = v.sgd.simulate(n, steps, state, rng=[size.seed, 77], first_step=done)
        if run.diverged.any():
            raise ValueError(run.status)
        state, done = run.final, done + steps
        place = np.mod(state[:, 0] + np.pi, 2 * np.pi) - np.pi
        side = np.sign(place)  # towards larger |x|
        values = (
            side * v.sgd.loss.evaluate(v.sgd.loss.gradient, state)[:, 0, 0],
            -side * v.law.evaluate("drift", place),
            -side * v.law.small_lr.evaluate("drift", place),
        )
        cell = np.digitize(abs(place), faces) - 1 + BINS * np.repeat(np.arange(BLOCKS), n // BLOCKS)
        counts = np.bincount(cell, minlength=BLOCKS * BINS)
        for total, value in zip(totals, values, strict=True):
            sums = np.bincount(cell, value, BLOCKS * BINS) / counts
            total += sums.reshape(BLOCKS, BINS) / SNAPSHOTS
    return Drift(totals[0], totals[1], totals[2])


def potential(slopes: Array) -> Array:
    """V from the sharpest place to the ends of the bins, from slopes (..., bins)."""
    return np.cumsum(slopes, axis=-1) * np.pi / BINS


def _flatness(size: Size) -> Claim:
    v = valley(4)
    ends = np.array([0.0, np.pi])
    laws = [-np.diff(law.evaluate("drift_potential", ends))[0] for law in (v.law, v.law.small_lr)]
    bound = sigmas(BINS + 1, BLOCKS)  # dependent or not

    def test() -> Finding:
        d = drift(size)
        gap = d.measured - d.predicted
        worst = float(abs(gap.mean(axis=0) / (gap.std(axis=0, ddof=1) / np.sqrt(BLOCKS))).max())
        fall = fp.Estimate.from_replicas(-potential(d.measured)[:, -1], unit="loss")
        told = judged(fall, float(-potential(d.predicted.mean(axis=0))[-1]), bound, rival=0.0)
        ok = told.verdict == CONFIRMED and worst <= bound and bool((d.measured.mean(axis=0) < 0).all())
        text = f"{told.reason}; worst bin off by {worst:.1f} standard errors"
        return Finding(f"V falls by {fall}", CONFIRMED if ok else FAILED, text, (fall,))

    return Claim(
        "flatness",
        "The effective loss decreases with flatness, all along the valley",
        f"drift towards the flat part everywhere; V falls by {laws[0]:.4f} (SDE {laws[1]:.4f}) from the "
        "sharpest to the flattest place; without noise by 0",
        f"slope of the loss at {size.strength} chains spread along the valley, {SNAPSHOTS} snapshots, in "
        f"{BINS} bins of |x|, {BLOCKS} blocks of replicas",
        f"fall {within(bound)} averaged alike, every bin negative, none of the {BINS} bins off by more than "
        "that",
        ALARM,
        test,
    )


@lru_cache
def measured(lr: float, batch: int, size: Size) -> fp.Estimate:
    """Strength S of the regularizer by the drift of chains."""
    v = valley(4, lr, batch)
    setting = replace(
        v.setting,
        effort=replace(v.setting.effort, strength_chains=size.strength),
        seed=size.seed - SEED,
    )
    return strength.measured(setting, v.sgd, 60 + 7 * round(lr * 400) + batch)[0]


def by_law(v: Valley) -> tuple[float, float]:
    """Strength by the law at this learning rate, and by its SDE."""
    both = (strength.predicted(v.setting, law).value for law in (v.law, v.law.small_lr))
    finite, limit = both
    return finite, limit


def _grows(name: str, what: str, pairs: list[tuple[float, int]], size: Size) -> Claim:
    laws = [by_law(valley(4, lr, batch))[0] for lr, batch in pairs]
    settings = [f"lr {lr:g}, batch {batch}" for lr, batch in pairs]
    bound = sigmas(len(pairs), BLOCKS)

    def test() -> Finding:
        found = [measured(lr, batch, size) for lr, batch in pairs]
        parts = {s: judged(e, law, bound) for s, e, law in zip(settings, found, laws, strict=True)}
        answer = all_of(parts)
        steps = [(b.value - a.value) / np.hypot(a.stat, b.stat) for a, b in pairwise(found)]
        if answer.verdict == CONFIRMED and min(steps) < bound:
            return Finding(answer.measured, NO_POWER, "growth is not seen throughout", answer.numbers)
        return answer

    return Claim(
        f"grows-{name}",
        f"The regularizer grows with the {what}, and so does the noise strength Delta",
        f"S = {', '.join(f'{v:.5f}' for v in laws)} at {'; '.join(settings)}",
        f"drift of {size.strength} chains spread along the valley, 12 snapshots, 20 blocks of replicas",
        f"each {within(bound)}, and each above the one before by more than that, else no power",
        ALARM,
        test,
    )


@lru_cache
def arrival(batch: int, size: Size) -> fp.Estimate:
    """Mean steps of chains from the sharpest place to the flat part."""
    v = valley(4, 0.01, batch)
    n = size.exits[4] // 4
    run = v.sgd.first_passage(
        "cos(x) > -0.5", n, (0, 0), int(20 * v.passage(True)), rng=[size.seed, 8, batch]
    )
    return from_passages(run, f"{n} SGD chains", "steps")


def _sooner(size: Size) -> Claim:
    laws = [valley(4, 0.01, b).passage(True) for b in ARRIVALS]
    bound = sigmas(len(ARRIVALS))

    def test() -> Finding:
        found = [arrival(b, size) for b in ARRIVALS]
        return all_of(
            {
                f"batch {b}": judged(e, law, bound, bias=0.003 * law)
                for b, e, law in zip(ARRIVALS, found, laws, strict=True)
            }
        )

    return Claim(
        "sooner",
        "Stronger noise arrives sooner at the flat part: the time goes as 1/Delta",
        f"{', '.join(f'{v:.0f}' for v in laws)} steps at batch {', '.join(map(str, ARRIVALS))}: halved each "
        "time; the same at each if the noise did not count",
        f"{size.exits[4] // 4} chains from (0, 0) to |x| = 2 pi/3 each, lr .01",
        f"each {within(bound)} and .3 % for the separation of time scales",
        ALARM,
        test,
    )
