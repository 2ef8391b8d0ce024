"""Local polynomial interpolation on the cells of a grid, from cells that are valid only."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.grid import Axis, Grid

Array = NDArray[np.float64]

# Nodes an axis: quintic where there is room, so that the second-order error of the scheme leads.
WIDTHS = (6, 4, 3, 2, 1)


@dataclass(frozen=True)
class Window:
    """Neighbouring cells of an axis and where the point lies among them, in cells from the first."""

    cells: NDArray[np.int64]
    position: float

    @property
    def distance(self) -> float:
        """From the middle of the window to the point."""
        return abs(0.5 * (len(self.cells) - 1) - self.position)

    def weights(self) -> Array:
        """Lagrange weights of the cells at the point."""
        gap = np.arange(len(self.cells)) - self.position
        return np.array([np.prod(np.delete(gap, i) / (np.delete(gap, i) - g)) for i, g in enumerate(gap)])


def interpolate(grid: Grid, values: Array, points: Array, valid: NDArray[np.bool_] | None = None) -> Array:
    """Values (shape) at points (m, d); windows with a cell that is not `valid` are moved aside.

    Raises ValueError if a point lies outside the box or no window of valid cells is near it.
    """
    points = np.atleast_2d(np.asarray(points, dtype=float))
    near = [neighbours(grid, p, valid) for p in points]
    return np.array([values.ravel()[cells] @ weights for cells, weights in near])


def neighbours(
    grid: Grid, point: Array, valid: NDArray[np.bool_] | None = None
) -> tuple[NDArray[np.int64], Array]:
    """Cells (m,), numbered in C order, and their weights (m,) in the value of a function at a point (d,)."""
    grid.require_inside(point[None, :])
    point = grid.wrap(point)
    for width in WIDTHS:
        found = window(grid, point, valid, width)
        if found is not None:
            return found
    raise ValueError(f"no valid cells surround the point {tuple(float(x) for x in point)} of {grid!r}")


def window(
    grid: Grid, point: Array, valid: NDArray[np.bool_] | None, width: int
) -> tuple[NDArray[np.int64], Array] | None:
    """Cells and weights of `neighbours` from a window of `width` nodes an axis; None if none is valid."""
    windows = [_windows(a, float(x), width) for a, x in zip(grid.axes, point, strict=True)]
    # The nearest window is valid but near the edge of a region, where one a few cells aside is.
    for choice in sorted(itertools.product(*windows), key=lambda c: sum(w.distance for w in c)):
        cells = np.ix_(*(w.cells for w in choice))
        if valid is None or valid[cells].all():
            weights = functools.reduce(np.multiply.outer, (w.weights() for w in choice))
            return np.ravel_multi_index(cells, grid.shape).ravel(), np.ravel(weights)
    return None


def contract(grid: Grid, values: Array, fixed: Mapping[str, float]) -> Array:
    """Values (shape) with some axes held at a place, interpolated along these only."""
    for k in reversed(range(grid.ndim)):
        axis = grid.axes[k]
        if axis.name in fixed:
            x = float(fixed[axis.name])
            Grid.from_axes([axis]).require_inside(np.array([[x]]))
            if axis.periodic:
                x = axis.low + (x - axis.low) % (axis.high - axis.low)
            best = min(_windows(axis, x, WIDTHS[0]), key=lambda w: w.distance)
            values = np.tensordot(best.weights(), values.take(best.cells, axis=k), axes=(0, k))
    return values


def _windows(axis: Axis, x: float, width: int) -> list[Window]:
    """Windows of `width` neighbouring cells near x."""
    position = (x - axis.low) / axis.spacing - 0.5
    width = min(width, axis.cells)
    nearest = round(position - 0.5 * (width - 1))
    out = []
    for first in range(nearest - width, nearest + width + 1):
        if axis.periodic or (first >= 0 and first + width <= axis.cells):
            out.append(Window(np.arange(first, first + width) % axis.cells, position - first))
    return out
