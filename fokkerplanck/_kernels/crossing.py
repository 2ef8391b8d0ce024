"""Crossings of an edge between two steps, for a level function that moves as a Brownian bridge."""

from __future__ import annotations

import math

import numpy as np

from fokkerplanck._kernels._jit import lane
from fokkerplanck._kernels.random import CROSSING, normals, uniforms

_NEVER = 40.0  # exp(-40) is below the resolution of a uniform number


@lane
def may_cross(before: float, after: float, spread: float) -> bool:
    """Whether a step needs `crosses`, or has diverged: a test without a random number."""
    return (after <= 0.0) | (before * after < _NEVER * spread) | (after != after)


@lane
def crosses(before: float, after: float, spread: float, seed: np.uint64, particle: int, step: int) -> bool:
    """Whether the level, positive at the step's start, has touched zero within the step.

    The level's variance over the step is 2*spread; a bridge between positive ends touches zero with
    probability exp(-before*after/spread).
    """
    if after <= 0.0:
        return True
    product = before * after
    if not product < _NEVER * spread:
        return False
    u, _v = uniforms(seed, particle, step, CROSSING)
    return bool(u < math.exp(-product / spread))


@lane
def crossing_fraction(
    before: float, after: float, spread: float, seed: np.uint64, particle: int, step: int
) -> float:
    """The moment of the first touch, as a part of the step, drawn from its law given the two ends.

    By reflection a touch with the end at `after` has the law of one with the end at -after; for the touch
    time s of the step, s/(1-s) is inverse Gaussian with mean a = before/|after| and shape
    before^2/(2 spread). Drawn as by Michael, Schucany, Haas (1976), in a form without cancellation.
    """
    if before <= 0.0:
        return 0.0
    if spread <= 0.0:  # no noise across the edge: a straight line
        return before / (before - after)
    shape = 0.5 * before * before / spread
    z, _, _, _ = normals(seed, particle, step, CROSSING + 1)
    u, _v = uniforms(seed, particle, step, CROSSING + 2)
    mean = before / max(abs(after), 1e-12 * before)
    r = 0.5 * mean * z * z / shape
    odds = mean / (1.0 + r + math.sqrt(2.0 * r + r * r))
    if u * (mean + odds) > mean:
        odds = mean * mean / odds
    return float(1.0 / (1.0 + 1.0 / odds))
