"""Sweeps of Gauss–Seidel for ``diagonal_i x_i - sum_j flow_ij x_j = f_i``; row i holds (index j, flow_ij)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fokkerplanck._kernels._jit import serial

Array = NDArray[np.float64]
Index = NDArray[np.int32]


@serial
def first_sweep(start: Index, index: Index, flow: Array, diagonal: Array, f: Array, x: Array) -> None:
    """Forward sweep that starts from x = 0."""
    for i in range(diagonal.size):
        total = f[i]
        for t in range(start[i], start[i + 1]):
            if index[t] < i:
                total += flow[t] * x[index[t]]
        x[i] = total / diagonal[i]


@serial
def first_rest(start: Index, index: Index, flow: Array, x: Array, aggregate: Index, out: Array) -> None:
    """What is left of f after `first_sweep`, summed over the aggregates: no difference is needed."""
    out[:] = 0.0
    for i in range(x.size):
        total = 0.0
        for t in range(start[i], start[i + 1]):
            if index[t] > i:
                total += flow[t] * x[index[t]]
        out[aggregate[i]] += total


@serial
def rest(
    start: Index,
    index: Index,
    flow: Array,
    diagonal: Array,
    f: Array,
    x: Array,
    aggregate: Index,
    out: Array,
) -> None:
    """What is left of f, summed over the aggregates."""
    out[:] = 0.0
    for i in range(x.size):
        total = f[i] - diagonal[i] * x[i]
        for t in range(start[i], start[i + 1]):
            total += flow[t] * x[index[t]]
        out[aggregate[i]] += total


@serial
def sweep_down(
    start: Index,
    index: Index,
    flow: Array,
    diagonal: Array,
    f: Array,
    aggregate: Index,
    correction: Array,
    x: Array,
) -> None:
    """Add the correction of every aggregate, then sweep backward."""
    n = diagonal.size
    for i in range(n):
        x[i] += correction[aggregate[i]]
    for i in range(n - 1, -1, -1):
        total = f[i]
        for t in range(start[i], start[i + 1]):
            total += flow[t] * x[index[t]]
        x[i] = total / diagonal[i]


@serial
def defect(start: Index, index: Index, flow: Array, leak: Array, f: Array, x: Array, out: Array) -> None:
    """``f_i - leak_i x_i - sum_j flow_ij (x_i - x_j)``: differences first, which are small."""
    for i in range(leak.size):
        total = f[i] - leak[i] * x[i]
        for t in range(start[i], start[i + 1]):
            total += flow[t] * (x[index[t]] - x[i])
        out[i] = total


@serial
def imbalance(
    start: Index, index: Index, flow: Array, diagonal: Array, f: Array, x: Array, out: Array
) -> None:
    """``f_i + sum_j flow_ij x_j - diagonal_i x_i``."""
    for i in range(diagonal.size):
        total = f[i]
        for t in range(start[i], start[i + 1]):
            total += flow[t] * x[index[t]]
        out[i] = total - diagonal[i] * x[i]


@serial
def pool(values: Array, aggregate: Index, out: Array) -> None:
    """Sum over the aggregates."""
    out[:] = 0.0
    for i in range(values.size):
        out[aggregate[i]] += values[i]


@serial
def totals(start: Index, flow: Array, leak: Array, diagonal: Array) -> None:
    """Diagonal without subtractions: what flows out along the row, and what leaks."""
    for i in range(leak.size):
        total = leak[i]
        for t in range(start[i], start[i + 1]):
            total += flow[t]
        diagonal[i] = total


@serial
def scale(start: Index, index: Index, flow: Array, diagonal: Array, f: Array, x: Array, out: Array) -> None:
    """Size of the solution near every cell: the larger of |x| and of what its neighbours and f make it."""
    for i in range(diagonal.size):
        total = abs(f[i])
        for t in range(start[i], start[i + 1]):
            total += flow[t] * abs(x[index[t]])
        out[i] = max(total / diagonal[i], abs(x[i]))
