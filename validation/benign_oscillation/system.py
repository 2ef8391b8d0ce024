"""The single-example map and its averages: what an oscillating fit does to a weak weight."""

from __future__ import annotations

from functools import cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]
SEED = 51
BOUNDED = 1.5 * np.sqrt(3) - 1  # (1 + a)^2 = 27/4: the largest image of the map is then the zero 1 + 1/a


def step(S: Array, a: float) -> Array:
    """S -> S (1 + a (1 - S))^2, one step on one example whose output S the strong feature gives alone."""
    return np.asarray(S * (1 + a * (1 - S)) ** 2)


@cache
def orbit(a: float, settle: int = 4_000, keep: int = 4_000, starts: int = 64) -> Array:
    """Outputs (keep, starts) along orbits of the map, after they have settled."""
    S = np.linspace(0.2, 1.5, starts)
    for _ in range(settle):
        S = step(S, a)
    kept = []
    for _ in range(keep):
        S = step(S, a)
        kept.append(S)
    return np.array(kept)


@cache
def cycle_growth(a: float, ratio: float) -> float:
    """Mean of ln(1 + b e) along the cycle, e = 1 - S and b = `ratio` a: growth of ln q a step."""
    return float(np.mean(np.log1p(ratio * a * (1 - orbit(a)))))


@cache
def cycle_square(a: float) -> float:
    """Mean of e^2 along the cycle."""
    return float(np.mean((1 - orbit(a)) ** 2))
