"""Eigenvalues of an operator by Arnoldi's method.

Source: R. B. Lehoucq, D. C. Sorensen and C. Yang, *ARPACK Users' Guide* (1998).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import linalg

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]

TOLERANCE = 1e-11
SMALL = 60  # cells up to which all modes are found


def arnoldi(
    apply: Callable[[Array], Array], n: int, k: int, which: str, turns: int | None = None
) -> tuple[Complex, Complex]:
    """Eigenvalues (k,) and eigenvectors (n, k) of an operator; with a number of `turns`, what converges."""
    if n <= SMALL:
        values, vectors = np.linalg.eig(np.array([apply(e) for e in np.eye(n)]).T)
        size = np.abs(values) if which == "LM" else np.abs(values.imag)
        largest = np.argsort(-size, kind="stable")[:k]
        return values[largest].astype(complex), vectors[:, largest].astype(complex)
    operator = linalg.LinearOperator((n, n), matvec=lambda v: apply(np.asarray(v).ravel()), dtype=float)
    start = np.cos(np.arange(n) * 0.7391)  # fixed and without symmetry: the same bits every time
    try:
        values, vectors = linalg.eigs(
            operator, k, which=which, v0=start, tol=TOLERANCE, maxiter=turns, ncv=min(n, max(2 * k + 1, 20))
        )
    except linalg.ArpackNoConvergence as stopped:
        values, vectors = stopped.eigenvalues, stopped.eigenvectors
    return np.asarray(values), np.asarray(vectors)
