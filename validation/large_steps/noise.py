"""Noise alone, at small steps: how long it takes, from the Fokker-Planck solver."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import fokkerplanck as fp
from fokkerplanck.passages import from_passages
from validation import seeds
from validation.claim import CONFIRMED, FAILED, Claim, Finding
from validation.judging import ALARM, judged, sigmas
from validation.large_steps.system import SEED, Well, chain

REGION = "x > 1"  # well beyond the barrier: who is there does not come back soon
GRID = fp.Grid(x=(-4, 6, 2048))
TINY, D_SEEN = 1e-3, 0.08
SMALL, SIGMA, BATTERED, RUN = 1e-2, 2.0, 2_000, 20_000
MOST = 3


def claims(quick: bool) -> Iterator[Claim]:
    """A noise whose exits can be waited for, and one whose exits cannot."""
    yield _seen(1_000 if quick else 8_000)
    yield _not_enough()


@cache
def exit_time(diffusion: float) -> fp.Estimate:
    """Mean time (steps times their length) from the sharp minimum to the wide one's basin."""
    sde = chain(TINY, (2 * diffusion / TINY) ** 0.5).sde()
    return sde.generator(GRID).exit_time(REGION).at(x=Well.of_model().a)


def _seen(n: int) -> Claim:
    law, well = exit_time(D_SEEN), Well.of_model()
    steps = law.value / TINY
    curvature = (well.K * well.r + well.ramp) / well.d

    def test() -> Finding:
        sgd = chain(TINY, (2 * D_SEEN / TINY) ** 0.5)
        run = sgd.first_passage(REGION, n, (well.a,), int(30 * steps), rng=[seeds.seed(SEED), 1])
        found = from_passages(run, f"{n} SGD chains", "steps").with_(disc=law.disc / TINY)
        return judged(found, steps, sigmas(), bias=steps * TINY * curvature / 2)

    return Claim(
        "noise-time",
        "At small steps noise frees on the time of the Fokker-Planck equation",
        f"{steps:.0f} steps of {TINY:g} at D = step sigma^2/2 = {D_SEEN:g}, "
        f"where the well is {well.depth / D_SEEN:.1f} D deep",
        f"{n} chains from the sharp minimum to x = 1; predicted by SDE.generator(...).exit_time, 2048 cells",
        f"within {sigmas():.1f} standard errors, the grid's error and step x curvature/2 = "
        f"{TINY * curvature / 2:.1%} "
        "(the ramp)",
        ALARM,
        test,
    )


def _not_enough() -> Claim:
    well = Well.of_model()
    law = exit_time(SMALL * SIGMA**2 / 2)
    steps = law.value / SMALL
    freed = {t: well.share_after(0.5, t).value for t in (5, 20)}
    weaker = exit_time(SMALL * 1.0**2 / 2).value / SMALL

    def test() -> Finding:
        run = chain(SMALL, SIGMA).first_passage(REGION, BATTERED, (well.a,), RUN, rng=[seeds.seed(SEED), 2])
        left = int(run.exited.sum())
        return Finding(
            f"{left} of {BATTERED} chains left in {RUN} steps", FAILED if left > MOST else CONFIRMED
        )

    return Claim(
        "noise-not-enough",
        "Noise alone, at small steps, does not replace the large step",
        f"step {SMALL:g} with noise {SIGMA:g} a step: {steps:.2g} steps to leave (noise 1: {weaker:.2g}); "
        "step .5 "
        f"without noise has {freed[5]:.4f} of all starts out after 5 steps, {freed[20]:.4f} after 20. "
        f"So {BATTERED * RUN / steps:.2g} exits expected",
        f"{BATTERED} chains from the sharp minimum, {RUN} steps each: {RUN // 20} times those of the large "
        "step",
        f"at most {MOST} leave; the chain's own exit time is within 10 % of its SDE's here",
        1e-7,  # Poisson, mean .036 to .04: P(more than 3)
        test,
    )
