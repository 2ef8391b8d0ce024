"""From a coarse grid to a fine one and back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.grid import Axis, Grid

Array = NDArray[np.float64]

SMALLEST = 1e-280  # relative to the largest: masses below have no logarithm worth continuing


def refined(masses: Array, coarse: Grid, fine: Grid) -> Array:
    """Masses (fine.size,) whose logarithm continues that of the masses (coarse.size,), both positive.

    Cubic along each axis, but between the values of the two neighbours: a kink in the tails, where the
    logarithm falls by hundreds, must not overshoot.
    """
    log = np.log(np.maximum(masses, SMALLEST * masses.max())).reshape(coarse.shape)
    for k, (a, b) in enumerate(zip(coarse.axes, fine.axes, strict=True)):
        log = np.moveaxis(_along(np.moveaxis(log, k, 0), a, b), 0, k)
    return np.asarray(np.exp(log - log.max()).ravel())


def pooled(masses: Array, fine: Grid, coarse: Grid) -> Array:
    """Masses on a coarser grid: each fine cell goes to the coarse cell that holds its centre."""
    out = masses.reshape(fine.shape)
    for k, (a, b) in enumerate(zip(fine.axes, coarse.axes, strict=True)):
        cell = np.minimum(((a.centres - b.low) / b.spacing).astype(int), b.cells - 1)
        first = np.searchsorted(cell, np.arange(b.cells))
        out = np.add.reduceat(out, first, axis=k)
    return np.asarray(out.ravel())


def _along(values: Array, coarse: Axis, fine: Axis) -> Array:
    place = (fine.centres - coarse.centres[0]) / coarse.spacing
    left = np.floor(place).astype(int)
    if not coarse.periodic:
        left = np.clip(left, 0, coarse.cells - 2)
    x = (place - left).reshape(-1, *(1,) * (values.ndim - 1))
    nodes = [_node(left + j, coarse) for j in (-1, 0, 1, 2)]
    weights = (-x * (x - 1) * (x - 2) / 6, (x + 1) * (x - 1) * (x - 2) / 2, -(x + 1) * x * (x - 2) / 2)
    before, low, high, after = (values[n] for n in nodes)
    cubic = weights[0] * before + weights[1] * low + weights[2] * high + (x + 1) * x * (x - 1) / 6 * after
    return np.asarray(np.clip(cubic, np.minimum(low, high), np.maximum(low, high)))


def _node(index: NDArray[np.int64], axis: Axis) -> NDArray[np.int64]:
    return index % axis.cells if axis.periodic else np.clip(index, 0, axis.cells - 1)
