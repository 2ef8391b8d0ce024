"""The SDE of SGD with momentum, in the point and the buffer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy

from fokkerplanck.formula import LEARNING_RATE, MOMENTUM, symbol
from fokkerplanck.loss import Loss


def buffer_symbols(loss: Loss) -> tuple[Any, ...]:
    """Symbols of the buffer's coordinates: ``buffer_x`` for x, with a line behind where that is taken."""
    taken = {*loss.names, *loss.constants, *map(str, loss.laws)}
    found = []
    for name in loss.names:
        called = f"buffer_{name}"
        while called in taken:
            called += "_"
        taken.add(called)
        found.append(symbol(called))
    return tuple(found)


def momentum_equation(
    loss: Loss, buffer: Sequence[Any], sampling: str = "iid", order: int = 1, nesterov: bool = False
) -> tuple[Any, Any]:
    r"""Ito drift (2d, 1) and diffusion D (2d, 2d) of SGD with momentum, in :math:`\theta` and the buffer b.

    A step is :math:`b' = \mu b + g`, :math:`\theta' = \theta - \eta b'` (heavy ball) or
    :math:`\theta' = \theta - \eta(g + \mu b')` (Nesterov), with g of mean :math:`\nabla L` and covariance
    :math:`\Sigma`. Time is that of every SDE of a chain, :math:`\eta` a step.

    The scaling under which this becomes an SDE is :math:`h = \sqrt\eta \to 0` at fixed friction
    :math:`(1-\mu)/h`, with the velocity :math:`V = -h b` of order 1 and h the time of a step: an underdamped
    Langevin equation. Matching the moments of one step in :math:`(\theta, V)`, with
    :math:`\epsilon = 1 - \mu`, :math:`dG = \nabla L\,dt + \sqrt{\eta\Sigma}\,dW`, and c = 1/2 for the heavy
    ball, 3/2 for Nesterov, gives at order 1, for both,

    .. math:: d\theta = -b\,dt, \qquad \eta\,db = dG - \epsilon b\,dt,

    and at order 2, with :math:`\Sigma` taken half a step back, at :math:`\theta + \tfrac\eta2 b`,

    .. math:: d\theta = -(1 - c\epsilon)\,b\,dt - c\,dG, \qquad
              \eta\,db = (1 + \tfrac\epsilon2)(dG - \epsilon b\,dt) + \tfrac\eta2 Hb\,dt.

    At order p the mean of a step is wrong by terms :math:`h^{p+1}` and its covariance, itself
    :math:`h^2\Sigma`, by :math:`h^{p+2}\Sigma`, so that laws are wrong by :math:`h^p` relative to themselves.
    Beyond that scaling, at fixed :math:`\mu`, the law of :math:`\theta` (not that of b) is still right to
    relative order :math:`\eta`: once b has settled, both orders are :math:`d\theta = -dG/\epsilon`.

    The result is in ``LEARNING_RATE``, ``BATCH`` and ``MOMENTUM``.

    Parameters
    ----------
    loss : Loss
    buffer : sequence of symbols
        What the coordinates of the buffer are called, d of them.
    sampling : {"iid", "without-replacement"}
    order : {1, 2}
        In :math:`\sqrt\eta`, at fixed :math:`(1-\mu)/\sqrt\eta`.
    nesterov : bool

    References
    ----------
    Order 1 for the heavy ball: Li, Tai, E (2017), as recalled. Order 2 is derived here by matching the
    generator of one step.

    Examples
    --------
    >>> from fokkerplanck.loss import Loss, Normal
    >>> loss = Loss("h*y**2/2 - s*y", ("y",), {"s": Normal(0, 1)}, constants={"h": 2.0})
    >>> b, D = momentum_equation(loss, buffer_symbols(loss))
    >>> b[0], D[1, 1]
    (-buffer_y, 1/(2*B*eta))
    """
    if order not in (1, 2):
        raise ValueError(f"order: got {order!r}; expected 1 or 2")
    eta, friction = LEARNING_RATE, 1 - MOMENTUM
    slope, b, d = loss.gradient, sympy.Matrix(buffer), len(loss.names)
    sigma = loss.noise_covariance(sampling=sampling)
    if order == 1:
        drift = sympy.Matrix.vstack(-b, (slope - friction * b) / eta)
        return drift, sympy.diag(sympy.zeros(d), sigma / (2 * eta))
    c = sympy.Rational(3 if nesterov else 1, 2)
    move = -(1 - c * friction) * b - c * slope
    force = (1 + friction / 2) * (slope - friction * b) / eta + loss.hessian * b / 2
    earlier = {v: v + eta * w / 2 for v, w in zip(loss.variables, buffer, strict=True)}
    sigma = sigma.xreplace(earlier)
    kicked, along = c * eta, -(1 + friction / 2)  # of theta and of b, per unit of one noise
    tensor = sympy.BlockMatrix(
        [[kicked**2 * sigma, kicked * along * sigma], [kicked * along * sigma, along**2 * sigma]]
    )
    return sympy.Matrix.vstack(move, force), sympy.Matrix(tensor) / (2 * eta)
