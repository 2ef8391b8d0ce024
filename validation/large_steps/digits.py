"""A two-layer network on the digits: large step, small step, small step with the large one's noise."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

import fokkerplanck as fp
from validation.claim import CONFIRMED, FAILED, NO_POWER, NOT_CONFIRMED, Claim, Finding
from validation.judging import ALARM, all_of, sigmas
from validation.large_steps.network import ARMS, P, Trained, trained

Sizes = tuple[int, int]


def size(quick: bool) -> Sizes:
    """Seeds and large steps."""
    return (8, 600) if quick else (8, 1_500)


def claims(quick: bool) -> Iterator[Claim]:
    """What this project predicts of the sharpness, and what the paper says of the test."""
    yield _sharpness(size(quick))
    yield _accuracy(size(quick))


def of_arm(
    arm: str, s: Sizes, what: Callable[[Trained], float]
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """A number of every training of an arm."""
    return np.array([what(r) for r in trained(arm, *s)])


def above(
    values: np.ndarray[tuple[int], np.dtype[np.float64]], least: float, numbers: int, otherwise: str
) -> Finding:
    """Whether a mean lies above a bound, by Student's law; below it the verdict is `otherwise`."""
    mean, error = float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))
    slack = sigmas(numbers, len(values), sides=1) * error
    verdict = CONFIRMED if mean - slack > least else otherwise if mean + slack < least else NO_POWER
    found = fp.Estimate(mean, stat=error)
    return Finding(
        str(found), verdict, f"{mean - least:+.3g} beyond {least:g}, {slack:.2g} allowed", (found,)
    )


def _method(s: Sizes) -> str:
    return (
        f"{s[0]} seeds (split, start, order); {P.train} training images, {P.hidden} ReLU, squared loss, "
        f"batch {P.batch}; "
        f"{s[1]} steps of {P.large:g}, or {P.reuse} times as many of {P.large / P.reuse:g}"
    )


def _sharpness(s: Sizes) -> Claim:
    edge = 2 / P.large

    def test() -> Finding:
        parts = {}  # logarithms: the first run judged the numbers themselves, which are skew
        for arm in ("large", "small", "amplified"):
            side = -1 if arm == "large" else 1
            values = of_arm(arm, s, lambda r: r.sharpness)
            judgement = above(side * np.log(values / edge), 0.0, 3, FAILED)
            shown = str(fp.Estimate.from_replicas(values))
            parts[arm] = Finding(shown, judgement.verdict, judgement.reason, judgement.numbers)
        return all_of(parts)

    return Claim(
        "digits-sharpness",
        "In a network too the large step ends where it is flat enough for it, and noise without the step "
        "does not",
        f"largest eigenvalue of J'J/n (the Hessian of a good fit) below 2/step = {edge:g} for the large "
        "step, above it for the "
        "small step, "
        "with or without the large one's noise",
        _method(s) + "; amplified: each batch used that often running; power iteration on the training loss",
        f"the mean logarithm beyond that of 2/step on its side, by {sigmas(3, s[0], 1):.1f} standard errors",
        ALARM,
        test,
    )


def _accuracy(s: Sizes) -> Claim:
    def test() -> Finding:
        accuracy = {arm: of_arm(arm, s, lambda r: r.test_accuracy) for arm in ARMS}
        shown = {arm: fp.Estimate.from_replicas(a) for arm, a in accuracy.items()}
        best = max(("large", "annealed"), key=lambda arm: shown[arm].value)
        parts = {
            f"{best} less {arm}": above(accuracy[best] - accuracy[arm], 0.0, 2, NOT_CONFIRMED)
            for arm in ("small", "amplified")
        }
        table = ", ".join(f"{arm} {e}" for arm, e in shown.items())
        whole = all_of(parts)
        verdict = CONFIRMED if whole.verdict == CONFIRMED else NOT_CONFIRMED
        return Finding(f"{table}\n{whole.measured}", verdict, whole.reason, whole.numbers)

    return Claim(
        "digits-accuracy",
        "The large step does better on test data than the small one, with or without amplified noise (as "
        "recalled of "
        "the paper's networks)",
        "the large step, kept or annealed, above both; differences of 0 if the size of the step does not "
        "matter",
        _method(s) + "; annealed: large for half the time, then small; paired by seed",
        f"both paired differences above 0 by {sigmas(2, s[0], 1):.1f} standard errors; a claim of the "
        "literature, "
        "reported as found",
        ALARM,
        test,
    )
