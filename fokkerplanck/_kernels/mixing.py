"""Anderson mixing of multiplicative corrections, in the norm of L2(p)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fokkerplanck._kernels._jit import serial

Array = NDArray[np.float64]

BLOCK = 1024  # numbers of an array that stay in the nearest cache
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
    weighted = np.empty(BLOCK)
    for first in range(0, n, BLOCK):
        size = min(BLOCK, n - first)
        for k in range(m):
            total = 0.0
            for i in range(size):
                weighted[i] = p[first + i] * change[k, first + i]
                total += weighted[i] * f[first + i]
            right[k] += total
            for other in range(k + 1):
                total = 0.0
                for i in range(size):
                    total += weighted[i] * change[other, first + i]
                gram[k, other] += total
    for k in range(m):
        for other in range(k):
            gram[other, k] = gram[k, other]


@serial
def advance(p: Array, f: Array, shift: Array, weight: Array) -> None:
    """Multiply p by ``exp(f - sum_k weight_k shift_k)``; f becomes the exponent."""
    n, mass = p.size, 0.0
    for first in range(0, n, BLOCK):
        last = min(first + BLOCK, n)
        for k in range(weight.size):
            for i in range(first, last):
                f[i] -= weight[k] * shift[k, i]
        for i in range(first, last):
            f[i] = min(max(f[i], -FARTHEST), FARTHEST)
            p[i] *= (2.0 + f[i]) / (2.0 - f[i])
            mass += p[i]
    for i in range(n):
        p[i] /= mass
