"""On a line: which share of starts reaches the global minimum, against the step and without any noise."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np

import fokkerplanck as fp
from validation.claim import CONFIRMED, FAILED, Claim, Finding
from validation.judging import ALARM, DETERMINISTIC, all_of, counted
from validation.large_steps.system import REACH, SEED, Array, Well, chain, descent
from validation.one_point import one_point_convexity
from validation.seeds import seed

BELOW = (0.01, 0.1, 0.2, 0.215, 0.23, 0.245)  # the last two lie between 2/K and the release
ABOVE = (0.26, 0.3, 0.5, 0.75, 1.0, 1.4, 1.8)
STEPS = 2_000
JUST_ABOVE, TIMES = 0.25, (10, 50, 200, 2_000)


def claims(quick: bool) -> Iterator[Claim]:
    """Class conditions, then below, at and above the release."""
    n = 20_000 if quick else 200_000
    well = Well.of_model()
    yield _class_conditions(well)
    yield _small_steps(well, n)
    yield _stability(well)
    yield _large_steps(well, n)
    yield _release(well, n)


@cache
def ends(lr: float, n: int, base: int, steps: int = STEPS) -> Array:
    """Where `n` uniform starts are after some steps."""
    starts = np.random.default_rng([base, n]).uniform(-REACH, REACH, (n, 1))
    return descent(chain(lr), steps, starts)[:, 0]


def share(lr: float, n: int, base: int, steps: int = STEPS) -> fp.Estimate:
    """Share of starts that have passed the barrier, with its binomial error (of at least one start)."""
    found = float(np.mean(np.abs(ends(lr, n, base, steps)) < Well.of_model().barrier))
    return fp.Estimate(found, stat=float(np.sqrt(max(found * (1 - found), 1 / n) / n)))


def reached(
    lr: float, n: int, predicted: float, numbers: int, rival: float, bias: float = 0.0, steps: int = STEPS
) -> Finding:
    """How many of the starts have passed it, against a prediction."""
    return counted(round(share(lr, n, seed(SEED), steps).value * n), n, predicted, numbers, rival, bias)


def _class_conditions(well: Well) -> Claim:
    def test() -> Finding:
        near, far = well.a - well.r, well.a + well.r
        box = [(-REACH, REACH)]
        steepest = (well.K * well.r + well.ramp) / well.d

        def mu(
            minimum: float, low: float, high: float, beyond: bool, box: list[tuple[float, float]], L: float
        ) -> float:
            def part(x: Array) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
                return (
                    ((x[:, 0] < low) | (x[:, 0] > high)) if beyond else ((x[:, 0] >= low) & (x[:, 0] <= high))
                )

            return one_point_convexity(well.gradient, [minimum], box, part, L).mu

        outside = mu(0.0, well.ramp, far, True, box, steepest)
        inside = mu(well.a, near, far, False, [(near, far)], well.K)
        with_ramp = mu(0.0, near, far, True, box, steepest)
        right = abs(outside - 1) < 1e-6 and abs(inside - well.K) < 1e-6 and with_ramp < 0
        return Finding(
            f"outside ramp and well mu = {outside:.6g}; in the well mu' = {inside:.6g}; "
            f"the ramp counted as outside mu = {with_ramp:.4g}",
            CONFIRMED if right and inside > 2 / outside else FAILED,
            "the ramp belongs to neither region: on a line a continuous gradient cannot pass from one "
            "condition to the "
            "other at a point, so the window of the theorem (as recalled) is a guide here, not a guarantee",
        )

    return Claim(
        "line-class",
        "The class, as recalled: one-point strongly convex (mu) about the global minimum outside a small "
        "region, and about the local one (mu') inside, mu' > 2 L^2/mu; then steps with 2/mu' < step <= mu/L^2"
        " reach the global minimum",
        f"mu = L = 1 outside ramp and well, mu' = K = {well.K:g} > 2 in the well: {well.unstable:.4f} < "
        "step <= 1; with "
        f"the ramp the function is outside the class (mu = {-well.K * well.r / (well.a - well.r):.4g} on it)",
        "branch and bound over the gradient, beyond .01 of the minima",
        "both constants to 1e-6, a negative one with the ramp",
        DETERMINISTIC,
        test,
    )


def _small_steps(well: Well, n: int) -> Claim:
    def test() -> Finding:
        return all_of(
            {f"step {lr:g}": reached(lr, n, well.flow_share, len(BELOW), rival=1.0) for lr in BELOW}
        )

    return Claim(
        "line-small",
        "Below the release, the smallest step that can carry anything out of the well, the share that "
        "reaches the global minimum is the basin of gradient flow, whatever the step",
        f"(4 + b)/8 = {well.flow_share:.4f} with b = {well.barrier:.4f}, also between 2/K and the release, "
        "where the "
        "sharp minimum is unstable; 1 if the loss of stability were enough",
        f"{n} uniform starts on (-4, 4), {STEPS} steps, no noise, steps "
        f"{', '.join(f'{lr:g}' for lr in BELOW)}",
        "each within the exact binomial interval",
        ALARM,
        test,
    )


def _stability(well: Well) -> Claim:
    factors = (0.98, 1.02)

    def test() -> Finding:
        at = np.array([[well.a + 1e-3]])
        off = [abs(descent(chain(f * well.unstable), STEPS, at)[0, 0] - well.a) for f in factors]
        right = off[0] < 1e-6 and 1e-3 < off[1] < well.a + well.r - well.barrier
        shown = ", ".join(f"{d:.2g} at {f * well.unstable:.4f}" for d, f in zip(off, factors, strict=True))
        return Finding(f"distance {shown}", CONFIRMED if right else FAILED)

    return Claim(
        "line-unstable",
        "The sharp minimum repels from step 2/K on, yet what it repels stays in the well",
        f"2/K = {well.unstable:.4f}: from .001 beside it, distance 0 two per cent below, finite two per "
        "cent above",
        f"one start, {STEPS} steps, no noise",
        "below 1e-6 under it; above .001 and inside the well over it",
        DETERMINISTIC,
        test,
    )


def _large_steps(well: Well, n: int) -> Claim:
    def test() -> Finding:
        parts = {f"step {lr:g}": reached(lr, n, 1.0, len(ABOVE), rival=well.flow_share) for lr in ABOVE}
        return all_of(parts)

    return Claim(
        "line-large",
        "Above the release every start reaches the global minimum, without any noise",
        f"1 above {well.release:.4f} and below 2; the basin's share {well.flow_share:.4f} if large steps "
        "did not leave the well",
        f"{n} uniform starts, {STEPS} steps, no noise, steps {', '.join(f'{lr:g}' for lr in ABOVE)}",
        "each within the exact binomial interval",
        ALARM,
        test,
    )


def _release(well: Well, n: int) -> Claim:
    predicted = {t: well.share_after(JUST_ABOVE, t) for t in TIMES}

    def test() -> Finding:
        parts = {}
        for t, law in predicted.items():
            found = reached(JUST_ABOVE, n, law.value, len(TIMES), well.flow_share, law.disc, t)
            parts[f"after {t}"] = found
        return all_of(parts)

    return Claim(
        "line-release",
        "Just above the release the well empties slowly: the share must be quoted with the number of steps",
        f"at step {JUST_ABOVE:g} (release at {well.release:.5f}) "
        + ", ".join(f"{e.value:.4f} after {t}" for t, e in predicted.items())
        + f"; {well.flow_share:.4f} for ever if the release were above",
        f"{n} uniform starts; predicted by carrying their density along (4000 cells, against 2000)",
        "each within the exact binomial interval and the error of the cells",
        ALARM,
        test,
    )
