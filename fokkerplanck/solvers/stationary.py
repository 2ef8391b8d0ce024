"""Stationary law of a Markov chain without killing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from fokkerplanck._kernels import incoming
from fokkerplanck.solvers.killed import KilledSolver
from fokkerplanck.solvers.linear import factor, matrix

Array = NDArray[np.float64]


def stationary(links: sparse.csr_array, companion: sparse.csr_array) -> Array:
    """Masses (n,), summing to 1, of the stationary law of a chain with wide rows.

    With the mass of one cell, the heaviest of the sparser `companion`, put to 1, the others are the mean time
    spent in each between visits to it: a killed chain.
    """
    n = links.shape[0]
    k = _heaviest(companion)
    keep = np.flatnonzero(np.arange(n) != k)
    inner, out = _without(links, keep, k)
    entry = links[[k], :].toarray().ravel()[keep]
    p: Array = np.empty(n)
    p[k] = 1.0
    p[keep] = KilledSolver(inner, out, _without(companion, keep, k)).forward(entry)
    p /= p.sum()
    return p


def by_factors(links: sparse.csr_array, library: str) -> Array:
    """The same from sparse LU factors of a library, ``"superlu"`` or ``"pardiso"``; no cell is negative.

    They subtract, so that masses far below the largest, and the exchange over high barriers, are lost to
    rounding: the oracle where that does not matter.

    Raises
    ------
    SolverError
        If cells are cut off from the rest.
    """
    n = links.shape[0]
    k = _heaviest(links)
    keep = np.flatnonzero(np.arange(n) != k)
    a = matrix(*_without(links, keep, k))
    entry = links[[k], :].toarray().ravel()[keep]
    p: Array = np.ones(n)
    p[keep] = np.maximum(_pardiso(a, entry) if library == "pardiso" else factor(a).solve(entry, "T"), 0.0)
    p /= p.sum()
    return p


def _pardiso(a: sparse.csc_array, f: Array) -> Array:
    """Solve ``A' x = f`` by the factors of MKL."""
    try:
        import pypardiso
    except ImportError as error:
        raise ValueError('solver "pardiso" needs the package pypardiso: pip install pypardiso') from error
    return np.asarray(pypardiso.spsolve(sparse.csr_matrix(a.T), f))


def residual(links: sparse.csr_array, p: Array) -> float:
    """Net flow into the cells relative to the gross flow, both summed."""
    return float(incoming.imbalance(links.indptr, links.indices, links.data, p))


def _without(links: sparse.csr_array, keep: NDArray[np.int64], k: int) -> tuple[sparse.csr_array, Array]:
    rows = links[keep, :]
    return rows[:, keep].tocsr(), rows[:, [k]].toarray().ravel()


def _heaviest(links: sparse.csr_array) -> int:
    """Find a heavy cell by inverse iteration with a shift far below any rate of interest."""
    shift = 1e-10 * float(links.sum(axis=1).max())
    lu = factor(matrix(links, np.zeros(links.shape[0]), shift))
    p = np.full(links.shape[0], 1.0 / links.shape[0])
    for _ in range(6):
        p = lu.solve(p, "T")
        p /= p.sum()
    return int(np.argmax(p))
