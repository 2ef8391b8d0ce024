r"""Evolution of a chain whose rates follow a control, such as the learning rate, in time.

.. math::

    p(t + h) \approx e^{\frac h2 Q^\top(\bar a + \delta)}\,e^{\frac h2 Q^\top(\bar a - \delta)}\,p(t), \qquad
    \bar a = \frac1h\int a, \quad \delta = \frac4{h^2}\int \bigl(s - t - \tfrac h2\bigr)\,a(s)\,ds,

both integrals over the step: two chains with constant rates, each for half of it, so that every step length
keeps the density positive and its mass. Of order 4 where Q is affine in a, else 2. Source: S. Blanes and
P. C. Moan, Appl. Numer. Math. 56, 1519 (2006): the commutator-free scheme of two exponentials, here in terms
of moments. The error comes from the step done again in two halves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.solvers.linear import SolverError
from fokkerplanck.solvers.state import State

Array = NDArray[np.float64]
# Control, state, times from now, rtol -> states at these times with the control held.
Frozen = Callable[[float, State, Array, float], list[State]]

AGAIN = 1.2  # a longer step is tried some pieces later
STEEP = 0.2  # change over a step, relative to the mean, of the first one tried
FEW = 4  # pieces of a staircase, six chains' worth, that are better taken one by one
SHORT = 1 / 64  # every step may spend this fraction of the tolerance, however short it is
SHORTEST = 1e-9  # of the whole time
NODES, WEIGHTS = np.polynomial.legendre.leggauss(4)


class Control(Protocol):
    """A positive function of time, by its moments over an interval."""

    @property
    def breaks(self) -> Array:
        """Times at which it jumps."""
        ...

    def moments(self, begin: float, end: float) -> tuple[float, float]:
        r"""Mean and tilt :math:`\delta` over an interval."""
        ...

    def until(self, now: float) -> float:
        """Time until which it stays as it is; `now` itself if it changes all the time."""
        ...


@dataclass(frozen=True)
class Staircase:
    """A control with ``values`` (m,) on the pieces that end at ``ends`` (m,); the first begins at 0.

    Jumps by more than `jump` of the value are breaks; smaller ones are averaged over.
    """

    ends: Array
    values: Array
    jump: float = 0.05

    @property
    def breaks(self) -> Array:
        """Times of the larger jumps."""
        change = np.abs(np.diff(self.values)) / np.minimum(self.values[1:], self.values[:-1])
        return self.ends[:-1][change > self.jump]

    def moments(self, begin: float, end: float) -> tuple[float, float]:
        first, last = self._pieces(begin, end)
        edges = np.concatenate([[begin], self.ends[first:last], [end]])
        middle, value = 0.5 * (edges[1:] + edges[:-1]) - 0.5 * (begin + end), self.values[first : last + 1]
        weight = np.diff(edges) * value
        h = end - begin
        return float(weight.sum() / h), float(4.0 * (weight @ middle) / h**2)

    def until(self, now: float) -> float:
        first, _ = self._pieces(now, now)
        changes = first + np.flatnonzero(self.values[first:] != self.values[first])
        return float(self.ends[changes[0] - 1]) if len(changes) else np.inf

    def _pieces(self, begin: float, end: float) -> tuple[int, int]:
        """First and last piece that the interval holds a part of."""
        slack = 1e-12 * end
        first = int(np.searchsorted(self.ends, begin + slack, side="right"))
        last = int(np.searchsorted(self.ends, end - slack, side="left"))
        most = len(self.values) - 1
        return min(first, most), min(max(last, first), most)


@dataclass(frozen=True)
class Smooth:
    """A control given as a function of time, smooth but at the ``breaks``."""

    function: Callable[[float], float]
    breaks: Array

    def moments(self, begin: float, end: float) -> tuple[float, float]:
        values = np.array([self.function(t) for t in 0.5 * (begin + end) + 0.5 * (end - begin) * NODES])
        return float(0.5 * WEIGHTS @ values), float(WEIGHTS @ (NODES * values))

    def until(self, now: float) -> float:
        return now


def march(frozen: Frozen, control: Control, state: State, times: Array, rtol: float) -> list[State]:
    """States at `times` (ascending, > 0): steps end at the breaks, and shorter ones lead to times within."""
    end = float(times[-1])
    course = _Course(frozen, control, times, rtol)
    inner = (control.breaks > 0) & (control.breaks < end)
    reached: list[State] = []
    now = 0.0
    for stop in np.append(np.sort(control.breaks[inner]), end):
        h = stop - now
        while now < stop:
            piece = min(control.until(now), stop)
            h = min(h, stop - now)
            if h <= FEW * (piece - now):
                states = course.hold(state, now, piece)
                h *= AGAIN
                now = piece
            else:
                states, room = course.step(state, now, h)
                now = (stop if h == stop - now else now + h) if states else now
                h *= min(max(0.9 * room, 0.2), 5.0)
                if h < SHORTEST * end:
                    raise SolverError("the evolution broke off: its steps shrank to nothing; check the rates")
            if states:
                *asked, state = states
                reached += asked
    return reached


@dataclass(frozen=True)
class _Course:
    frozen: Frozen
    control: Control
    times: Array
    rtol: float

    def hold(self, state: State, now: float, end: float) -> list[State]:
        """States at the times asked for until `end` and there, where the control does not change."""
        value, _ = self.control.moments(now, end)
        return self.frozen(value, state, np.append(self._asked(now, end), end - now), self._share(end - now))

    def step(self, state: State, now: float, h: float) -> tuple[list[State], float]:
        """The same for a step; none if its error is too large. And by how much a step may be longer."""
        mean, tilt = self.control.moments(now, now + h)
        if abs(tilt) > STEEP * mean:
            return [], 0.5
        middle = now + 0.5 * h
        half = self._two(state, now, 0.5 * h)
        fine = self._two(half, middle, 0.5 * h)
        error = fine.distance(self._two(state, now, h)) / 7.0  # as if of order 3
        tolerance = 0.5 * self.rtol * float(state.masses.sum()) * max(h / float(self.times[-1]), SHORT)
        room = (tolerance / max(error, 1e-300)) ** (1 / 3)
        if room < 1.0:
            return [], room
        asked = [
            self._two(state, now, s) if s < 0.5 * h else self._two(half, middle, s - 0.5 * h)
            for s in self._asked(now, now + h)
        ]
        return [s.blurred(error) for s in (*asked, fine)], room

    def _two(self, state: State, now: float, h: float) -> State:
        if h == 0.0:
            return state
        mean, tilt = self.control.moments(now, now + h)
        for value in (mean - tilt, mean + tilt):
            state = self.frozen(value, state, np.array([0.5 * h]), self._share(h))[-1]
        return state

    def _share(self, h: float) -> float:
        return self.rtol * h / float(self.times[-1])

    def _asked(self, now: float, end: float) -> Array:
        """Times from now on that are asked for until `end`."""
        inside = (self.times > now) & (self.times <= end)
        return self.times[inside] - now
