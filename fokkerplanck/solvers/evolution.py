r"""Evolution of a density, :math:`\partial_t p = Q^\top p`, in steps as long as their errors allow.

Chebyshev series carry it without time error; where they would take too many products, an implicit scheme
takes over. A chain whose rates follow a control is carried by chains with constant rates. Nothing here makes
a density negative or changes its mass.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from fokkerplanck.solvers import implicit, magnus, series
from fokkerplanck.solvers.linear import Factored
from fokkerplanck.solvers.state import State
from fokkerplanck.solvers.uniformised import Uniformised

Array = NDArray[np.float64]
Chain = Callable[[float], tuple[sparse.csr_array, Array]]  # control -> links, killing

MOST_PRODUCTS = 2e5  # with P: on 256 x 256 cells they take as long as an implicit evolution
LARGEST = 250_000  # cells: the factors of more would not fit, above all in three dimensions
ROUNDED = 0.1  # share of rtol that may go into rounding
RESTING = 0.01  # share of rtol that may go into taking a density for stationary


@dataclass(frozen=True)
class Evolved:
    """Masses at the times (times, n), bounds of their errors in L1 (times,), share of steps that fell back
    on a slower scheme that keeps every density positive, and the mass ``absorbed`` by then (times, sinks)."""

    masses: Array
    errors: Array
    fallback: float
    absorbed: Array = field(default_factory=lambda: np.zeros((0, 0)))


def evolve(
    links: sparse.csr_array,
    killing: Array,
    start: Array,
    times: Array,
    rtol: float = 1e-5,
    exact: implicit.Factor = Factored,
) -> Evolved:
    """Masses at `times` (ascending, >= 0) of the chain with rates `links` and `killing`, (n,) or (n, sinks).

    The error is at most `rtol`, and mostly far below. The implicit scheme solves its systems by `exact` where
    the rounding of an LU factorisation would show.
    """
    flow = _Flow(exact)
    begin = _start(start, killing)
    return _evolved(begin, times, flow, lambda spans: flow(links, killing, begin, spans, rtol))


def evolve_controlled(
    chain: Chain,
    control: magnus.Control,
    start: Array,
    times: Array,
    rtol: float = 1e-5,
    exact: implicit.Factor = Factored,
) -> Evolved:
    """The same for a chain whose rates ``chain(a)`` follow a control a in time, such as a learning rate."""
    flow = _Flow(exact)
    killing = chain(control.moments(0.0, float(times[-1]) or 1.0)[0])[1]
    begin = _start(start, killing)

    def frozen(value: float, state: State, spans: Array, share: float) -> list[State]:
        return flow(*chain(value), state, spans, share)

    return _evolved(begin, times, flow, lambda spans: magnus.march(frozen, control, begin, spans, rtol))


def iterate(links: sparse.csr_array, killing: Array, start: Array, steps: NDArray[np.int64]) -> Evolved:
    """Masses after whole `steps` (ascending, >= 0) of a chain in discrete time with these probabilities."""
    chain = Uniformised.of(links, _sinks(killing), rate=1.0)
    flow, begin = _Flow(Factored), _start(start, killing)
    return _evolved(
        begin, np.asarray(steps, dtype=float), flow, lambda spans: flow.ticks(chain, begin, spans)
    )


class _Flow:
    """Carries states along chains with constant rates, and keeps count."""

    def __init__(self, exact: implicit.Factor) -> None:
        self.steps = self.fallbacks = 0
        self._exact = exact
        self._length = 0.0  # of the step to try first, in time

    def __call__(
        self, links: sparse.csr_array, killing: Array, state: State, spans: Array, rtol: float
    ) -> list[State]:
        killing = _sinks(killing)
        chain = Uniformised.of(links, killing)
        if chain.rate == 0.0:
            return [state] * len(spans)
        first = max(self._length * chain.rate, series.FIRST)
        most = MOST_PRODUCTS if chain.cells <= LARGEST else np.inf
        run = series.march(chain, state, chain.rate * spans, first=first, most=most, resting=RESTING * rtol)
        self._count(run)
        self._length = run.length / chain.rate
        if len(run.reached) == len(spans):
            return run.reached
        passed = run.tick / chain.rate
        rest = spans[len(run.reached) :] - passed
        rounding = float(np.finfo(float).eps) * chain.rate * float(rest[-1])
        factor = self._exact if rounding > ROUNDED * rtol else Factored
        long = implicit.march(links, killing, run.state, rest, rtol, passed, factor)
        self._count(long)
        return run.reached + long.reached

    def ticks(self, chain: Uniformised, state: State, ticks: Array) -> list[State]:
        """States after whole ticks of a chain in discrete time."""
        run = series.march(chain, state, ticks, whole=True)
        self._count(run)
        return run.reached

    def _count(self, run: series.March | implicit.March) -> None:
        self.steps, self.fallbacks = self.steps + run.steps, self.fallbacks + run.fallbacks


def _sinks(killing: Array) -> Array:
    return killing[:, None] if killing.ndim == 1 else killing


def _start(masses: Array, killing: Array) -> State:
    return State(np.asarray(masses, dtype=float), np.zeros(_sinks(killing).shape[1]))


def _evolved(begin: State, times: Array, flow: _Flow, march: Callable[[Array], list[State]]) -> Evolved:
    """Run `march` from the start to the times after it."""
    later = times[times > 0]
    states = [begin] * (len(times) - len(later)) + (march(later) if len(later) else [])
    return Evolved(
        np.array([s.masses for s in states]),
        np.array([s.error for s in states]),
        float(flow.fallbacks) / max(flow.steps, 1),
        np.array([s.absorbed for s in states]),
    )
