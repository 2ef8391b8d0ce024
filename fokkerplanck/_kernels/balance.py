"""Balancing flows: sweeps towards ``outflow_j phi_j = sum_i flow_ij phi_i``, and elimination of few states.

The graph is held as in `aggregation`. All is sums, products and quotients of non-negative numbers: phi stays
positive, and small numbers keep their relative accuracy.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fokkerplanck._kernels._jit import serial

Array = NDArray[np.float64]
Index = NDArray[np.int32]


@serial
def sweep_up(start: Index, source: Index, flow: Array, outflow: Array, phi: Array) -> None:
    """Balance every cell in turn, first to last."""
    for j in range(outflow.size):
        inflow = 0.0
        for t in range(start[j], start[j + 1]):
            inflow += flow[t] * phi[source[t]]
        phi[j] = inflow / outflow[j]


@serial
def sweep_down(
    start: Index, source: Index, flow: Array, outflow: Array, aggregate: Index, factor: Array, phi: Array
) -> None:
    """Multiply by the factor of each aggregate, then balance every cell in turn, last to first."""
    n = outflow.size
    for j in range(n):
        phi[j] *= factor[aggregate[j]]
    for j in range(n - 1, -1, -1):
        inflow = 0.0
        for t in range(start[j], start[j + 1]):
            inflow += flow[t] * phi[source[t]]
        phi[j] = inflow / outflow[j]


@serial
def excess(start: Index, source: Index, flow: Array, outflow: Array, phi: Array, out: Array) -> None:
    """Outflow minus inflow of every cell: the residual, and the unit in which a solve is priced."""
    for j in range(outflow.size):
        net = outflow[j] * phi[j]
        for t in range(start[j], start[j + 1]):
            net -= flow[t] * phi[source[t]]
        out[j] = net


@serial
def invariant(start: Index, source: Index, flow: Array, phi: Array) -> int:
    """Balanced phi, 1 at the first state, by the elimination of Grassmann, Taksar and Heyman (1985).

    A state from which no flow leads to those before it is left as it is; returns how many there are.
    """
    n, stuck = phi.size, 0
    a = np.zeros((n, n))
    for j in range(n):
        for t in range(start[j], start[j + 1]):
            a[source[t], j] += flow[t]
    for k in range(n - 1, 0, -1):
        pivot = 0.0
        for j in range(k):
            pivot += a[k, j]
        a[k, k] = pivot
        if pivot == 0.0:
            stuck += 1
            continue
        for i in range(k):
            if a[i, k] != 0.0:
                a[i, k] /= pivot
                for j in range(k):  # what lands on the diagonal gives way to the pivot
                    a[i, j] += a[i, k] * a[k, j]
    phi[0] = 1.0
    for k in range(1, n):
        inflow = 0.0
        for i in range(k):
            inflow += phi[i] * a[i, k]
        phi[k] = inflow if a[k, k] > 0.0 else 1.0
    return stuck
