"""Claims with noise of the activations instead of a large rate, annealed away."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from models.order_of_learning import NOISE, NOISY_RATE
from validation.claim import Claim, Finding
from validation.judging import above, all_of, within
from validation.order_of_learning.network import Course
from validation.order_of_learning.runs import CLEARED, NOISY, Size, activation_noise, mean


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
        f"both means within the predictions, up to {size.bound(2):.1f} standard errors",
        size.alarm,
        partial(_levels, size, base),
    )
    yield Claim(
        "activation-noise-gap",
        "The gap is one at equal time",
        ".22–.30 [der, few repeats]; without the effect 0",
        how,
        f"paired difference above 0 by {size.bound(sides=1):.1f} standard errors; fails where .22 is "
        "excluded",
        size.alarm,
        partial(_gap, size, base),
    )


GAP = 0.22  # the least predicted: the claim fails where it is excluded, else has no power


def pair(size: Size, base: int) -> tuple[Course, Course]:
    """Courses (seeds, records) with noise and without."""
    return activation_noise(True, size, base), activation_noise(False, size, base)


def _levels(size: Size, base: int) -> Finding:
    noisy, plain = (mean(c.p_only[:, -1]) for c in pair(size, base))
    t = size.bound(2)
    return all_of(
        {"annealed noise": within(noisy, 0.79, 0.82, t, 0.57), "none": within(plain, 0.52, 0.57, t, 0.79)}
    )


def _gap(size: Size, base: int) -> Finding:
    noisy, plain = pair(size, base)
    gap = mean(noisy.p_only[:, -1] - plain.p_only[:, -1])
    return above(gap, 0.0, size.bound(sides=1), GAP)
