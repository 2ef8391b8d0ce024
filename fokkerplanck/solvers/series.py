"""Evolution of a chain with constant rates, in steps as long as the series of the uniformised chain allow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fokkerplanck._kernels import series
from fokkerplanck.solvers import chebyshev, poisson
from fokkerplanck.solvers.state import State
from fokkerplanck.solvers.uniformised import Uniformised

Array = NDArray[np.float64]

FIRST = 400.0  # ticks of the first step
LONGER = 30.0  # at most, from step to step
WORTH = 50.0  # ticks below which a Chebyshev series is not worth a second try: then the Poisson series
PLAIN = 1000.0  # ticks of such a step
ROUNDING = 1e-12  # relative, of ticks
SMOOTH = 1e4  # ticks after which a start from one cell is smooth


@dataclass(frozen=True)
class March:
    """States at the ticks reached, the last state and its tick, the length of the next step, and counts."""

    reached: list[State]
    state: State
    tick: float
    length: float
    steps: int
    fallbacks: int
    products: int


def march(
    chain: Uniformised,
    state: State,
    ticks: Array,
    whole: bool = False,
    first: float = FIRST,
    most: float = np.inf,
    resting: float = 1e-10,
) -> March:
    """States at `ticks` of the clock from now (ascending, > 0); of a chain in discrete time if `whole`.

    It begins with a step of `first` ticks, and stops short where more than `most` products lie ahead. What
    changes by less than `resting` of the mass until the end is left as it is.
    """
    reached: list[State] = []
    now, products, steps, fallbacks = 0.0, 0, 0, 0
    length, ceiling = first, np.inf
    while len(reached) < len(ticks):
        ahead = ticks[len(reached) :] - now
        change = _change(chain, state)
        if change * ahead[-1] <= resting * state.masses.sum():
            reached += [state.blurred(change * a) for a in ahead]
            break
        fallback = length < WORTH
        step = min(PLAIN if fallback else length, float(ahead[-1]))
        step = max(1.0, np.floor(step)) if whole else step
        wanted = np.minimum(ahead[ahead <= step * (1 + ROUNDING)], step)
        asked = len(wanted)
        if asked == 0 or wanted[-1] < step:
            wanted = np.append(wanted, step)
        few = whole and ahead[-1] < WORTH
        sums = (poisson if fallback or few else chebyshev).expand(chain, state, wanted, whole)
        products += sums.products
        done = len(sums.states)
        if done:
            steps, fallbacks = steps + 1, fallbacks + fallback
            reached += sums.states[: min(done, asked)]
            state, now = sums.states[-1], now + float(wanted[done - 1])
        held = ceiling < np.inf or sums.room < LONGER
        if fallback:
            length = FIRST
        elif done == len(wanted):
            ceiling *= 1.2
            longer = min(step * min(max(sums.room, 1 / LONGER), LONGER), ceiling)
            length = longer if step == length else max(length, longer)
        else:
            length, ceiling = step / 4, step / 2
        rest = float(ticks[-1]) - now
        if now >= SMOOTH and _products_ahead(rest, length if held else rest) > most:
            break
    return March(reached, state, now, length, steps, fallbacks, products)


def _products_ahead(rest: float, step: float) -> float:
    """Products until the end in steps of this length."""
    step = min(step, rest)
    return rest / step * chebyshev.products(step) if rest > 0 else 0.0


def _change(chain: Uniformised, state: State) -> float:
    """Mass that moves in a tick."""
    return float(series.change(chain.blocks, chain.pad(state.masses)))
