"""Above which learning rate and which noise the linearised chain diverges, with or without momentum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fokkerplanck.theory.inputs import Algorithm, settings
from fokkerplanck.theory.linear import coordinates
from fokkerplanck.theory.momentum_stability import MomentumThresholds
from fokkerplanck.theory.stability import DivergenceThresholds


def divergence_thresholds(sgd: Algorithm, at: Mapping[str, Any], seed: int = 0) -> DivergenceThresholds:
    r"""Stability thresholds of the chain linearised at a point, on the range of the mean Hessian.

    With batch Hessians :math:`H_B`: the mean is stable for :math:`\eta\lambda_{max} < 2`; the mean square
    while the spectral radius of :math:`X \mapsto E[(1-\eta H_B) X (1-\eta H_B)]` is below 1, that is
    :math:`\eta < 2/\lambda_{max}(C^{-1}D)`, :math:`C = (H\otimes 1 + 1\otimes H)/2`,
    :math:`D = E[H_B\otimes H_B]`; almost every path while the top Lyapunov exponent of the product of
    :math:`1-\eta H_B` is negative.

    With momentum :math:`\mu` the mean is stable for :math:`\eta\lambda_{max} < 2(1+\mu)`, Nesterov
    :math:`2(1+\mu)/(1+2\mu)`, the mean square while the spectral radius of the second moments of point
    and buffer is below 1; the almost-sure threshold is not computed then.

    Parameters
    ----------
    sgd : SGD
    at : mapping of variable to number
        The point; numbers may be formulas in the constants, such as ``"pi"``.
    seed : int
        For the parts that need random products (several curved directions, laws without closed form).

    Raises
    ------
    ValueError
        A variable missing or unknown in `at`, a learning rate that changes, or ``sampling="epoch"``.

    References
    ----------
    Mulayoff, Michaeli, "Exact mean square linear stability analysis for SGD" (2024); Kesten (1973).

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from fokkerplanck.loss import Loss, Normal
    >>> loss = Loss("(1 + e)*y**2/2", ("y",), {"e": Normal(0, 0.5)})
    >>> t = divergence_thresholds(SimpleNamespace(loss=loss, lr=0.1, batch=1, sampling="iid"), at={"y": 0})
    >>> round(t.lr_mean_square.value, 9), round(t.lr_almost_sure.value, 3)
    (1.6, 2.262)
    """
    loss, lr, batch, sampling = settings(sgd, momentum=True)
    if sampling == "epoch":
        raise ValueError(
            'sampling: steps of one "epoch" are correlated; use "iid" or "without-replacement" here'
        )
    point = coordinates(loss, at)
    momentum = getattr(sgd, "momentum", 0.0)
    if momentum:
        nesterov = bool(getattr(sgd, "nesterov", False))
        return MomentumThresholds(loss, lr, batch, sampling, point, seed, momentum, nesterov)
    return DivergenceThresholds(loss, lr, batch, sampling, point, seed)
