"""Where SGD diverges: seen on the valley, and the three thresholds of one multiplicative sample."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from fokkerplanck.plotting import COLOURS
from validation.claim import Claim
from validation.drawing import bars
from validation.seeds import seed
from validation.thresholds import one_sample, running_away, valley

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Divergence thresholds"
SOURCE = "the upper bound on the noise, as recalled, of N. Yang, C. Tang, Y. Tu, PRL 130, 237101 (2023)"
DEPARTURES = (
    "The paper's bound and mini-batch model were not at hand: the three thresholds are this project's own.",
    "The one-dimensional loss with noise that multiplies is this project's own.",
)


def claims(quick: bool) -> Iterator[Claim]:
    """Observed on the valley, then near-local."""
    yield valley.none_diverges((0.10,) if quick else (0.07, 0.08, 0.09, 0.10))
    yield valley.most_diverge()
    yield one_sample.almost_sure(4_000 if quick else 20_000)
    yield one_sample.mean_square(200_000 if quick else 1_000_000)
    yield one_sample.tail(40_000 if quick else 100_000)
    yield one_sample.noise_bound(40_000 if quick else 200_000)
    yield running_away.with_learning_rate(replicas(quick))
    yield running_away.with_noise(replicas(quick))


def replicas(quick: bool) -> int:
    """Chains that may run away."""
    return 2_000 if quick else 20_000


def pictures(quick: bool) -> Iterator[tuple[str, Figure]]:
    """Share of chains that have run away, against the number of steps: on the valley, and of one sample."""
    from matplotlib.figure import Figure

    n = replicas(quick)
    figure = Figure(figsize=(12.5, 3.8), layout="constrained")
    ax, one, noise = figure.subplots(1, 3)
    steps = np.unique(np.geomspace(10, running_away.LOOKED[-1], 60).round())
    colours = (COLOURS["transition"], COLOURS["density"], COLOURS["theory"], COLOURS["SGD"])
    for lr, colour in zip((0.10, 0.11, 0.12, 0.13), colours, strict=True):
        p = valley.runaways(lr, True, seed(valley.SEED)) / valley.CHAINS
        error = np.sqrt(np.maximum(p * (1 - p), 1 / valley.CHAINS) / valley.CHAINS)
        bars(ax, valley.SEEN, p, error, f"lr {lr:.2f}", fmt="o-", color=colour)
    for axis, cases, name in (
        (one, [(lr, 1.0) for lr in running_away.RATES], "lr {0:.1f}"),
        (noise, [(1.0, q) for q in running_away.SCALES], "noise times {1:.1f}"),
    ):
        for case, colour in zip(cases, colours, strict=False):
            p = running_away.passing(case[0], n, seed(one_sample.SEED), case[1]) / n
            error = np.sqrt(np.maximum(p * (1 - p), 1 / n) / n)
            axis.plot(
                steps, [1 - running_away.law(*case).survival(k).value for k in steps], color=colour, lw=1
            )
            bars(axis, running_away.LOOKED, p, error, name.format(*case), color=colour)
    ax.set(title="Valley: chains that have diverged", ylabel="share of chains")
    one.set(title=f"One sample: past |y| = {running_away.PASSED:g}, by lr")
    noise.set(title="... and by noise, at lr 1")
    for axis in (ax, one, noise):
        axis.set(xscale="log", ylim=(-0.02, 1.02), xlabel="steps")
        axis.legend()
    yield (
        f"What is seen depends on how long one looks. Left: {valley.CHAINS} chains started evenly along the "
        "floor of the valley; by local theory all these learning rates are stable at its flattest point "
        f"(.165), none at its sharpest (.061). Middle, right: {n} chains of one sample with noise that "
        "multiplies (thresholds of the mean square and of almost every run: lr 1.6 and 2.26; noise "
        "times 2 and "
        "3.8 at lr 1); lines: transition operator. ± 1 standard error.",
        figure,
    )
