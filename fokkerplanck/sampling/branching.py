"""Adaptive multilevel splitting: the chance of a rare end of an excursion, and its mean duration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.sampling.excursions import CLIMBED, DIVERGED, LEFT, Walk
from fokkerplanck.sampling.runs import Array

Indices = NDArray[np.int64]


class Outcome(RuntimeError):
    """Excursions that cannot be used, with the sentence that says why."""


@dataclass
class Streams:
    """Numbers of particles, each given once: whoever moves on his own draws random numbers of his own."""

    used: int = 0

    def take(self, count: int) -> Indices:
        """As many new numbers."""
        self.used += count
        return np.arange(self.used - count, self.used)


@dataclass(frozen=True)
class Split:
    """What each of R independent repeats found (R,): chance to leave, mean steps, and rounds of branching.

    ``reached`` (R, N, d): where the last branches began, which is far out.
    """

    chance: Array
    steps: Array
    rounds: int
    reached: Array


@dataclass
class _Tree:
    """Branches alive in each repeat (R, N): where each began, with which numbers, and what became of it."""

    x: Array  # (R, N, d)
    particle: Indices
    score: Array  # at its beginning
    since: Array  # steps from the root to its beginning
    best: Array
    steps: Array  # from the root to its end


def split(
    walk: Walk,
    x: Array,
    score: Array,
    low: float,
    limit: int,
    streams: Streams,
    choose: np.random.Generator,
    share: float = 0.25,
) -> Split:
    """Excursions from x (R, N, d), of the given scores (R, N), until they leave or fall to the score `low`.

    In each round the walkers that reached least, a `share` of each repeat or more where there are ties, give
    way to branches of the others from where those first stood higher than all that was killed, with random
    numbers of their own. With ties killed together the product of the shares kept, times the share that left
    in the end, is an unbiased chance; so is every mean over all walkers, the killed ones included, with the
    weight each had. Bréhier, Gazeau, Goudenège, Lelièvre, Rousset (2016).

    No path is stored: a branch finds its place by going its parent's way once more, from where that began.
    """
    repeats, n, _d = x.shape
    killed_at_once = max(1, round(share * n))
    tree = _Tree(
        x.copy(),
        streams.take(repeats * n).reshape(repeats, n),
        score.copy(),
        np.zeros((repeats, n)),
        score.copy(),
        np.zeros((repeats, n)),
    )
    _finish(walk, tree, np.flatnonzero(np.isfinite(score)), low, limit)  # the others have left at once
    weight, steps, rounds = np.ones(repeats), np.zeros(repeats), 0
    while True:
        bar, killed, kept = doomed(tree.best, killed_at_once)
        killed &= (weight > 0.0)[:, None]
        if not killed.any():
            break
        rounds += 1
        steps += weight * (tree.steps * killed).sum(axis=1) / n
        weight *= kept
        killed &= (weight > 0.0)[:, None]
        _branch(walk, tree, killed, bar, low, limit, streams, choose)
    left = np.isinf(tree.best).mean(axis=1)
    return Split(weight * left, steps + weight * tree.steps.mean(axis=1), rounds, tree.x)


def doomed(best: Array, least: int) -> tuple[Array, NDArray[np.bool_], Array]:
    """Who gives way in each repeat: the `least` that reached least, and all that tie with the last of them.

    Also how far that one came, and the share that is kept. None where fewer than `least` have not left.
    """
    bar = np.partition(best, least - 1, axis=1)[:, least - 1]
    killed = (best <= bar[:, None]) & np.isfinite(bar)[:, None]
    return bar, killed, 1.0 - killed.mean(axis=1)


def _branch(
    walk: Walk,
    tree: _Tree,
    killed: NDArray[np.bool_],
    bar: Array,
    low: float,
    limit: int,
    streams: Streams,
    choose: np.random.Generator,
) -> None:
    """Put branches of the survivors of each repeat in the place of what is killed."""
    n, d = tree.x.shape[1:]
    child = np.flatnonzero(killed.ravel())
    repeat = child // n
    survivors = np.argsort(killed, axis=1, kind="stable")  # they come first
    drawn = choose.integers(0, n - killed.sum(axis=1)[repeat])
    parent = repeat * n + survivors[repeat, drawn]
    goal = np.repeat(bar, n)[child]
    x, particle = tree.x.reshape(-1, d), tree.particle.ravel()
    score, since, best, steps = (a.ravel() for a in (tree.score, tree.since, tree.best, tree.steps))
    x0, s0, t0, b0 = x[parent].copy(), score[parent].copy(), since[parent].copy(), np.empty(len(child))
    again = np.flatnonzero(s0 <= goal)  # the others began above it
    run = walk(x0[again], particle[parent[again]], limit, low=low, goals=goal[again], best=s0[again])
    if not (run.are(CLIMBED) | run.are(LEFT)).all():
        raise AssertionError("a path repeated with its own random numbers went another way")
    x0[again], s0[again], t0[again] = run.x, run.best, t0[again] + run.steps
    gone = np.isinf(s0)  # the parent left before it stood higher: so does the branch
    b0[:], b0[gone] = s0, np.inf
    x[child], score[child], since[child], best[child], steps[child] = x0, s0, t0, b0, t0
    particle[child] = streams.take(len(child))
    _finish(walk, tree, child[~gone], low, limit)


def _finish(walk: Walk, tree: _Tree, which: Indices, low: float, limit: int) -> None:
    """Let branches go to their end; all arrays are contiguous, so that flat ones are the same memory."""
    x, score = tree.x.reshape(-1, tree.x.shape[2])[which], tree.score.ravel()[which]
    run = walk(x, tree.particle.ravel()[which], limit, low=low, best=score)
    check(walk, run.code, limit)
    tree.best.reshape(-1)[which] = run.best
    tree.steps.reshape(-1)[which] = tree.since.ravel()[which] + run.steps


def check(walk: Walk, code: Array, limit: int) -> None:
    """Refuse what diverged or did not end."""
    lost, late = int((code == DIVERGED).sum()), int((code == 0.0).sum())
    if lost:
        raise Outcome(f"{lost} of {len(code)} excursions diverged before they left")
    if late:
        raise Outcome(
            f"{late} of {len(code)} excursions neither left nor came back within {limit} steps: they stay "
            "somewhere else in the region, such as another well; ask a grid instead"
        )
