"""Matrices of killed Markov chains, and their factors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import linalg

from fokkerplanck.estimate import NotValidHere

Array = NDArray[np.float64]

Killed = tuple[sparse.csr_array, Array]  # links (n, n) and killing (n,)


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


class Factored:
    """A killed chain, factored."""

    def __init__(self, links: sparse.csr_array, killing: Array):
        self._lu = factor(matrix(links, killing))

    def backward(self, f: Array) -> Array:
        """Solve ``A x = f``."""
        return np.asarray(self._lu.solve(f))

    def forward(self, f: Array) -> Array:
        """Solve ``A' x = f``."""
        return np.asarray(self._lu.solve(f, "T"))
