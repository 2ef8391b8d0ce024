"""Killed chains with wide rows, such as those of one step, preconditioned by a sparser chain."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import linalg

from fokkerplanck.solvers.elimination import Elimination
from fokkerplanck.solvers.linear import Factored, Killed, SolverError, matrix

Array = NDArray[np.float64]

FEW = 4000  # cells up to which a chain of wide rows is eliminated at once
MANY = 10_000_000  # links up to which that is affordable
TRIES = 3  # solutions by GMRES before it pays
RTOL = 1e-10  # of GMRES, relative to the right-hand side
ACCEPTED = 1e-8  # where there is no other way


Side = Callable[[Factored | Elimination], Callable[[Array], Array]]


class WithCompanion:
    """Solves a chain with wide rows by GMRES, preconditioned by ``G^-1 + 0.6`` with a companion G.

    A mode that G damps at the rate g the chain damps by ``1 - exp(-g)`` a step, whose inverse that is to
    within a third, from g = 0 to infinity. The chain is eliminated, unless it is too large, once that does
    not converge or many solutions are wanted.
    """

    def __init__(self, chain: Killed, companion: Killed, position: NDArray[np.int64] | None):
        self._chain, self._companion, self._position = chain, companion, position
        self._too_large = position is None or chain[0].nnz > MANY
        few = len(chain[1]) <= FEW and not self._too_large
        self._tries = 0 if few else sys.maxsize if self._too_large else TRIES
        self.error = 0.0  # of the solutions by GMRES

    @property
    def exact(self) -> bool:
        """Whether the next solution is by elimination."""
        return self._tries == 0 and self._position is not None

    def backward(self, f: Array) -> Array:
        """Solve for a function."""
        return self._solve(self._matrix, f, lambda s: s.backward)

    def forward(self, f: Array) -> Array:
        """Solve for a density."""
        return self._solve(self._transposed, f, lambda s: s.forward)

    def _solve(
        self,
        a: sparse.csr_array,
        f: Array,
        side: Callable[[Factored | Elimination], Callable[[Array], Array]],
    ) -> Array:
        if self._tries:
            self._tries -= 1
            x, residual = _gmres(a, side(self._near), f)
            if residual <= (ACCEPTED if self._too_large else RTOL):
                if f.min() > 0.0:  # |f - A x| <= e f changes no x by more than e of itself
                    self.error = max(self.error, float(np.abs((f - a @ x) / f).max()))
                return x
            if self._too_large:
                raise SolverError(f"GMRES stopped at a relative residual of {residual:.1e}; use fewer cells")
            self._tries = 0
        return np.asarray(side(self._direct)(f))

    @cached_property
    def _direct(self) -> Factored | Elimination:
        return direct(self._chain, self._position)

    @cached_property
    def _near(self) -> Factored | Elimination:
        return direct(self._companion, self._position)

    @cached_property
    def _matrix(self) -> sparse.csr_array:
        return matrix(*self._chain).tocsr()

    @cached_property
    def _transposed(self) -> sparse.csr_array:
        return self._matrix.T.tocsr()


def direct(chain: Killed, position: NDArray[np.int64] | None) -> Factored | Elimination:
    """Factors of a chain: without the positions of its cells by SuperLU."""
    return Factored(*chain) if position is None else Elimination(*chain, position)


def _gmres(a: sparse.csr_array, approximately: Callable[[Array], Array], f: Array) -> tuple[Array, float]:
    """Solution and relative residual."""
    inverse = linalg.LinearOperator(a.shape, matvec=lambda r: approximately(r) + 0.6 * r, dtype=np.float64)
    start = approximately(f)
    x, info = linalg.gmres(a, f, x0=start, rtol=RTOL, atol=0.0, M=inverse, restart=60, maxiter=3)
    return np.asarray(x), 0.0 if info == 0 else float(np.linalg.norm(f - a @ x) / np.linalg.norm(f))
