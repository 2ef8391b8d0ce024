r"""Selling's decomposition of a diffusion tensor into lattice directions.

.. math:: D = \sum_k \rho_k\, e_k e_k^\top, \qquad \rho_k \ge 0,\; e_k \in \mathbb{Z}^d,

in units of the cell widths: a second derivative becomes a sum of one-dimensional ones with
non-negative weights, which is what makes the generator that of a Markov chain. Source: E. Selling,
J. reine angew. Math. 77, 143 (1874); used for monotone schemes by J.-F. Bonnans, E. Ottenwaelter
and H. Zidani, ESAIM M2AN 38, 723 (2004), and by J.-M. Mirebeau.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fokkerplanck._kernels.selling import decompose_2d

Array = NDArray[np.float64]
Index = NDArray[np.int64]


@dataclass(frozen=True)
class Directions:
    """Pairs of opposite links of every cell: ``offset`` (n, k, d) and its ``weight`` (n, k)."""

    offset: Index
    weight: Array


def decompose(diffusion: Array, spacing: Array) -> Directions:
    """Decompose tensors (n, d, d) for a lattice of cell widths `spacing` (d,)."""
    n, d, _ = diffusion.shape
    scaled = np.ascontiguousarray(diffusion / np.multiply.outer(spacing, spacing))
    if d == 1:
        return Directions(np.ones((n, 1, 1), dtype=np.int64), scaled[:, :, 0])
    if d == 2:
        offset, weight = decompose_2d(scaled)
        return Directions(offset, weight)
    raise ValueError(f"the generator is built in one and two dimensions so far; the grid has {d} axes")
