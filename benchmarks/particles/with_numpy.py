"""NumPy, as one would write it: all particles at once, in blocks that stay in the cache."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.particles import problems as p

BLOCK = 8192


def paths() -> Callable[[], np.ndarray]:
    """Euler-Maruyama; no twin."""

    def block(rng: np.random.Generator, n: int) -> np.ndarray:
        x, y = np.full(n, p.START[0]), np.full(n, p.START[1])
        scale = p.S * p.STEP
        for _ in range(p.STEPS):
            u, v = rng.standard_normal((2, n))
            yy, curvature = y * y, 1 + x * x
            l00 = np.sqrt(scale * (1 + yy / 2))
            l10 = 0.3 * scale * x * y / l00
            l11 = np.sqrt(scale * curvature - l10 * l10)
            x, y = x - p.STEP * x * yy + l00 * u, y - p.STEP * curvature * y + l10 * u + l11 * v
        return np.column_stack([x, y])

    def work() -> np.ndarray:
        rng = np.random.default_rng(1)
        return np.concatenate([block(rng, BLOCK) for _ in range(p.PARTICLES // BLOCK)])

    return work


def passage() -> Callable[[], np.ndarray]:
    """Crossings seen at the steps only; who has left is dropped now and then."""

    def work() -> np.ndarray:
        rng = np.random.default_rng(1)
        times, ids, x = np.full(p.WALKERS, p.LONGEST), np.arange(p.WALKERS), np.full(p.WALKERS, -1.0)
        root = np.sqrt(2 * p.BARRIER_NOISE * p.PASSAGE_STEP)
        for k in range(int(p.LONGEST / p.PASSAGE_STEP)):
            x = x + p.PASSAGE_STEP * (x - x * x * x) + root * rng.standard_normal(x.size)
            out = x >= 1
            if out.any():
                times[ids[out]] = (k + 1) * p.PASSAGE_STEP
                x, ids = x[~out], ids[~out]
                if not x.size:
                    break
        return times

    return work


def passage_of_all() -> Callable[[], np.ndarray]:
    """The same, where all are advanced until the last has left."""

    def work() -> np.ndarray:
        rng = np.random.default_rng(1)
        times, x = np.full(p.WALKERS, p.LONGEST), np.full(p.WALKERS, -1.0)
        inside = np.ones(p.WALKERS, bool)
        root = np.sqrt(2 * p.BARRIER_NOISE * p.PASSAGE_STEP)
        for k in range(int(p.LONGEST / p.PASSAGE_STEP)):
            x = x + p.PASSAGE_STEP * (x - x * x * x) + root * rng.standard_normal(x.size)
            out = inside & (x >= 1)
            times[out] = (k + 1) * p.PASSAGE_STEP
            inside &= ~out
            if not inside.any():
                break
        return times

    return work


def minibatches() -> Callable[[], np.ndarray]:
    """Rows with replacement: easier than what we draw."""
    table = p.data()
    a, b = table[:, :-1], table[:, -1]

    def work() -> np.ndarray:
        rng = np.random.default_rng(1)
        w = np.zeros((p.CHAINS, p.COLUMNS))
        for _ in range(p.UPDATES):
            rows = rng.integers(p.ROWS, size=(p.CHAINS, p.BATCH))
            features = a[rows]
            rest = np.einsum("nbk,nk->nb", features, w) - b[rows]
            w = w - p.RATE * np.einsum("nb,nbk->nk", rest, features) / p.BATCH
        return w

    return work
