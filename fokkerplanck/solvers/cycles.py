r"""Multigrid cycles for a killed Markov chain on many cells, with its matrix and with the transposed one.

The slowest function of :math:`(Ax)_i = k_i x_i + \sum_j w_{ij}(x_i - x_j)` is nearly constant on every well,
so aggregates whose correction is constant represent it however high the barrier is. What leaks out of an
aggregate is the sum of what leaks out of its cells, never a difference, and the last states are eliminated
without one. The cycle of the transposed matrix is the transpose of the cycle.
Source of the aggregates: `fokkerplanck.solvers.hierarchy`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from fokkerplanck._kernels import correction
from fokkerplanck.solvers.elimination import Elimination
from fokkerplanck.solvers.hierarchy import VISITS, Level, coarsen
from fokkerplanck.solvers.linear import SolverError

Array = NDArray[np.float64]
Index = NDArray[np.int32]

FEW = 300  # states whose matrix is inverted


class Cycles:
    """Approximate inverses of ``A = diag(row sums + killing) - links`` and of its transpose.

    Parameters
    ----------
    links, killing : csr (n, n), (n,)
        Off-diagonal rates and killing of the chain.

    Raises
    ------
    SolverError
        If cells are cut off from the rest.
    """

    def __init__(self, links: sparse.csr_array, killing: Array):
        start, index = links.indptr.astype(np.int32, copy=False), links.indices.astype(np.int32, copy=False)
        levels, leak = [Level(start, index, links.data, np.empty(killing.size))], killing
        while True:
            level = levels[-1]
            correction.totals(level.start, level.flow, leak, level.outflow)
            if not level.outflow.min() > 0.0:
                raise SolverError("some cells are cut off from the rest; use more cells")
            if level.size <= FEW:
                break
            coarse = coarsen(level)
            if level.aggregate is None or coarse.size > 0.9 * level.size:
                raise SolverError("most cells exchange nothing with others; use more cells")
            levels.append(coarse)
            pooled = np.empty(coarse.size)
            correction.pool(leak, level.aggregate, pooled)
            leak = pooled
        # The order of elimination is of no importance here.
        chain = Elimination(_matrix(level), leak, np.arange(level.size)[:, None])
        self.backward = Side(levels, chain.backward(np.eye(level.size)), killing)

    @cached_property
    def forward(self) -> Side:
        """The transposed matrix and its cycle."""
        mirrored = []
        for level in self.backward.levels:
            w = _matrix(level).T.tocsr()
            start, index = w.indptr.astype(np.int32, copy=False), w.indices.astype(np.int32, copy=False)
            mirrored.append(Level(start, index, w.data, level.outflow, level.aggregate))
        return Side(mirrored, np.ascontiguousarray(self.backward.inverse.T))


@dataclass(frozen=True)
class Side:
    """One of the two matrices, and its cycle; the rows of A have a `leak`, those of its transpose none."""

    levels: list[Level]
    inverse: Array
    leak: Array | None = None

    @property
    def diagonal(self) -> Array:
        """The diagonal of the matrix."""
        return self.levels[0].outflow

    def rest(self, f: Array, x: Array) -> Array:
        """``f - A x``."""
        level, out = self.levels[0], np.empty(len(x))
        if self.leak is None:
            correction.imbalance(*level.graph, f, x, out)
        else:
            correction.defect(level.start, level.source, level.flow, self.leak, f, x, out)
        return out

    def scale(self, f: Array, x: Array) -> Array:
        """Size of the solution near every cell: the larger of |x| and what its neighbours and f make it."""
        out = np.empty(len(x))
        correction.scale(*self.levels[0].graph, f, x, out)
        return out

    def cycle(self, f: Array, depth: int = 0) -> Array:
        """About the solution x of ``A x = f``."""
        level = self.levels[depth]
        if level.aggregate is None:
            return np.asarray(self.inverse @ f)
        x, pooled = np.empty(level.size), np.empty(self.levels[depth + 1].size)
        correction.first_sweep(*level.graph, f, x)
        correction.first_rest(level.start, level.source, level.flow, x, level.aggregate, pooled)
        for visit in range(VISITS if depth else 1):
            if visit:
                correction.rest(*level.graph, f, x, level.aggregate, pooled)
            correction.sweep_down(*level.graph, f, level.aggregate, self.cycle(pooled, depth + 1), x)
        return x


def _matrix(level: Level) -> sparse.csr_array:
    return sparse.csr_array((level.flow, level.source, level.start), shape=(level.size, level.size))
