"""Linear systems of a killed Markov chain: a nonsingular M-matrix, directly or with a companion."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import linalg

from fokkerplanck.estimate import NotValidHere

Array = NDArray[np.float64]

# Of the Krylov route, relative to the right-hand side. Times of 1e5 steps lose five of sixteen digits there.
RTOL = 1e-10


class SolverError(NotValidHere):
    """A linear solve that did not reach its tolerance."""


def matrix(links: sparse.csr_array, killing: Array, shift: float = 0.0) -> sparse.csc_array:
    """Return ``A = shift + diag(row sums + killing) - links``, minus the generator of the killed chain."""
    diagonal = np.asarray(links.sum(axis=1)).ravel() + killing + shift
    return (sparse.diags_array(diagonal) - links).tocsc()


def factor(a: sparse.csc_array) -> linalg.SuperLU:
    """LU without pivoting: for an M-matrix every pivot stays positive, and so do the solutions."""
    options = {"SymmetricMode": True}
    try:
        return linalg.splu(a, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=options)
    except RuntimeError as error:
        raise SolverError(
            f"the matrix could not be factored ({error}): some cells are cut off from the rest; "
            "use more cells"
        ) from error


class KilledSolver:
    """Solves ``A x = f`` (`backward`: functions) and ``A' x = f`` (`forward`: densities).

    Parameters
    ----------
    links, killing : csr (n, n), (n,)
        Off-diagonal rates and killing of the chain.
    companion : (links, killing), optional
        For a chain in discrete time: the generator G of a sparser one with the same slow dynamics. GMRES is
        then preconditioned by ``G^-1 + 0.6``. A mode that G damps at the rate g the chain damps by
        ``1 - exp(-g)`` a step, whose inverse that is to within a third, from g = 0 to infinity.
        Without it the chain is factored itself.
    """

    def __init__(
        self, links: sparse.csr_array, killing: Array, companion: tuple[sparse.csr_array, Array] | None = None
    ):
        self._a = matrix(links, killing)
        self._direct = companion is None
        self._lu = factor(self._a if companion is None else matrix(*companion))

    def backward(self, f: Array) -> Array:
        """Solve for a function on the cells, such as a mean exit time."""
        return self._solve(self._a.tocsr(), lambda r: self._lu.solve(r), f)

    def forward(self, f: Array) -> Array:
        """Solve for a density on the cells."""
        return self._solve(self._a.T.tocsr(), lambda r: self._lu.solve(r, "T"), f)

    def _solve(self, a: sparse.csr_array, approximately: Callable[[Array], Array], f: Array) -> Array:
        if self._direct:
            return np.asarray(approximately(f))
        inverse = linalg.LinearOperator(
            a.shape, matvec=lambda r: approximately(r) + 0.6 * r, dtype=np.float64
        )
        x, info = linalg.gmres(
            a, f, x0=approximately(f), rtol=RTOL, atol=0.0, M=inverse, restart=60, maxiter=10
        )
        if info != 0:
            residual = np.linalg.norm(f - a @ x) / np.linalg.norm(f)
            if residual > 1e-8:
                raise SolverError(f"GMRES stopped at a relative residual of {residual:.1e}; refine the grid")
        return np.asarray(x)
