r"""Evolution by an implicit scheme of one factorisation a step length: for times too long for the series.

With :math:`B = (1 - \gamma h Q^\top)^{-1}` the density at the end of a step, and at any time within, is a
sum of powers:

.. math:: p(t + \theta h) \approx \sum_j a_j(\theta)\,B^j p(t).

The end takes j = 1 to 5; with :math:`\gamma` a root of :math:`L_5(1/\gamma) = 0` that is of order 5 and
L-stable. Source: S. P. Nørsett, restricted Padé approximations, SIAM J. Numer. Anal. 15, 1008 (1978);
E. Hairer and G. Wanner, Solving Ordinary Differential Equations II, table IV.6.4. A sixth power gives the
leading error, :math:`c_6 (h Q^\top B)^6 p = c_6 ((B - 1)/\gamma)^6 p`, itself.

No linear one-step scheme beyond first order keeps every density positive at every step length (C. Bolley and
M. Crouzeix, RAIRO Anal. Numer. 12, 237 (1978)). Backward Euler does: it is B itself, a step of
:math:`\gamma h`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import comb, factorial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from fokkerplanck.solvers.linear import SolverError
from fokkerplanck.solvers.state import State

Array = NDArray[np.float64]

ORDER = 5
POWERS = ORDER + 1
GAMMA = 0.2780538411364525
CLIPPED = 0.01  # share of a step's tolerance that may be negative and is cut off
SHORT = 1 / 64  # every step may spend this fraction of the tolerance, however short it is
SHORTEST = 1e-6  # of the first step
GAIN = 2.0**-POWERS
KEPT = 2  # factorisations


class Killed(Protocol):
    """A solver of a killed chain for densities."""

    def forward(self, f: Array) -> Array:
        """Solve ``A' x = f``, (n,)."""
        ...


Factor = Callable[[sparse.csr_array, Array], Killed]  # links, killing (n,)


def _taylor(power: int, order: int) -> float:
    """Coefficient of ``z**order`` in ``(1 - GAMMA z)**-power``."""
    return GAMMA**order * comb(power + order - 1, order) if power else float(order == 0)


def _weights(theta: float, first: int, last: int) -> Array:
    r"""Weights of the powers `first` to `last` that match :math:`e^{\theta z}` as far as they can, (7,)."""
    powers = range(first, last + 1)
    orders = range(len(powers))
    a = np.zeros(POWERS + 1)
    a[first : last + 1] = np.linalg.solve(
        [[_taylor(j, m) for j in powers] for m in orders], [theta**m / factorial(m) for m in orders]
    )
    return a


END = _weights(1.0, 1, ORDER)
EULER = np.eye(POWERS + 1)[1]
LEADING = sum(a * _taylor(j, POWERS) for j, a in enumerate(END)) - 1 / factorial(POWERS)
ERROR = LEADING / GAMMA**POWERS * np.array([comb(POWERS, j) * (-1.0) ** j for j in range(POWERS + 1)])


@dataclass(frozen=True)
class March:
    """States at the times wanted, the steps that took, and how many of them were backward Euler's."""

    reached: list[State]
    steps: int
    fallbacks: int


def march(
    links: sparse.csr_array,
    killing: Array,
    state: State,
    spans: Array,
    rtol: float,
    first: float,
    factor: Factor,
) -> March:
    """States at `spans` from now (ascending, > 0); step lengths are the last of them over powers of 2.

    The `first` step is at most so long.
    """
    stages = _Stages(links, killing, factor)
    end = float(spans[-1])
    level = max(0, int(np.ceil(np.log2(end / first))))
    reached: list[State] = []
    now, steps, fallbacks = 0.0, 0, 0
    while len(reached) < len(spans):
        h = end * 2.0**-level
        tolerance = 0.5 * rtol * float(state.masses.sum()) * max(h / end, SHORT)
        powers, sunk, rounding = stages(state.masses, level, h)
        theta, a, error = 1.0, END, _size(ERROR, powers, sunk)
        negative = -float(np.minimum(a @ powers, 0.0).sum())
        if error <= tolerance and negative > CLIPPED * tolerance:
            theta, a = GAMMA, EULER
            error = _size(EULER - _weights(GAMMA, 0, POWERS), powers, sunk)
        if not error <= tolerance + np.abs(ERROR).sum() * rounding:  # shorter steps round no less
            level += 1
            if h < SHORTEST * first:
                raise SolverError("the evolution broke off: its steps shrank to nothing; check the rates")
            continue
        steps, fallbacks = steps + 1, fallbacks + (theta < 1.0)
        grows = error <= GAIN * tolerance and level > 0
        error += rounding
        inside = spans[len(reached) :]
        for s in inside[inside <= now + theta * h * (1 + 1e-12)]:
            within = _weights((s - now) / h, 0, POWERS)
            reached.append(state.moved(within @ powers, within @ sunk, error))
        state, now = state.moved(a @ powers, a @ sunk, error), now + theta * h
        level -= grows
    return March(reached, steps, fallbacks)


def _size(a: Array, powers: Array, sunk: Array) -> float:
    return float(np.abs(a @ powers).sum() + np.abs(a @ sunk).sum())


class _Stages:
    """Powers of B on a density (7, n), what they send to the sinks (7, sinks), and mass they round off."""

    def __init__(self, links: sparse.csr_array, killing: Array, factor: Factor):
        self._links, self._killing, self._factor = links, killing, factor
        self._kept: dict[int, Killed] = {}

    def __call__(self, masses: Array, level: int, h: float) -> tuple[Array, Array, float]:
        step = GAMMA * h
        if level not in self._kept:
            while len(self._kept) >= KEPT:
                self._kept.pop(next(iter(self._kept)))
            # B is the Green function of the chain that is killed at the rate 1 besides.
            self._kept[level] = self._factor(step * self._links, 1.0 + step * self._killing.sum(axis=1))
        powers, sunk, rounding = [masses], [np.zeros(self._killing.shape[1])], 0.0
        total = float(masses.sum())
        for _ in range(POWERS):
            q = self._kept[level].forward(powers[-1])
            gained = sunk[-1] + step * (q @ self._killing)
            found = float(q.sum() + gained.sum())
            rounding += abs(found - total)
            scale = total / found if found > 0 else 1.0
            powers.append(scale * q)
            sunk.append(scale * gained)
        return np.array(powers), np.array(sunk), rounding
