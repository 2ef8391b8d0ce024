"""Symmetric tensors of one to three dimensions: eigenvalues and linear systems."""

from __future__ import annotations

import math

import numpy as np
from numba import prange
from numpy.typing import NDArray

from fokkerplanck._kernels._jit import inline, parallel

Array = NDArray[np.float64]
Spacing = tuple[float, ...]  # a tuple, so that the compiler knows the number of axes and unrolls loops

CHUNK = 1024  # cells that share scratch arrays
SWEEPS = 20
NEGLIGIBLE = 1e-17  # off-diagonal part at which Jacobi's rotations stop


@inline
def lattice_tensor(tensor: Array, c: int, spacing: Spacing, a: Array) -> None:
    """The symmetric part of tensor c of (n, d, d) in units of the cell widths."""
    for i in range(len(spacing)):
        for j in range(len(spacing)):
            a[i, j] = 0.5 * (tensor[c, i, j] + tensor[c, j, i]) / (spacing[i] * spacing[j])


@inline
def eigen(a: Array, values: Array, vectors: Array, spacing: Spacing) -> None:
    """Eigenvalues, falling, and eigenvectors (columns) of a symmetric tensor, which is destroyed: Jacobi."""
    d = len(spacing)
    for i in range(d):
        for j in range(d):
            vectors[i, j] = 1.0 if i == j else 0.0
    for _ in range(SWEEPS):
        off, size = 0.0, 0.0
        for i in range(d):
            size += abs(a[i, i])
            for j in range(i):
                off += abs(a[i, j])
        if off <= NEGLIGIBLE * size:
            break
        for q in range(1, d):
            for p in range(q):
                if a[p, q] == 0.0:
                    continue
                ratio = 0.5 * (a[q, q] - a[p, p]) / a[p, q]
                t = math.copysign(1.0, ratio) / (abs(ratio) + math.sqrt(1.0 + ratio * ratio))
                c = 1.0 / math.sqrt(1.0 + t * t)
                s = t * c
                for i in range(d):
                    x, y = a[i, p], a[i, q]
                    a[i, p], a[i, q] = c * x - s * y, s * x + c * y
                for i in range(d):
                    x, y = a[p, i], a[q, i]
                    a[p, i], a[q, i] = c * x - s * y, s * x + c * y
                    x, y = vectors[i, p], vectors[i, q]
                    vectors[i, p], vectors[i, q] = c * x - s * y, s * x + c * y
                a[p, q] = a[q, p] = 0.0
    for i in range(d):
        values[i] = a[i, i]
    for i in range(d):
        for j in range(i + 1, d):
            if values[j] > values[i]:
                values[i], values[j] = values[j], values[i]
                for k in range(d):
                    vectors[k, i], vectors[k, j] = vectors[k, j], vectors[k, i]


@inline
def solve(a: Array, b: Array, x: Array, factor: Array, least: float, spacing: Spacing) -> bool:
    """Solve ``A x = b`` by Cholesky; False where a pivot falls below the part `least` of its entry."""
    d = len(spacing)
    for j in range(d):
        for i in range(j, d):
            s = a[i, j]
            for k in range(j):
                s -= factor[i, k] * factor[j, k]
            if i == j:
                if not s > least * a[j, j]:
                    return False
                factor[j, j] = math.sqrt(s)
            else:
                factor[i, j] = s / factor[j, j]
    for i in range(d):
        s = b[i]
        for k in range(i):
            s -= factor[i, k] * x[k]
        x[i] = s / factor[i, i]
    for i in range(d - 1, -1, -1):
        s = x[i]
        for k in range(i + 1, d):
            s -= factor[k, i] * x[k]
        x[i] = s / factor[i, i]
    return True


@parallel
def extreme_eigenvalues(
    drift: Array, diffusion: Array, spacing: Spacing, smallest: Array, largest: Array
) -> None:
    """Smallest and largest eigenvalue (n,) of tensors (n, d, d) in units of the cell widths; nan where the
    tensor or the drift (n, d) is not finite."""
    n, d = drift.shape[0], len(spacing)
    for chunk in prange((n + CHUNK - 1) // CHUNK):
        a, vectors, values = np.empty((d, d)), np.empty((d, d)), np.empty(d)
        for c in range(chunk * CHUNK, min(n, (chunk + 1) * CHUNK)):
            lattice_tensor(diffusion, c, spacing, a)
            total = 0.0
            for i in range(d):
                total += 0.0 * drift[c, i]
                for j in range(d):
                    total += 0.0 * a[i, j]
            if total == 0.0:
                eigen(a, values, vectors, spacing)
                smallest[c], largest[c] = values[d - 1], values[0]
            else:
                smallest[c] = largest[c] = np.nan
