r"""Where the variance of the linearised chain diverges: a generalised eigenvalue of its second moments.

:math:`X \mapsto E[(1-\eta H_B) X (1-\eta H_B)]` leaves the mean square stable for
:math:`\eta < 2/\lambda_{max}(C^{-1}D)` with :math:`C = (H\otimes 1 + 1\otimes H)/2`,
:math:`D = E[H_B\otimes H_B]` (Mulayoff, Michaeli 2024), here in the eigenbasis of the mean Hessian.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def critical_rate(curvatures: Array, scatter: Array) -> float:
    """Learning rate above which the variance diverges.

    Parameters
    ----------
    curvatures : array (k,)
        Eigenvalues of the mean Hessian, all positive.
    scatter : array (k, k, k, k)
        Covariance of the batch Hessian's entries in its eigenbasis.
    """
    sums, products = _pairs(curvatures)
    return 2 / _largest(sums / 2, np.diag(products) + scatter_operator(scatter))


def critical_rate_of_sde(curvatures: Array, scatter: Array) -> float:
    """The same for the first-order SDE, which leaves out the term eta^2 H x H."""
    sums, _ = _pairs(curvatures)
    return 2 / _largest(sums / 2, scatter_operator(scatter))


def critical_noise(curvatures: Array, scatter: Array, lr: float) -> float:
    """Factor on the noise above which the variance diverges, at a rate at which the mean is stable."""
    sums, products = _pairs(curvatures)
    return 1 / math.sqrt(_largest(sums - lr * products, lr * scatter_operator(scatter)))


def scatter_operator(scatter: Array) -> Array:
    """X -> E[(H_B - H) X (H_B - H)] as a matrix on vec(X), (k k, k k)."""
    k = scatter.shape[0]
    return np.asarray(np.einsum("iajb->ijab", scatter).reshape(k * k, k * k))


def _pairs(curvatures: Array) -> tuple[Array, Array]:
    """lambda_i + lambda_j and lambda_i lambda_j, (k k,)."""
    sums, products = np.add.outer(curvatures, curvatures), np.multiply.outer(curvatures, curvatures)
    return sums.ravel(), products.ravel()


def _largest(diagonal: Array, operator: Array) -> float:
    """Largest eigenvalue of diag^-1/2 operator diag^-1/2."""
    root = 1 / np.sqrt(diagonal)
    return float(np.linalg.eigvalsh(root[:, None] * (operator + operator.T) / 2 * root).max())
