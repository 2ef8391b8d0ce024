"""Claims with noise of the activations instead of a large rate, annealed away."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from models.order_of_learning import NOISE, NOISY_RATE
from validation.claim import Claim, Finding, all_of
from validation.order_of_learning.judging import above, within
from validation.order_of_learning.network import Course
from validation.order_of_learning.runs import CLEARED, NOISY, Size, activation_noise, mean, quantile


def claims(size: Size, base: int) -> Iterator[Claim]:
    """Accuracy on P with noise that is taken away, and without."""
    how = (
        f"{size.seeds} seeds; rate {NOISY_RATE:g} for the time {NOISY + CLEARED:g}, with noise of standard "
        f"deviation {NOISE:g} on what the units on x2 see for the first {NOISY:g}, or without; paired by seed"
    )
    yield Claim(
        "activation-noise",
        "Noise of the activations that is annealed away does for a small rate what a large rate does, and "
        "at equal time",
        "accuracy on P alone .79–.82 with the noise, .52–.57 without [der, few repeats]",
        how,
        "both means within the predictions, up to Student's quantile of standard errors",
        2 * size.alarm,
        partial(_levels, size, base),
    )
    yield Claim(
        "activation-noise-gap",
        "The gap is one at equal time",
        ".22–.30 [der, few repeats]; without the effect 0",
        how,
        "paired difference above 0 by Student's quantile of standard errors; fails where .22 is excluded",
        size.alarm / 2,
        partial(_gap, size, base),
    )


def pair(size: Size, base: int) -> tuple[Course, Course]:
    """Courses (seeds, records) with noise and without."""
    return activation_noise(True, size, base), activation_noise(False, size, base)


def _levels(size: Size, base: int) -> Finding:
    noisy, plain = (mean(c.p_only[:, -1]) for c in pair(size, base))
    t = quantile(size.seeds, size.alarm)
    return all_of(
        {"annealed noise": within(noisy, 0.79, 0.82, t, 0.57), "none": within(plain, 0.52, 0.57, t, 0.79)}
    )


def _gap(size: Size, base: int) -> Finding:
    noisy, plain = pair(size, base)
    gap = mean(noisy.p_only[:, -1] - plain.p_only[:, -1])
    return above(gap, 0.0, quantile(size.seeds, size.alarm), 0.22)
