"""Escape from either minimum: mean time, its law at finite time, and Kramers' formula as a limit."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

import fokkerplanck as fp
from fokkerplanck.passages import from_passages
from validation.claim import CONFIRMED, FAILED, Claim, Finding
from validation.judging import ALARM, DETERMINISTIC, all_of, counted, exact, judged, sigmas
from validation.two_wells.system import FLAT, SHARP, Size, wells

Array = NDArray[np.float64]
BATCH = 8
PORTIONS = np.array([0.25, 0.5, 1.0, 2.0])  # of the mean time
NAMES = {SHARP: "sharp", FLAT: "flat"}


def claims(size: Size) -> Iterator[Claim]:
    """Both ways out at every level, the law of the time, and the limit of weak noise."""
    yield from (_mean(start, size) for start in (SHARP, FLAT))
    yield _finite_time(size)
    yield _kramers()


@lru_cache
def passages(batch: int, start: float, size: Size) -> fp.sampling.Passage:
    """Steps that chains take to the other minimum."""
    w = wells(batch)
    key = [size.seed, batch, int(start == SHARP)]
    return w.sgd.first_passage(w.way(start), size.exits, (start,), int(50 * w.passage(start)), rng=key)


def _mean(start: float, size: Size) -> Claim:
    w = wells(BATCH)
    predicted, name = w.passage(start), NAMES[start]

    def test() -> Finding:
        way, key = w.way(start), [size.seed, 7, int(start == SHARP)]
        chain = from_passages(passages(BATCH, start, size), "SGD chains", "steps")
        paths = w.sgd.escape(way, (start,), "paths", n=size.paths, rng=key)
        density = w.sgd.escape(way, (start,), "density", grid=w.grid)
        return all_of(
            {
                "density": exact(density.value, predicted, 1e-3 * predicted),
                "paths": judged(paths, predicted, sigmas(2)),
                "SGD": judged(
                    chain, w.chain_passage(start).value, sigmas(2), bias=w.chain_passage(start).disc
                ),
            }
        )

    return Claim(
        f"time-{name}",
        f"The mean time to leave the {name} minimum is explicit: density, paths and SGD have it",
        f"{predicted:.0f} steps by quadrature of the SDE; SGD as its transition operator says, which differs "
        f"from the SDE by a few percent at lr .01 (lr times curvature {w.sgd.lr * w.curvature(SHARP):.2f}, "
        f"{w.sgd.lr * w.curvature(FLAT):.2f})",
        f"batch {BATCH}, barrier {w.rise(start) / w.noise:.1f} times the noise, to the bottom of the other "
        f"minimum: density on {w.grid.size} cells, {size.paths} paths, {size.exits} chains",
        f"density within .1 %; paths within {sigmas(2):.1f} standard errors and the step bias they "
        "quote; SGD "
        "within as many of the operator",
        ALARM,
        test,
    )


def left(batch: int, start: float, size: Size) -> NDArray[np.int64]:
    """How many of the chains have left at the portions of the predicted mean time."""
    mean = wells(batch).chain_passage(start).value
    times = passages(batch, start, size).times
    return np.array([(times <= p * mean).sum() for p in PORTIONS])


def _finite_time(size: Size) -> Claim:
    # The last way down to the other minimum, some relaxation times, delays every exit a little.
    w = wells(BATCH)
    delay = 3 / (w.curvature(FLAT) * w.sgd.lr) / w.passage(SHARP)

    def test() -> Finding:
        parts = {}
        for start in (SHARP, FLAT):
            for p, k in zip(PORTIONS, left(BATCH, start, size), strict=True):
                law = float(1 - np.exp(-p))
                parts[f"{NAMES[start]}, t = {p:g} T"] = counted(int(k), size.exits, law, 8, bias=delay)
        return all_of(parts)

    return Claim(
        "finite-time",
        "At a finite time t the minimum has been left with probability 1 - exp(-t/T), T the mean time",
        ", ".join(f"{1 - np.exp(-p):.3f}" for p in PORTIONS) + f" at t/T = {', '.join(map(str, PORTIONS))}",
        f"{size.exits} chains from each minimum, batch {BATCH}, T from the transition operator",
        f"each within the exact binomial interval and {delay:.3f} for the way down, three relaxation times",
        ALARM,
        test,
    )


def _kramers() -> Claim:
    batches = (16, 32, 64, 128)

    def test() -> Finding:
        ratio = [[wells(b).passage(s) / wells(b).kramers(s) - 1 for b in batches] for s in (SHARP, FLAT)]
        halving = np.array(ratio)[:, 1:] / np.array(ratio)[:, :-1]
        ok = bool((abs(halving[:, -1] - 0.5) < 0.05).all())
        shown = "\n".join(
            f"{NAMES[s]}: " + ", ".join(f"{r:+.2%}" for r in row)
            for s, row in zip((SHARP, FLAT), ratio, strict=True)
        )
        text = "last halvings " + ", ".join(f"{h:.3f}" for h in halving[:, -1])
        return Finding(shown, CONFIRMED if ok else FAILED, text)

    return Claim(
        "kramers",
        "Kramers' formula is the limit of weak noise: its error halves with the noise, and is no oracle",
        "error proportional to the noise: a factor .5 each time the batch doubles; a wrong prefactor would "
        "leave an error that stays",
        f"exact quadrature against the formula at batch {', '.join(map(str, batches))}",
        "last halving between .45 and .55",
        DETERMINISTIC,
        test,
    )
