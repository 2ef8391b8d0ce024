"""From a coarse grid to a fine one and back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fokkerplanck._kernels import refinement
from fokkerplanck.grid import Axis, Grid
from fokkerplanck.solvers.coarser import Overlay

Array = NDArray[np.float64]
Index = NDArray[np.int64]

SMALLEST = 1e-280  # relative to the largest: masses below have no logarithm worth continuing
# Most by which the logarithm is bent away from a straight line, or changed because it differed on a still
# coarser grid: far more than where cells resolve the law, and a kink in the tails must not overshoot.
MOST = 0.5


def refined(masses: Array, coarse: Grid, fine: Grid) -> Array:
    """Masses (fine.size,) whose logarithm continues that of the masses (coarse.size,), cubic along axes."""
    log = _continued(_logarithm(masses, coarse), coarse, fine)
    log -= log.max()
    return np.asarray(np.exp(log, out=log).ravel())


def foreseen(
    masses: Array, coarse: Grid, coarser_masses: Array, coarser: Grid, fine: Grid, order: int
) -> Array:
    r"""Masses (fine.size,) as two coarser grids let expect them, to higher order than their own.

    If the logarithm is :math:`\ell + c h^p` on cells of width h, that on the fine grid is
    :math:`\ell_1 + (\ell_1 - \ell_2)(h_1^p - h_0^p)/(h_2^p - h_1^p)`. Source: C. Chen, H. Hu, Z. Xie, C. Li,
    Science in China A 51, 1439 (2008).
    """
    near = _logarithm(masses, coarse)
    change = near - _continued(_logarithm(coarser_masses, coarser), coarser, coarse)
    a, b = fine.ratio(coarse) ** order, fine.ratio(coarser) ** order
    change *= (a - 1.0) / (b - a)
    near += np.clip(change, -MOST, MOST, out=change)
    log = _continued(near, coarse, fine)
    log -= log.max()
    return np.asarray(np.exp(log, out=log).ravel())


def pooled(masses: Array, fine: Grid, coarse: Grid) -> Array:
    """Masses on a coarser grid: each fine cell goes to the coarse cell that holds its centre."""
    return np.asarray(np.bincount(_parent(coarse, fine), masses, coarse.size), dtype=float)


def overlay(coarse: Grid, fine: Grid) -> Overlay:
    """How the fine grid lies over the coarse one."""
    node, x = zip(*(_nodes(a, b, (0, 1)) for a, b in zip(coarse.axes, fine.axes, strict=True)), strict=True)
    return Overlay(coarse.shape, node, x)


def _parent(coarse: Grid, fine: Grid) -> NDArray[np.uint32]:
    """The coarse cell that holds the centre of each fine one, (fine.size,)."""
    number = np.zeros(1, np.uint32)
    for a, b in zip(coarse.axes, fine.axes, strict=True):
        cell = np.clip((b.centres - a.low) / a.spacing, 0, a.cells - 1).astype(np.uint32)
        number = np.add.outer(number * np.uint32(a.cells), cell).ravel()
    return number


def _logarithm(masses: Array, grid: Grid) -> Array:
    """Of the density: where cells differ, masses do."""
    density = np.maximum(masses, SMALLEST * masses.max()) / grid.cell_volume
    return np.asarray(np.log(density, out=density).reshape(grid.shape))


def _continued(values: Array, coarse: Grid, fine: Grid) -> Array:
    shape = list(coarse.shape)
    for k in range(len(shape) - 1, -1, -1):  # the last axis first, while there are few
        node, x = _nodes(coarse.axes[k], fine.axes[k], (-1, 0, 1, 2))
        before, after = int(np.prod(shape[:k])), int(np.prod(shape[k + 1 :]))
        out = np.empty((before, x.size, after))
        refinement.cubic(values.reshape(before, shape[k], after), node, x, MOST, out)
        values, shape[k] = out, x.size
    return values.reshape(fine.shape)


def _nodes(coarse: Axis, fine: Axis, offsets: tuple[int, ...]) -> tuple[Index, Array]:
    """Coarse cells around each fine centre, (m, offsets), and which part of the way it lies between two."""
    place = (fine.centres - coarse.centres[0]) / coarse.spacing
    left = np.floor(place).astype(np.int64)
    if not coarse.periodic:
        left = np.clip(left, 0, coarse.cells - 2)
    node = np.add.outer(left, np.array(offsets))
    inside = node % coarse.cells if coarse.periodic else np.clip(node, 0, coarse.cells - 1)
    return inside, place - left
