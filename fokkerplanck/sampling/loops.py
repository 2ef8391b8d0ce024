"""Mean time to leave a region over a high barrier, from loops around an attractor and splitting."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fokkerplanck.sampling.branching import Outcome, Split, Streams, check, split
from fokkerplanck.sampling.excursions import LEFT, Walk
from fokkerplanck.sampling.runs import Array, Flags

PILOTS = 512
FIRST = 64  # steps, doubled until the law settles
LONGEST = 2**20  # steps
SETTLED = 2.3  # Kolmogorov distance of laws at a time and at twice that, times the root of the pilots: noise
COMMON = 0.2  # share of pilots that may leave before the law has settled
BACK, OUT = 0.5, 0.9  # quantiles of the score: loops go from below the one to above the other
LOOPS = 3  # before the splitting: entries then have the law of a loop
PATIENCE = 1000  # settling times that an excursion may take


@dataclass(frozen=True)
class Around:
    """The neighbourhood of an attractor: loops go from a score of `low` or less to more than `high`.

    ``settling``: steps after which the law of the walkers no longer changes.
    """

    low: float
    high: float
    settling: int


@dataclass(frozen=True)
class Escapes:
    """What R independent repeats found (R,), in steps.

    ``first``: mean steps to the first entry, or to leave before it; ``kept``: share that did not leave;
    ``loop``: mean steps from an entry until the score is above `high`; ``branches``: the rest.
    """

    first: Array
    kept: Array
    loop: Array
    branches: Split
    around: Around

    def mean(self, repeats: Array | slice = slice(None)) -> float:
        """Mean number of steps to leave: ``first + kept * loop time / chance``, each a mean over repeats.

        Each round of loops is a trial to leave, all alike: that is Hill's relation with recycled entries.
        """
        chance = float(self.branches.chance[repeats].mean())
        if chance == 0.0:
            return float("inf")
        loop = float(self.loop[repeats].mean() + self.branches.steps[repeats].mean())
        return float(self.first[repeats].mean() + self.kept[repeats].mean() * loop / chance)

    def jackknife(self) -> float:
        """One standard error of the logarithm of the mean, from leaving out each repeat."""
        count = len(self.first)
        without = np.log([self.mean(np.delete(np.arange(count), r)) for r in range(count)])
        return float(np.sqrt((count - 1) / count * ((without - without.mean()) ** 2).sum()))


def surroundings(walk: Walk, x0: Array, streams: Streams, pilots: int = PILOTS) -> Around:
    """Find the neighbourhood of the attractor that walkers from x0 (d,) fall to, by trial runs.

    They run twice as long again and again, until neither the score nor a coordinate changes its law.
    """
    start = np.tile(x0, (pilots, 1))
    particles, steps, before = streams.take(pilots), FIRST, None
    while steps <= LONGEST:
        run = walk(start, particles, steps)
        inside = run.are(0.0)
        check(walk, run.code[~inside], steps)
        if inside.mean() < 1.0 - COMMON:
            raise Outcome(
                f"{1 - inside.mean():.0%} of {pilots} walkers left within {steps} steps, before their law "
                "had settled: leaving is not rare here; simulate"
            )
        x = run.x[inside]
        scores = walk.score(x)
        if not np.isfinite(scores).all():
            raise ValueError("score is not finite somewhere in the region: give one that is")
        now = np.column_stack([scores, x])
        if before is not None and all(
            _distance(a, b) * len(a) ** 0.5 < SETTLED for a, b in zip(before.T, now.T, strict=True)
        ):
            low, high = np.quantile(scores, [BACK, OUT])
            if not scores.max() > high:
                high = low
            if not scores.max() > low:
                raise ValueError(
                    "score is the same everywhere around the attractor: give one that grows outward"
                )
            return Around(float(low), float(high), steps)
        before, steps = now, 2 * steps
    raise Outcome(f"the law of walkers still changes after {LONGEST} steps: nothing is known of its loops")


def _distance(a: Array, b: Array) -> float:
    """Kolmogorov's distance of two samples."""
    both = np.sort(np.concatenate([a, b]))
    shares = (np.searchsorted(np.sort(s), both, side="right") / len(s) for s in (a, b))
    return float(np.abs(next(shares) - next(shares)).max())


def escapes(
    walk: Walk, x0: Array, n: int, repeats: int, seed: int, pilots: int = PILOTS, first_particle: int = 0
) -> Escapes:
    """Mean time to leave from x0 (d,), by `repeats` independent repeats of n walkers each.

    Walkers run from x0 until their law has settled and they are near the attractor, then round a few loops;
    those that leave on the way start again where their loop began. From where the last loop climbs out of
    the neighbourhood of the attractor, excursions split.
    """
    streams, choose = Streams(first_particle), np.random.default_rng([seed, 1])
    around = surroundings(walk, x0, streams, pilots)
    limit, count = PATIENCE * around.settling, repeats * n

    def per_repeat(values: Array) -> Array:
        return np.asarray(values.reshape(repeats, n).mean(axis=1))

    run = walk(np.tile(x0, (count, 1)), streams.take(count), around.settling)
    steps, x, left = run.steps, run.x, run.are(LEFT)
    check(walk, run.code[~run.are(0.0)], limit)
    inside = np.flatnonzero(~left)
    run = walk(x[inside], streams.take(len(inside)), limit, low=around.low)
    check(walk, run.code, limit)
    x[inside], left[inside] = run.x, run.are(LEFT)
    steps[inside] += run.steps
    first, kept = per_repeat(steps), 1.0 - per_repeat(left.astype(float))
    x = _replaced(x, left, repeats, choose)
    out = np.zeros((LOOPS, repeats))
    for k in range(LOOPS):
        climb = walk(x, streams.take(count), limit, goals=around.high)
        check(walk, climb.code, limit)
        out[k] = per_repeat(climb.steps)
        if k == LOOPS - 1:
            break
        back = walk(climb.x, streams.take(count), limit, low=around.low)
        check(walk, back.code, limit)
        again = climb.are(LEFT) | back.are(LEFT)
        x = np.where(again[:, None], x, back.x)
    roots, scores = climb.x.reshape(repeats, n, -1), climb.best.reshape(repeats, n)
    branches = split(walk, roots, scores, around.low, limit, streams, choose)
    return Escapes(first, kept, out[1:].mean(axis=0), branches, around)


def _replaced(x: Array, left: Flags, repeats: int, choose: np.random.Generator) -> Array:
    """Walkers (repeats * n, d), those that left put where others of their repeat are."""
    x, by_repeat = x.copy(), left.reshape(repeats, -1)
    n = by_repeat.shape[1]
    for r in np.flatnonzero(by_repeat.any(axis=1)):
        inside = np.flatnonzero(~by_repeat[r])
        if not len(inside):
            raise Outcome("all walkers left before their law had settled; simulate")
        gone = r * n + np.flatnonzero(by_repeat[r])
        x[gone] = x[r * n + choose.choice(inside, len(gone))]
    return x
