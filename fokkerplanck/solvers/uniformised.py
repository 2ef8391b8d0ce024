r"""A killed chain seen at the ticks of a Poisson clock.

.. math:: e^{tQ^\top} = \sum_k e^{-\Lambda t}\frac{(\Lambda t)^k}{k!}\,P^k, \qquad P = I + Q^\top/\Lambda,

with a clock :math:`\Lambda` as fast as the fastest cell. P moves the masses of a chain in discrete time: it
is nowhere negative, and of 1-norm 1 at most. Source: A. Jensen, Skand. Aktuarietidskr. 36, 87 (1953).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from fokkerplanck._kernels import diagonals
from fokkerplanck.solvers.linear import SolverError
from fokkerplanck.solvers.state import State

Array = NDArray[np.float64]

BLOCK = 1024  # rows: long enough for the loops, short enough for the first cache
FULL = 3.0  # stored over nonzero entries above which compressed rows are the faster


@dataclass(frozen=True)
class Uniformised:
    """P, the clock ``rate``, and the cells ``exits`` (e,), which lose ``leaving`` (e, sinks) a tick."""

    blocks: diagonals.Blocks
    rate: float
    exits: NDArray[np.int64]
    leaving: Array
    cells: int

    @classmethod
    def of(cls, links: sparse.csr_array, killing: Array, rate: float | None = None) -> Uniformised:
        """Of the chain with rates `links` and `killing` (n, sinks); rate = 1 if it has discrete time."""
        n = links.shape[0]
        if rate is None:
            rate = float((np.asarray(links.sum(axis=1)).ravel() + killing.sum(axis=1)).max())
        if not np.isfinite(rate):
            raise SolverError(
                "the chain has rates that are not finite; move the box away from where they are"
            )
        clock = rate if rate > 0 else 1.0
        scaled = links / clock
        lost = np.asarray(scaled.sum(axis=1)).ravel() + killing.sum(axis=1) / clock
        exits = np.flatnonzero(killing.any(axis=1))
        blocks = store(scaled.T.tocsr(), 1.0 - lost)
        return cls(blocks, rate, exits, np.ascontiguousarray(killing[exits] / clock), n)

    def pad(self, masses: Array) -> Array:
        """Put a vector (cells,) into the layout of the kernels."""
        padded = np.zeros(len(self.blocks.diagonal) + 2 * self.blocks.pad)
        padded[self.blocks.pad : self.blocks.pad + self.cells] = masses
        return padded

    def cut(self, padded: Array) -> Array:
        """Take a vector (cells,) out of it again."""
        return padded[self.blocks.pad : self.blocks.pad + self.cells]


@dataclass(frozen=True)
class Sums:
    """What a series gave: states at the first of the ticks wanted, the products with P, and the `room` for
    steps that many times as long."""

    states: list[State]
    products: int
    room: float


def store(off: sparse.csr_array, main: Array) -> diagonals.Blocks:
    """Store a matrix, its diagonal `main` (n,) apart from the rest."""
    n = len(main)
    block = min(BLOCK, n)
    diagonal = np.zeros(-(-n // block) * block)
    diagonal[:n] = main
    pointer, column = off.indptr.astype(np.int32), off.indices.astype(np.int32)
    start = diagonals.count(pointer, column, block)
    none, nothing = np.zeros(0, dtype=np.int32), np.zeros(0)
    if int(start[-1]) * block > FULL * (off.nnz + diagonals.FEWEST * n):
        empty = np.zeros(0, dtype=np.int64), np.zeros((0, block))
        whole = np.zeros(1, dtype=np.int64)
        return diagonals.Blocks(diagonal, whole, *empty, pointer, column, off.data, block, 0)
    offset, value = np.zeros(start[-1], dtype=np.int64), np.zeros((int(start[-1]), block))
    diagonals.fill(pointer, column, off.data, start, offset, value)
    pad = int(np.abs(offset).max())
    return diagonals.Blocks(diagonal, start, offset, value, none, none, nothing, block, pad)
