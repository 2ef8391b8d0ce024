"""Local polynomial interpolation on the cells of a grid, from cells that are valid only."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.grid import Axis, Grid

Array = NDArray[np.float64]

# Nodes an axis: quintic where there is room, so that the second-order error of the scheme leads.
WIDTHS = (6, 4, 3, 2, 1)
Window = tuple[NDArray[np.int64], Array, float]


def interpolate(grid: Grid, values: Array, points: Array, valid: NDArray[np.bool_] | None = None) -> Array:
    """Values (shape) at points (m, d); windows with a cell that is not `valid` are moved aside.

    Raises ValueError if a point lies outside the box or no window of valid cells is near it.
    """
    points = grid.wrap(np.atleast_2d(np.asarray(points, dtype=float)))
    return np.array([_at(grid, values, p, valid) for p in points])


def _at(grid: Grid, values: Array, point: Array, ok: NDArray[np.bool_] | None) -> float:
    for width in WIDTHS:
        windows = [_windows(a, float(x), width) for a, x in zip(grid.axes, point, strict=True)]
        for choice in sorted(itertools.product(*windows), key=_distance):
            cells = np.ix_(*(c for c, _, _ in choice))
            if ok is None or ok[cells].all():
                block = values[cells]
                for _, w, _ in choice:
                    block = np.tensordot(w, block, axes=(0, 0))
                return float(block)
            # Far from the edge of the region the nearest window is valid; near it one a few cells aside is.
    raise ValueError(f"no valid cells surround the point {tuple(float(x) for x in point)} of {grid!r}")


def _distance(choice: tuple[Window, ...]) -> float:
    return sum(d for _, _, d in choice)


def _windows(axis: Axis, x: float, width: int) -> list[Window]:
    """Windows of `width` neighbouring cells near x: cells, Lagrange weights, distance of their middle."""
    if not axis.low <= x <= axis.high:
        raise ValueError(
            f"{axis.name} = {x:g} lies outside the grid, which runs from {axis.low:g} to {axis.high:g}"
        )
    position = (x - axis.low) / axis.spacing - 0.5
    nearest = round(position - 0.5 * (width - 1))
    out = []
    width = min(width, axis.cells)
    for first in range(nearest - width, nearest + width + 1):
        cells = np.arange(first, first + width)
        if axis.periodic:
            out.append((cells % axis.cells, _lagrange(cells - position), abs(cells.mean() - position)))
        elif first >= 0 and first + width <= axis.cells:
            out.append((cells, _lagrange(cells - position), abs(cells.mean() - position)))
    return out


def _lagrange(nodes: NDArray[np.floating[Any]]) -> Array:
    """Weights at 0 of the polynomial through `nodes`."""
    weights = np.ones(len(nodes))
    for i, a in enumerate(nodes):
        for j, b in enumerate(nodes):
            if i != j:
                weights[i] *= b / (b - a)
    return weights
