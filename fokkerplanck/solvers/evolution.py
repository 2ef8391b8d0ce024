r"""Evolution of a density by an L-stable second-order implicit scheme.

SDIRK2, :math:`\gamma = 1 - 1/\sqrt2`: two solves a step with one factorisation.
Source: R. Alexander, SIAM J. Numer. Anal. 14, 1006 (1977), eq. (2.2). No linear one-step scheme
beyond first order keeps every density positive at every step length (C. Bolley and M. Crouzeix, RAIRO
Anal. Numer. 12, 237 (1978)), so a step that does not is done again by backward Euler, which does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from fokkerplanck.solvers.linear import factor, matrix

Array = NDArray[np.float64]

GAMMA = 1.0 - np.sqrt(0.5)
NEGATIVE = -1e-13  # relative to the largest mass: rounding, not the scheme


@dataclass(frozen=True)
class Evolved:
    """Masses at the wanted times (times, n), error in L1 from step halving, share of fallback steps."""

    masses: Array
    errors: Array
    fallback: float


def evolve(
    links: sparse.csr_array, killing: Array, start: Array, times: Array, rtol: float = 1e-4, first: int = 8
) -> Evolved:
    """Masses at each of `times` (ascending, from 0); steps are halved until runs agree to `rtol` in L1."""
    a = matrix(links, killing)
    p, previous = start, 0.0
    masses, errors, fallbacks, steps_taken = [], [], 0, 0
    accumulated = 0.0
    n = first
    for t in times:
        span = t - previous
        if span > 0:
            coarse, _ = _march(a, p, span, n)
            while True:
                fine, fell = _march(a, p, span, 2 * n)
                error = float(np.abs(fine - coarse).sum()) / 3.0
                if error <= rtol * max(float(p.sum()), 1e-300) or n >= 4096:
                    break
                n, coarse = 2 * n, fine
            p, previous = fine, t
            fallbacks += fell
            steps_taken += 2 * n
            accumulated += error
            n = max(first, n // 2)
        masses.append(p)
        errors.append(accumulated)
    return Evolved(np.array(masses), np.array(errors), fallbacks / max(steps_taken, 1))


def _march(a: sparse.csc_array, p: Array, span: float, n: int) -> tuple[Array, int]:
    h = span / n
    eye = sparse.eye_array(a.shape[0], format="csc")
    lu = factor((eye + GAMMA * h * a).tocsc())
    euler = None
    fell = 0
    for _ in range(n):
        # Stages solve (1 + gamma h A') k = p; the combination keeps the mass because each stage does.
        first = lu.solve(p, "T")
        slope = (first - p) / GAMMA
        second = lu.solve(p + (1.0 - GAMMA) * slope, "T")
        q = second
        if q.min() < NEGATIVE * q.max():
            if euler is None:
                euler = factor((eye + h * a).tocsc())
            q = euler.solve(p, "T")
            fell += 1
        p = q
    return np.maximum(p, 0.0), fell
