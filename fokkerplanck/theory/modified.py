r"""Modified equations: SDEs whose moments match one step of SGD to order :math:`\eta^{p+1}`.

With :math:`\Sigma` the covariance of one step's gradient noise, H the mean Hessian and :math:`D` that of
:math:`dX = b\,dt + \sqrt{2D}\,dW` (Ito):

order 1: :math:`b = -\nabla L`, :math:`D = \eta\Sigma/2`;

order 2:
:math:`b = -\nabla(L + \frac{\eta}{4}|\nabla L|^2) + \frac{\eta^2}{4}\nabla(\bar\Sigma:\nabla\nabla L)`
(:math:`\bar\Sigma` is not differentiated),
:math:`D = \frac{\eta}{2}\{\Sigma + \eta[(H\Sigma + \Sigma H)/2 + (\nabla L\cdot\nabla)\Sigma/2]\}`.

One step is matched in all terms :math:`\eta^2` and all terms :math:`\eta^3\Sigma`; for constant noise that is
second order at fixed :math:`\eta/B` too. For noise that depends on the state, terms
:math:`\eta^4\Sigma^2` remain.
"""

from __future__ import annotations

from typing import Any

import sympy

from fokkerplanck.formula import LEARNING_RATE, derivative
from fokkerplanck.loss import Loss


def modified_equation(
    loss: Loss, sampling: str = "iid", order: int = 1, positive: bool = False
) -> tuple[Any, Any]:
    """Ito drift (d, 1) and diffusion D (d, d) of the modified equation, in ``LEARNING_RATE`` and ``BATCH``.

    Parameters
    ----------
    loss : Loss
    sampling : {"iid", "without-replacement"}
    order : {1, 2}
    positive : bool
        At order 2, use ``(1 + eta H/2) Sigma (1 + eta H/2) + (eta/2)(grad L . grad) Sigma`` in place of the
        second-order covariance: equal to the same order, and positive semidefinite wherever the last term is.

    Raises
    ------
    ValueError
        Another order, or noise that is not white (``sampling="epoch"``).

    References
    ----------
    Order 1 and the drift of order 2 without its last term: Li, Tai, E (2017), as recalled; the covariance
    and the last term of the drift are derived here by matching the generator of one step.

    Examples
    --------
    >>> from fokkerplanck.loss import Loss, Normal
    >>> loss = Loss("h*y**2/2 - s*y", ("y",), {"s": Normal(0, 1)}, constants={"h": 2.0})
    >>> b, D = modified_equation(loss, order=2)
    >>> b[0].expand(), D[0, 0].expand()
    (-eta*h**2*y/2 - h*y, eta**2*h/(2*B) + eta/(2*B))
    """
    if order not in (1, 2):
        raise ValueError(f"order: got {order!r}; expected 1 or 2")
    slope, variables = loss.gradient, loss.variables
    sigma = loss.noise_covariance(sampling=sampling)
    eta = LEARNING_RATE
    if order == 1:
        return -slope, eta * sigma / 2
    hessian, d = loss.hessian, len(variables)
    curvature_pull = sympy.Matrix(
        [
            sum(sigma[i, j] * derivative(hessian[i, j], v) for i in range(d) for j in range(d))
            for v in variables
        ]
    )
    drift = -slope - eta / 2 * hessian * slope + eta**2 / 4 * curvature_pull
    along = sigma.applyfunc(
        lambda entry: sum(g * derivative(entry, v) for g, v in zip(slope, variables, strict=True))
    )
    if positive:
        stretch = sympy.eye(d) + eta * hessian / 2
        covariance = stretch * sigma * stretch + eta / 2 * along
    else:
        covariance = sigma + eta * ((hessian * sigma + sigma * hessian) / 2 + along / 2)
    return drift, eta * covariance / 2
