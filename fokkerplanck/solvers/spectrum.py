"""Slowest modes of a Markov chain, and its law before extinction."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import linalg

from fokkerplanck.solvers.linear import KilledSolver, SolverError, factor, matrix

Array = NDArray[np.float64]


def slowest(
    links: sparse.csr_array, killing: Array, k: int
) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    """Eigenvalues (k,) of ``links - diag`` nearest 0, by falling real part, and right eigenvectors (n, k)."""
    n = links.shape[0]
    k = min(k, n - 2)
    # A shift just right of 0 keeps the factors positive and the wanted modes dominant.
    shift = 1e-9 * float((np.asarray(links.sum(axis=1)).ravel() + killing).max())
    lu = factor(matrix(links, killing, shift))
    inverse = linalg.LinearOperator(
        (n, n), matvec=lambda v: -lu.solve(np.asarray(v, dtype=float).ravel()), dtype=float
    )
    start = np.cos(np.arange(n) * 0.7391)  # fixed and without symmetry: the same bits every time
    more = min(k + 2, n - 2)  # a complex pair must not be torn apart at the end of the list
    values, vectors = linalg.eigs(inverse, k=more, which="LM", v0=start, tol=1e-12)
    rates = shift + 1.0 / values
    order = np.lexsort((-rates.imag, -rates.real))[:k]
    return rates[order], vectors[:, order]


def farthest(
    links: sparse.csr_array, killing: Array, k: int
) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    """Eigenvalues (k,) of ``links - diag`` of largest modulus, and right eigenvectors (n, k)."""
    n = links.shape[0]
    start = np.cos(np.arange(n) * 0.7391)
    operator = (-matrix(links, killing)).tocsr()
    values, vectors = linalg.eigs(
        operator, k=min(k, n - 2), which="LM", v0=start, tol=1e-10, ncv=min(n, 4 * k + 20)
    )
    return values, vectors


def before_extinction(links: sparse.csr_array, killing: Array, rtol: float = 1e-12) -> tuple[float, Array]:
    """Rate of extinction and quasi-stationary masses (n,), the positive left eigenvector.

    Found by inverse iteration.
    """
    solver = KilledSolver(links, killing)
    p = np.full(links.shape[0], 1.0 / links.shape[0])
    rate = 0.0
    for _ in range(500):
        q = solver.forward(p)
        total = float(q.sum())
        q /= total
        # The rate as the flux out of the box keeps its relative accuracy however small it is.
        flux = float(killing @ q)
        if abs(flux - rate) <= rtol * flux and np.abs(q - p).sum() <= 1e-9:
            return flux, q
        p, rate = q, flux
    raise SolverError(
        "the quasi-stationary law did not settle in 500 inverse iterations: two laws are equally slow"
    )
