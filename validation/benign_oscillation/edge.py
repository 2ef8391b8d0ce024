"""What the network learns against the step, and whether the reduced valley says how fast."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from scipy import stats

import fokkerplanck as fp
from validation.benign_oscillation.network import STEPS, TESTED, P, Run, growth, learning_rate, runs
from validation.benign_oscillation.system import SEED, Array, cycle_growth
from validation.claim import CONFIRMED, FAILED, NO_POWER, Claim, Finding
from validation.judging import ALARM, FEW, above, all_of, judged, sigmas
from validation.seeds import seed

BELOW = {True: (0.6, 0.95), False: (0.3, 0.6, 0.9, 0.95)}
ABOVE = {True: (1.05, 1.2), False: (1.05, 1.1, 1.2, 1.3)}
RATED = {True: (1.05, 1.2), False: (1.05, 1.1, 1.2)}
MIDDLE = 0.75
# The window of the growth: points without the strong feature are fitted after n ln(1/start)/ln(1 + a) steps,
# and beyond .003 the weak feature carries part of the fit. Narrowed after a first run, which had 600 and .02.
EARLY, FULL = 640, 0.003
# Set before the first run: noise patches and points without the strong feature are not in the reduced map.
CLOSE = 0.2
QUIET = 0.97
VISITS, GROWN = 60, 0.05  # see `_still`
WRONG, SEEN_WRONG = 0.002, 0.05  # error on new points of a network that does well; one that must be seen
FEWEST = 3  # runs from which a mean has an error worth quoting
LEAST = 0.5  # share of the runs that must be left, or what they say is of the lucky ones only


def claims(quick: bool) -> Iterator[Claim]:
    """Weak-only accuracy, the fit, and the growth below and above."""
    repeats, alarm = size(quick), FEW if quick else ALARM
    yield _edge((*BELOW[quick], *ABOVE[quick]), repeats, alarm)
    yield _fitted((*BELOW[quick], *ABOVE[quick]), repeats, alarm)
    yield _speed(RATED[quick], repeats, alarm)
    yield _still(BELOW[quick], repeats)


def size(quick: bool) -> int:
    """Seeds."""
    return 4 if quick else 12


# -- runs, and which of them are left out ------------------------------------------------------------------


def kept(a: float, repeats: int) -> list[Run]:
    """Those that did not diverge and could learn both features."""
    return [r for r in runs(a, repeats, seed(SEED)) if r.finished and r.complete]


def diverged(a: float, repeats: int) -> int:
    """Runs that passed |f| = 1e6."""
    return sum(not r.finished for r in runs(a, repeats, seed(SEED)))


def left_out(a: float, repeats: int) -> str:
    """How many runs are left out, and why; empty if none."""
    lost = diverged(a, repeats)
    unable = repeats - lost - len(kept(a, repeats))
    reasons = {"diverged": lost, "start without an active weight of one sign": unable}
    return "".join(f"; {k} of {repeats} {why}" for why, k in reasons.items() if k)


def weak_accuracies(a: float, repeats: int) -> Array:
    """On test points with the weak feature only, of the runs kept."""
    return np.array([r.weak_accuracy for r in kept(a, repeats)])


def growths(a: float, repeats: int) -> Array:
    """Growth of the weak weights a step, of the runs kept that have a window."""
    found = (growth(r, EARLY, FULL) for r in kept(a, repeats))
    return np.array([g for g in found if np.isfinite(g)])


def mean_of(values: Array) -> fp.Estimate:
    """Mean and standard error; of too few, none."""
    if len(values) < FEWEST:
        return fp.Estimate(float("nan"), status=f"only {len(values)} runs are left")
    return fp.Estimate.from_replicas(values)


def of_those_left(
    values: Array, repeats: int, note: str, judge: Callable[[fp.Estimate, int], Finding]
) -> Finding:
    """A judgement from the mean and the number of the runs that are left; too few have no power."""
    mean = mean_of(values)
    if not mean.ok or len(values) < LEAST * repeats:
        return Finding(str(mean), NO_POWER, f"only {len(values)} of {repeats} runs are left{note}")
    found = judge(mean, len(values))
    return replace(found, reason=found.reason + note)


# -- claims ------------------------------------------------------------------------------------------------


def _training(repeats: int) -> str:
    return (
        f"{repeats} seeds (data, weights, order), {P.points} points, d = {P.dimension}, m = {P.neurons} a "
        f"sign, |u| = {P.weak:g}, |v| = {P.strong:g}, {STEPS} steps of one point, "
        f"lr = {learning_rate(1):g} a"
    )


def _edge(places: tuple[float, ...], repeats: int, alarm: float) -> Claim:
    def one(a: float) -> Finding:
        side = -1 if a < 1 else 1

        def judge(accuracy: fp.Estimate, left: int) -> Finding:
            least = 1 / (TESTED * np.sqrt(left))  # runs that agree on all points have an error still
            beyond = accuracy.with_(value=side * (accuracy.value - MIDDLE), stat=max(accuracy.stat, least))
            bound = sigmas(len(places), left, 1, alarm)
            found = above(beyond, 0.0, bound, predicted=1 - MIDDLE)  # .25 from the middle to 1, and to .5
            return Finding(str(accuracy), found.verdict, f"beyond {MIDDLE:g}: {found.reason}", (accuracy,))

        return of_those_left(weak_accuracies(a, repeats), repeats, left_out(a, repeats), judge)

    return Claim(
        "edge",
        "SGD with a large, oscillating step learns the weak feature; a small step learns only the strong one",
        "weak-only accuracy near .5 below a = 2 lr |v|^2/m = 1 and near 1 above",
        f"{_training(repeats)}; {TESTED} test points that have the weak feature and noise only",
        f"mean and {sigmas(len(places), repeats, 1, alarm):.1f} standard errors (of {repeats} runs; more if "
        f"fewer are left, of which half must be) below {MIDDLE:g} for a < 1, above it for a > 1",
        alarm,
        lambda: all_of({f"a = {a:g}": one(a) for a in places}),
    )


def most_wrong(networks: int, alarm: float) -> int:
    """New points on which networks may err: by chance, one that errs on WRONG of all hardly errs on more."""
    return int(stats.binom.isf(alarm / networks, TESTED, WRONG))


def _fitted(places: tuple[float, ...], repeats: int, alarm: float) -> Claim:
    most = most_wrong(repeats * len(places), alarm)
    missed = float(stats.binom.cdf(most, TESTED, SEEN_WRONG))

    def one(a: float) -> Finding:
        left = kept(a, repeats)
        if not left:
            return Finding("-", NO_POWER, f"no run is left{left_out(a, repeats)}")
        unfit = max(round(P.points * (1 - r.train_accuracy)) for r in left)
        wrong = max(round(TESTED * (1 - r.strong_accuracy)) for r in left)
        right = unfit == 0 and wrong <= most
        return Finding(
            f"{unfit} of {P.points} and {wrong} of {TESTED}",
            CONFIRMED if right else FAILED,
            f"worst of {len(left)} runs{left_out(a, repeats)}",
        )

    return Claim(
        "fitted",
        "All of them fit the training data and do well where the strong feature is: neither tells them apart",
        "no error on the training data, hardly one on test data with both features, at every a",
        f"{_training(repeats)}; wrong points of the worst run",
        f"no training point wrong in any run (they are no sample: a single one refutes it); at most {most} "
        f"of {TESTED} test points, as networks that err on {WRONG:.1%} of all do by the exact binomial law; "
        f"one that errs on {SEEN_WRONG:.0%} passes with the chance {missed:.0e}",
        alarm,
        lambda: all_of({f"a = {a:g}": one(a) for a in places}),
    )


def _speed(places: tuple[float, ...], repeats: int, alarm: float) -> Claim:
    law = {a: 0.5 * cycle_growth(a, (P.weak / P.strong) ** 2) for a in places}

    def one(a: float, g: float) -> Finding:
        def judge(found: fp.Estimate, left: int) -> Finding:
            bound = sigmas(len(places), left, alarm=alarm)
            return judged(found, g, bound, rival=0.0, bias=CLOSE * g)

        values, note = growths(a, repeats), left_out(a, repeats)
        windowless = len(kept(a, repeats)) - len(values)
        if windowless:
            note += (
                f"; {windowless} of {repeats} have no window: {FULL:g} is passed before or soon after {EARLY}"
            )
        return of_those_left(values, repeats, note, judge)

    return Claim(
        "speed",
        "Above the edge the reduced valley says how fast the network's weak weights grow",
        ", ".join(f"{g:.3g} at a = {a:g}" for a, g in law.items())
        + " a step: half the cycle average of ln(1 + b e), as a sign sees every second point; "
        "0 without oscillation",
        f"{_training(repeats)}; half the slope of the logarithm of the weak output, from step {EARLY} to "
        f"output {FULL:g}",
        f"within {sigmas(len(places), repeats, alarm=alarm):.1f} standard errors (of {repeats} runs; more if "
        f"fewer are left) and {CLOSE:.0%} for noise patches and points without the strong feature",
        alarm,
        lambda: all_of({f"a = {a:g}": one(a, g) for a, g in law.items()}),
    )


def _still(places: tuple[float, ...], repeats: int) -> Claim:
    """All but certain: the only chance is that a point is drawn too seldom to have been fitted.

    Once it is near its fit, a point without v keeps |1 - 2 a |xi|^2| <= 2 QUIET - 1 of its error each time it
    is drawn. VISITS draws in the first half of training leave so little of an error of 1 that all that
    follows moves ln q by no more than `left`; GROWN leaves room for the few draws that bring it near its fit
    from a small start (ln(100)/ln(1 + a): 7 at .95).
    """
    keeps = 2 * QUIET - 1
    left = keeps**VISITS / (1 - keeps) * max(places) * (P.weak / P.strong) ** 2
    points = len(places) * repeats * round(P.missing * P.points)
    alarm = float(points * stats.binom.cdf(VISITS - 1, STEPS // 2, 1 / P.points))
    law = 0.5 * cycle_growth(1.05, (P.weak / P.strong) ** 2) * STEPS / 2

    def test() -> Finding:
        quiet: list[float] = []
        restless: list[float] = []
        for a in places:
            for r in kept(a, repeats):
                late = r.record[[len(r.record) // 2, -1], :2]
                grown = float(0.5 * np.log(late[1] / late[0]).max())
                (quiet if a * r.loudest < QUIET else restless).append(grown)
        if not quiet:
            return Finding("-", NO_POWER, f"a |xi|^2 is {QUIET:g} or more in every run")
        rest = f"; {len(restless)} others up to {max(restless):.2g}" if restless else ""
        lost = "".join(f"; a = {a:g}{left_out(a, repeats)}" for a in places if left_out(a, repeats))
        return Finding(
            f"at most {max(quiet):.1e} in {len(quiet)} runs with a |xi|^2 < {QUIET:g}{rest}",
            CONFIRMED if max(quiet) < GROWN else FAILED,
            f"points without v whose noise is strong, a |xi|^2 > 1, have an edge of their own{lost}",
        )

    return Claim(
        "still",
        "Below the edge the weak weights stop: the fit is exact, no noise is left and so no regularizer "
        "either",
        f"growth of their logarithm in the second half of training 0 to {left:.2f}, where a |xi|^2 < 1 for "
        "the points without v, which are fitted by their noise; at a = 1.05 the cycle average gives "
        f"{law:.0f}",
        f"{_training(repeats)}; the largest of all runs and signs",
        f"below {GROWN:g} in every run with a |xi|^2 < {QUIET:g} for these points; by chance only if one of "
        f"them is drawn fewer than {VISITS} times in {STEPS // 2} steps",
        alarm,
        test,
    )
