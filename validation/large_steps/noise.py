"""Noise alone, at small steps: how long it takes, from the Fokker-Planck solver."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import fokkerplanck as fp
from fokkerplanck.passages import from_passages
from validation.claim import Claim, Finding
from validation.judging import ALARM, all_of, judged, sigmas
from validation.large_steps.system import SEED, Well, chain
from validation.seeds import seed

REGION = "x > 1"  # well beyond the barrier: who is there does not come back soon
GRID = fp.Grid(x=(-4, 6, 2048))
TINY, D_SEEN = 1e-3, 0.08
SMALL, SIGMA = 1e-2, 2.0
STEPWISE = fp.Grid(x=(0.8, 3.2, 600))  # five cells to the noise of a small step
REPEATS, RIVAL = 40, 0.5  # of splitting; the share of the predicted time that must be told from it
BATTERED, RUN = 2_000, 20_000  # an illustration: chains and steps in which hardly one leaves


def claims(quick: bool) -> Iterator[Claim]:
    """A noise whose exits can be waited for, and one whose exits cannot."""
    yield _seen(1_000 if quick else 8_000)
    yield _not_enough(40_000 if quick else 200_000)


@cache
def exit_time(diffusion: float) -> fp.Estimate:
    """Mean time (steps times their length) from the sharp minimum to the wide one's basin."""
    sde = chain(TINY, (2 * diffusion / TINY) ** 0.5).sde()
    return sde.generator(GRID).exit_time(REGION).at(x=Well.of_model().a)


@cache
def by_operator(sigma: float) -> fp.Estimate:
    """Mean number of small steps to leave, of the chain itself and without sampling."""
    return chain(SMALL, sigma).transition(STEPWISE).exit_time(REGION).at(x=Well.of_model().a)


def by_splitting(sigma: float, walkers: int, base: int) -> fp.Estimate:
    """The same of sampled chains."""
    at = (Well.of_model().a,)
    return chain(SMALL, sigma).escape(REGION, at, "splitting", walkers, [base, 3], repeats=REPEATS)


def departure(lr: float) -> float:
    """How far a chain may be from its SDE, relatively: half of step x curvature, where that is largest."""
    well = Well.of_model()
    return lr * (well.K * well.r + well.ramp) / well.d / 2


def _seen(n: int) -> Claim:
    law, well = exit_time(D_SEEN), Well.of_model()
    steps = law.value / TINY

    def test() -> Finding:
        sgd = chain(TINY, (2 * D_SEEN / TINY) ** 0.5)
        run = sgd.first_passage(REGION, n, (well.a,), int(30 * steps), rng=[seed(SEED), 1])
        found = from_passages(run, f"{n} SGD chains", "steps").with_(disc=law.disc / TINY)
        return judged(found, steps, sigmas(), bias=steps * departure(TINY))

    return Claim(
        "noise-time",
        "At small steps noise leads out of the well in the time of the Fokker-Planck equation",
        f"{steps:.0f} steps of {TINY:g} at D = step sigma^2/2 = {D_SEEN:g}, "
        f"where the well is {well.depth / D_SEEN:.1f} D deep",
        f"{n} chains from the sharp minimum to x = 1; predicted by SDE.generator(...).exit_time, 2048 cells",
        f"within {sigmas():.1f} standard errors, the grid's error and step x curvature/2 = "
        f"{departure(TINY):.1%} "
        "(the ramp)",
        ALARM,
        test,
    )


def _not_enough(walkers: int) -> Claim:
    well, bound = Well.of_model(), sigmas(blocks=REPEATS)
    law = exit_time(SMALL * SIGMA**2 / 2).scaled(1 / SMALL)
    freed = {t: well.share_after(0.5, t).value for t in (5, 20)}
    weaker = exit_time(SMALL * 1.0**2 / 2).value / SMALL
    bias = departure(SMALL) * law.value + law.error

    def test() -> Finding:
        found = {
            "splitting": by_splitting(SIGMA, walkers, seed(SEED)),
            "transition operator": by_operator(SIGMA),
        }
        whole = all_of({k: judged(e, law.value, bound, RIVAL * law.value, bias) for k, e in found.items()})
        run = chain(SMALL, SIGMA).first_passage(REGION, BATTERED, (well.a,), RUN, rng=[seed(SEED), 2])
        seen = f"not judged: {int(run.exited.sum())} exits in {BATTERED} plain chains of {RUN} steps"
        expected = f"{BATTERED * RUN / law.value:.2g} expected"
        return Finding(f"{whole.measured}\n{seen}, {expected}", whole.verdict, whole.reason, whole.numbers)

    return Claim(
        "noise-not-enough",
        "Noise alone, at small steps, does not replace the large step: it leads out in the time of the "
        "Fokker-Planck equation here too, and that is 1e9 steps",
        f"{law.value:.3g} steps to leave at step {SMALL:g} with noise {SIGMA:g} a step (noise 1: "
        f"{weaker:.2g}); step .5 without noise has {freed[5]:.4f} of all starts out after 5 steps, "
        f"{freed[20]:.4f} after 20",
        f"mean number of steps from the sharp minimum to x = 1: {walkers} chains by splitting in {REPEATS} "
        f"repeats, and the chain's transition operator on {STEPWISE.shape[0]} cells",
        f"each within {bound:.1f} standard errors, the grids' errors and step x curvature/2 = "
        f"{departure(SMALL):.1%} (the ramp, as in noise-time); {RIVAL:g} times the time would be seen",
        ALARM,
        test,
    )
