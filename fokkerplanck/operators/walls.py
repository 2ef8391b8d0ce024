r"""Cells at a wall that reflects: where their coefficients belong.

The line along :math:`D n` through the centre of a cell, on which functions have no slope at the wall, meets
the wall at

.. math:: x - \tfrac{h_n}{2}\,\frac{D n}{n\cdot D n}, \qquad n \text{ pointing inwards}.

With the coefficients of that point the rates of a cell, links along the wall among them, move it along the
wall at the right speed: at its centre they would not, by as much as the direction of the line changes over
half a cell, times the rates, which is O(1).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fokkerplanck._kernels.links import REFLECTING
from fokkerplanck.operators.lattice import Lattice
from fokkerplanck.operators.selling import Directions

Array = NDArray[np.float64]
Index = NDArray[np.int32]


def feet(lattice: Lattice, cells: Index, points: Array, links: Directions) -> tuple[Index, Array]:
    """Cells of a batch at a wall to which D is slanted, and their points on it: (s,), (s, d).

    A cell in a corner, where no direction is left to go along both walls, keeps its centre.
    """
    inwards = _inwards(lattice, cells)
    at = np.flatnonzero((inwards != 0).sum(axis=1) == 1)
    across = np.einsum("skd,sd->sk", links.offset[at], inwards[at])
    along = np.einsum("sk,skd->sd", links.weight[at] * across, links.offset[at])  # D n, in cells
    normal = np.einsum("sd,sd->s", along, inwards[at])
    slanted = (normal > 0) & ((along != 0).sum(axis=1) > 1)
    at, foot = at[slanted], along[slanted] / normal[slanted, None]
    return at.astype(np.int32), np.asarray(points[at] - 0.5 * foot * lattice.spacing)


def _inwards(lattice: Lattice, cells: Index) -> NDArray[np.int32]:
    """Direction away from the walls that a cell touches, (m, d)."""
    out = np.zeros((cells.size, lattice.ndim), dtype=np.int32)
    for k, place in enumerate(np.unravel_index(cells, lattice.shape)):
        low, high = lattice.ends[2 * k : 2 * k + 2]
        out[:, k] += (place == 0) & (low == REFLECTING)
        out[:, k] -= ((place == lattice.shape[k] - 1) & (high == REFLECTING)).astype(np.int32)
    return out
