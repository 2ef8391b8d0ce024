"""Anderson mixing of multiplicative corrections, in the norm of L2(p); they are kept in single precision."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from fokkerplanck._kernels._jit import serial

Array = NDArray[np.float64]
Short = NDArray[np.float32]

BLOCK = 1024  # numbers of an array that stay in the nearest cache
FARTHEST = 1.8  # of a logarithm, a step: the fraction below has its pole at 2


@serial
def logarithms(q: Array, p: Array, f: Short) -> float:
    """``ln(q / p)`` up to a constant and to third order, so that its mean over p is 0; returns its mean size.

    ``2 (q - p)/(q + p)`` costs one division, and bounds what is far from converged.
    """
    mass, other = 0.0, 0.0
    for i in range(p.size):
        mass += p[i]
        other += q[i]
    scale, shift = mass / other, 0.0
    for i in range(p.size):
        change = 2.0 * (scale * q[i] - p[i]) / (scale * q[i] + p[i])
        f[i] = change
        shift += p[i] * change
    shift /= mass
    size = 0.0
    for i in range(p.size):
        f[i] -= np.float32(shift)
        size += p[i] * abs(f[i])
    return size / mass


@serial
def note(p: Array, f: Short, last: Short, shift: Short, change: Short) -> float:
    """What the last step, in `shift`, did to the correction, from `last` to f, goes to `change`, and is added
    to `shift`; returns its size relative to that of the step."""
    step, effect = 0.0, 0.0
    for i in range(p.size):
        change[i] = f[i] - last[i]
        step += p[i] * shift[i] * shift[i]
        effect += p[i] * change[i] * change[i]
        shift[i] += change[i]
    return float(math.sqrt(effect / step))


@serial
def products(p: Array, change: Short, f: Short, gram: Array, right: Array) -> None:
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
def advance(p: Array, f: Short, shift: Short, weight: Array, least: float) -> None:
    """Multiply p by ``exp(f - sum_k weight_k shift_k)``, not below `least`; f becomes the exponent."""
    n, mass = p.size, 0.0
    for first in range(0, n, BLOCK):
        last = min(first + BLOCK, n)
        for k in range(weight.size):
            part = np.float32(weight[k])
            for i in range(first, last):
                f[i] -= part * shift[k, i]
        for i in range(first, last):
            step = min(max(f[i], -FARTHEST), FARTHEST)
            f[i] = step
            p[i] = max(p[i] * ((2.0 + step) / (2.0 - step)), least)
            mass += p[i]
    for i in range(n):
        p[i] /= mass
