"""Anderson mixing of multiplicative corrections, in the norm of L2(p)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fokkerplanck._kernels._jit import serial

Array = NDArray[np.float64]

FARTHEST = 1.8  # of a logarithm, a step: the fraction below has its pole at 2


@serial
def logarithms(phi: Array, p: Array, f: Array) -> float:
    """``ln phi`` up to a constant and to third order, so that its mean over p is 0; returns its mean size.

    ``2 (phi - 1)/(phi + 1)`` costs one division, and bounds what is far from converged.
    """
    mass, weighted = 0.0, 0.0
    for i in range(p.size):
        mass += p[i]
        weighted += p[i] * phi[i]
    mean, shift, size = weighted / mass, 0.0, 0.0
    for i in range(p.size):
        f[i] = 2.0 * (phi[i] - mean) / (phi[i] + mean)
        shift += p[i] * f[i]
    shift /= mass
    for i in range(p.size):
        f[i] -= shift
        size += p[i] * abs(f[i])
    return size / mass


@serial
def products(p: Array, change: Array, f: Array, gram: Array, right: Array) -> None:
    """Weighted products of the rows of `change` (m, n) with each other (m, m), and with f (m,)."""
    m, n = change.shape
    gram[:] = 0.0
    right[:] = 0.0
    for k in range(m):
        total = 0.0
        for i in range(n):
            total += p[i] * change[k, i] * f[i]
        right[k] = total
        for other in range(k + 1):
            total = 0.0
            for i in range(n):
                total += p[i] * change[k, i] * change[other, i]
            gram[k, other] = gram[other, k] = total


@serial
def advance(p: Array, f: Array, step: Array, change: Array, weight: Array, taken: Array) -> None:
    """Multiply p by ``exp(f - sum_k weight_k (step_k + change_k))``; `taken` gets the exponent."""
    mass = 0.0
    for i in range(p.size):
        u = f[i]
        for k in range(weight.size):
            u -= weight[k] * (step[k, i] + change[k, i])
        u = min(max(u, -FARTHEST), FARTHEST)
        taken[i] = u
        p[i] *= (2.0 + u) / (2.0 - u)
        mass += p[i]
    for i in range(p.size):
        p[i] /= mass
