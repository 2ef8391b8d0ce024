"""A box whose ends are looked for on a pilot grid."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.grid import Axis, Grid
from fokkerplanck.operators.markov import MarkovOperator

Array = NDArray[np.float64]
Build = Callable[[Grid], MarkovOperator]

PILOT = {1: 96, 2: 48, 3: 20}  # cells an axis while searching
PILOT_TOTAL = {1: 2**16, 2: 2**16, 3: 2**15}
FINER_TOTAL = 2**14  # cells up to which ends are looked at once more on a grid twice as fine
MOST_AN_AXIS = {1: 2**16, 2: 2**10, 3: 2**7}
BEYOND = 1e-11  # mass beyond all ends together: a tenth of what is promised, because the pilot grid is coarse
TURNS = 40
SETTLED = 0.9  # share of its width from which on an axis is not worth shrinking


@dataclass(frozen=True)
class Box:
    """Ends of every axis while they are looked for; those of the ``free`` axes may move."""

    ranges: Mapping[str, tuple[float, float]]
    boundary: Mapping[str, Any]
    free: tuple[str, ...]

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.ranges)

    def width(self, name: str) -> float:
        """Length of an axis."""
        low, high = self.ranges[name]
        return high - low

    def grid(self, cells: Mapping[str, int]) -> Grid:
        """The box in cells."""
        return Grid(boundary=self.boundary, **{n: (*r, cells[n]) for n, r in self.ranges.items()})

    def pilot(self) -> dict[str, int]:
        """Cells of the first grid of a search."""
        return dict.fromkeys(self.ranges, PILOT[self.ndim])

    def moved(self, name: str, ends: tuple[float, float]) -> Box:
        """The same box with other ends of one axis."""
        return replace(self, ranges={**self.ranges, name: ends})

    def widened(self, factor: float) -> Box:
        """The same box with its free axes wider about their middle."""
        box = self
        for name in self.free:
            low, high = self.ranges[name]
            reach = 0.5 * (factor - 1.0) * (high - low)
            box = box.moved(name, (low - reach, high + reach))
        return box

    def joined(self, other: Box) -> Box:
        """The smallest box that holds both."""
        pairs = {n: (r, other.ranges[n]) for n, r in self.ranges.items()}
        return replace(self, ranges={n: (min(a, c), max(b, d)) for n, ((a, b), (c, d)) in pairs.items()})

    def __str__(self) -> str:
        return ", ".join(f"{n} = {a:.3g} to {b:.3g}" for n, (a, b) in self.ranges.items())


def kept(mass: Array, spare: Array) -> tuple[int, int]:
    """First and last layer (n,) at which the mass from the nearer end on exceeds what may be spared there."""
    low = int(np.argmax(np.cumsum(mass) > spare))
    high = int(np.argmax(np.cumsum(mass[::-1]) > spare[::-1]))
    return low, len(mass) - 1 - high


def around(axis: Axis, layers: tuple[int, int], margins: tuple[int, int] = (1, 1)) -> tuple[float, float]:
    """Ends about the kept layers and margins of cells; half a box further out where layers reach an end."""
    first, last = layers
    width, h = axis.high - axis.low, axis.spacing
    low = axis.low - 0.5 * width if first == 0 else axis.faces[first] - margins[0] * h
    high = axis.high + 0.5 * width if last == axis.cells - 1 else axis.faces[last + 1] + margins[1] * h
    return float(low), float(high)


def worth(
    axis: Axis, layers: tuple[int, int], ends: tuple[float, float], margins: tuple[int, int] = (1, 1)
) -> bool:
    """Whether an axis should get new ends: a margin is missing, or the axis is much too long."""
    first, last = layers
    short = first < 0.8 * margins[0] or axis.cells - 1 - last < 0.8 * margins[1]
    return short or ends[1] - ends[0] < SETTLED * (axis.high - axis.low)


def finer(cells: Mapping[str, int], total: int) -> dict[str, int] | None:
    """Twice the cells an axis; None if those are too many."""
    twice = {n: 2 * c for n, c in cells.items()}
    return twice if math.prod(twice.values()) <= total else None
