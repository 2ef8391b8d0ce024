r"""Mean times and probabilities on many cells: a killed Markov chain solved by multigrid.

The slowest function of :math:`(Ax)_i = k_i x_i + \sum_j w_{ij}(x_i - x_j)` is nearly constant on every well,
so aggregates whose correction is constant represent it however high the barrier is. A W-cycle over the
aggregates of `hierarchy` preconditions GMRES on the rows divided by their diagonal: a small residual of these
bounds the *relative* error of a mean exit time, which is the mean residual over the law before the exit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import linalg

from fokkerplanck._kernels import correction
from fokkerplanck.solvers.hierarchy import VISITS, Level, coarsen
from fokkerplanck.solvers.linear import SolverError, matrix

Array = NDArray[np.float64]

FEW = 300  # states whose matrix is inverted
RTOL = 1e-9  # of the residual
ACCEPTED = 1e-6  # of the residual, where rounding allows no less
RESTART, RESTARTS = 40, 5


class Cycles:
    """Solves ``A x = f`` with ``A = diag(row sums + killing) - links`` for functions x on the cells.

    Parameters
    ----------
    links, killing : csr (n, n), (n,)
        Off-diagonal rates and killing of the chain.

    Raises
    ------
    SolverError
        If cells are cut off from the rest, or the iteration does not converge.
    """

    def __init__(self, links: sparse.csr_array, killing: Array):
        self._a = matrix(links, killing).tocsr()
        start, index = links.indptr.astype(np.int32, copy=False), links.indices.astype(np.int32, copy=False)
        self._levels = [Level(start, index, links.data, np.empty(killing.size))]
        self._leaks = [killing]
        while True:
            level, leak = self._levels[-1], self._leaks[-1]
            correction.totals(level.start, level.flow, leak, level.outflow)
            if not level.outflow.min() > 0.0:
                raise SolverError("some cells are cut off from the rest; use more cells")
            if level.size <= FEW:
                break
            coarse = coarsen(level)
            if level.aggregate is None or coarse.size > 0.9 * level.size:
                raise SolverError("most cells exchange nothing with others; use more cells")
            self._levels.append(coarse)
            self._leaks.append(np.empty(coarse.size))
            correction.pool(leak, level.aggregate, self._leaks[-1])
        shape = (level.size, level.size)
        flows = sparse.csr_array((level.flow, level.source, level.start), shape)
        self._inverse = np.linalg.inv(np.diag(level.outflow) - flows.toarray())

    def backward(self, f: Array) -> Array:
        """Solve for a function on the cells (n,), such as a mean exit time."""
        diagonal = self._levels[0].outflow
        scaled = sparse.diags_array(1.0 / diagonal) @ self._a
        cycle = linalg.LinearOperator(
            scaled.shape, matvec=lambda rest: self._cycle(0, diagonal * rest), dtype=np.float64
        )
        start, goal = self._cycle(0, f), f / diagonal
        x, info = linalg.gmres(
            scaled, goal, start, rtol=RTOL, atol=0.0, restart=RESTART, maxiter=RESTARTS, M=cycle
        )
        left = float(np.linalg.norm(goal - scaled @ x) / np.linalg.norm(goal))
        if info != 0 and left > ACCEPTED:
            raise SolverError(
                f"multigrid stopped at a relative residual of {left:.1e}; take fewer cells, so that they can "
                "be eliminated directly"
            )
        return np.asarray(x)

    def _cycle(self, depth: int, f: Array) -> Array:
        level = self._levels[depth]
        if level.aggregate is None:
            return np.asarray(self._inverse @ f)
        x, rest = np.empty(level.size), np.empty(level.size)
        pooled = np.empty(self._levels[depth + 1].size)
        correction.first_sweep(*level.graph, f, x)
        for _ in range(VISITS if depth else 1):
            correction.rest(level.start, level.source, level.flow, self._leaks[depth], f, x, rest)
            correction.pool(rest, level.aggregate, pooled)
            correction.sweep_down(*level.graph, f, level.aggregate, self._cycle(depth + 1, pooled), x)
        return x
