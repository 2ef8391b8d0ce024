"""A two-layer network on the digits: large step, small step, small step with the large one's noise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

import fokkerplanck as fp
from validation.claim import NO_POWER, NOT_CONFIRMED, Claim, Finding
from validation.judging import ALARM, FEW, above, all_of, sigmas
from validation.large_steps.network import ARMS, P, Trained, trained
from validation.large_steps.system import SEED
from validation.seeds import seed

Sizes = tuple[int, int]
OTHERS = ("small", "amplified")
# Points of accuracy that count as better: of 1397 test images 28. Named before the run of 24 seeds; the eight
# before could not exclude it, and compared with whichever of "large" and "annealed" came out better.
BETTER = 0.02
# Training loss below which a network is called fitted: two classes of ten that are never given cost .1. Asked
# for since a look at 24 seeds.
FITTED = 0.1


def size(quick: bool) -> Sizes:
    """Seeds and large steps."""
    return (10, 600) if quick else (24, 1_500)


def claims(quick: bool) -> Iterator[Claim]:
    """What this project predicts of the sharpness, and our reading of the paper for the test."""
    alarm = FEW if quick else ALARM
    yield _sharpness(size(quick), alarm)
    yield _accuracy(size(quick), alarm)


def of_arm(
    arm: str, s: Sizes, what: Callable[[Trained], float]
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """A number of every training of an arm."""
    return np.array([what(r) for r in trained(arm, *s, seed(SEED))])


def _method(s: Sizes) -> str:
    return (
        f"{s[0]} seeds (split, start, order); {P.train} training images, {P.hidden} ReLU, squared loss, "
        f"batch {P.batch}; {s[1]} steps of {P.large:g}, or {P.reuse} times as many of {P.large / P.reuse:g}"
    )


def beyond_edge(values: np.ndarray[tuple[int], np.dtype[np.float64]], side: int, bound: float) -> Finding:
    """Whether sharpness lies above (1) or below (-1) 2/step; by the logarithm, as the numbers are skew."""
    measured = fp.Estimate.from_replicas(side * np.log(values / (2 / P.large)))
    judgement = above(measured, 0.0, bound, predicted=0.0)  # by how much is not predicted
    shown = str(fp.Estimate.from_replicas(values))
    return Finding(shown, judgement.verdict, judgement.reason, judgement.numbers)


def of_fitted(arm: str, side: int, s: Sizes, alarm: float) -> Finding:
    """The same of the trainings that fit; what lost a class for good is flat for another reason."""
    sharpness, fits = of_arm(arm, s, lambda r: r.sharpness), of_arm(arm, s, lambda r: r.train_loss) < FITTED
    if fits.sum() < max(3, s[0] // 4):
        return Finding("-", NO_POWER, f"only {fits.sum()} of {s[0]} trainings fit")
    found = beyond_edge(sharpness[fits], side, sigmas(3, int(fits.sum()), 1, alarm))
    if fits.all():
        return found
    rest = f"; {(~fits).sum()} of {s[0]} do not fit and have {sharpness[~fits].mean():.3g}"
    return replace(found, reason=found.reason + rest)


def _sharpness(s: Sizes, alarm: float) -> Claim:
    bound = sigmas(3, s[0], 1, alarm)

    def test() -> Finding:
        sides = {"large": -1, "small": 1, "amplified": 1}
        return all_of({a: of_fitted(a, k, s, alarm) for a, k in sides.items()})

    return Claim(
        "digits-sharpness",
        "In a network too the large step ends where it is flat enough for it, and noise without the step "
        "does not",
        f"largest eigenvalue of J'J/n (the Hessian of a good fit) below 2/step = {2 / P.large:g} for the "
        "large step, above it for the small step, with or without the large one's noise",
        _method(s) + "; amplified: each batch used that often running; power iteration on the training loss",
        f"the mean logarithm beyond that of 2/step on its side, by {bound:.1f} standard errors, of the "
        f"trainings whose loss is below {FITTED:g}; by more where some are left out",
        alarm,
        test,
    )


def _accuracy(s: Sizes, alarm: float) -> Claim:
    bound = sigmas(len(OTHERS), s[0], 1, alarm)

    def test() -> Finding:
        accuracy = {arm: of_arm(arm, s, lambda r: r.test_accuracy) for arm in ARMS}
        parts = {
            f"annealed less {arm}": above(
                fp.Estimate.from_replicas(accuracy["annealed"] - accuracy[arm]),
                0.0,
                bound,
                BETTER,
                NOT_CONFIRMED,
            )
            for arm in OTHERS
        }
        table = ", ".join(f"{arm} {fp.Estimate.from_replicas(a)}" for arm, a in accuracy.items())
        whole = all_of(parts)
        return Finding(f"{table}\n{whole.measured}", whole.verdict, whole.reason, whole.numbers)

    return Claim(
        "digits-accuracy",
        "The large step, made small for the second half, does better on test data than a step that was "
        "always small, with or without amplified noise (our reading; the paper's networks are unknown here)",
        f"annealed above small and above amplified, by {BETTER:g} or more; differences of 0 if the size of "
        "the step does not matter",
        _method(s) + "; annealed: large for half the time, then small; paired by seed",
        f"both paired differences above 0 by {bound:.1f} standard errors; not confirmed where {BETTER:g} is "
        "excluded as surely, no power between",
        alarm,
        test,
    )
