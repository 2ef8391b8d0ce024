"""Kesten's exponent: how fast the tail of a stationary law falls."""

from __future__ import annotations

import math

from scipy.optimize import brentq

from fokkerplanck.theory.lyapunov import Factor

LARGEST = 1e4


def kesten_exponent(factor: Factor, m: float, tau: float) -> float:
    """The alpha > 0 with ``E|m + tau W|^alpha = 1``; P(|u| > r) falls as r^-alpha. Infinite beyond `LARGEST`.

    There is one where ``E ln|m + tau W| < 0`` and the factor exceeds 1 with some probability (Kesten 1973).

    >>> from fokkerplanck.theory.lyapunov import NormalFactor
    >>> round(kesten_exponent(NormalFactor(), 0.0, 1.0), 9)  # E W^2 = 1
    2.0
    """
    low, high = 0.0, 2.0
    while factor.power_mean(m, tau, high) < 0:
        low, high = high, 2 * high
        if high > LARGEST:
            return math.inf
    low = low or 1e-9
    return float(brentq(lambda a: factor.power_mean(m, tau, a) / a, low, high, xtol=1e-12))
