"""Balancing flows: sweeps towards ``outflow_j phi_j = sum_i flow_ij phi_i``, and cycles over aggregates.

The graph is held as in `aggregation`, with ``stay = 1 / outflow``. All is sums, products and quotients of
non-negative numbers: phi stays positive, and small numbers keep their relative accuracy.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fokkerplanck._kernels._jit import inline, serial
from fokkerplanck._kernels.aggregation import INSIDE

Array = NDArray[np.float64]
Index = NDArray[np.uint32]


@serial
def sweep(start: Index, source: Index, flow: Array, stay: Array, supply: Array, phi: Array, up: bool) -> None:
    """Balance every cell in turn, first to last or back, with a `supply` (n,) of flow, or an empty one."""
    n, supplied = stay.size, supply.size > 0
    for k in range(n):
        j = k if up else n - 1 - k
        t, last = np.int64(start[j]), np.int64(start[j + 1]) - 1
        even, odd = supply[j] if supplied else 0.0, 0.0
        while t < last:  # two links at once; written out, as a helper would count references to the arrays
            even += flow[t] * phi[source[t]]
            odd += flow[t + 1] * phi[source[t + 1]]
            t += 2
        if t == last:
            even += flow[t] * phi[source[t]]
        phi[j] = (even + odd) * stay[j]


@serial
def excess(start: Index, source: Index, flow: Array, outflow: Array, phi: Array, out: Array) -> None:
    """Outflow minus inflow of every cell: the residual, and the unit in which a solve is priced."""
    for j in range(outflow.size):
        net = outflow[j] * phi[j]
        for t in range(start[j], start[j + 1]):
            net -= flow[t] * phi[source[t]]
        out[j] = net


@serial
def cycle(
    first: Index,
    start: Index,
    source: Index,
    aggregate: Index,
    flow: Array,
    stay: Array,
    place: Index,
    visits: NDArray[np.int64],
    phi: Array,
) -> int:
    """One multiplicative cycle from phi = 1 over levels that lie one after another.

    States of level l are ``first[l]:first[l + 1]``, links into state j of it from ``start[j + l]`` on.
    Each level sends ``visits[l]`` times for the next. The last is eliminated; returns how many states of it
    no flow leads out of.
    """
    last, level, stuck = first.size - 2, 0, 0
    left = np.zeros(last + 1, np.int64)
    down = True  # whether the level has just been entered from above
    while level >= 0:
        j0, j1, j2 = (
            np.int64(first[level]),
            np.int64(first[level + 1]),
            np.int64(first[min(level + 2, last + 1)]),
        )
        if down:
            for j in range(j0, j1):
                phi[j] = 1.0
            if level == last:
                stuck = _eliminate(j0, j1, level, start, source, flow, phi)
                down, level = False, level - 1
                continue
            left[level] = visits[level]
        else:
            for j in range(j0, j1):
                phi[j] *= phi[aggregate[j]]
        for k in range(j1 - j0):
            here = j0 + k if down else j1 - 1 - k
            link, stop = np.int64(start[here + level]), np.int64(start[here + level + 1]) - 1
            even, odd = 0.0, 0.0
            while link < stop:
                even += flow[link] * phi[source[link]]
                odd += flow[link + 1] * phi[source[link + 1]]
                link += 2
            if link == stop:
                even += flow[link] * phi[source[link]]
            phi[here] = (even + odd) * stay[here]
        if left[level] == 0:
            down, level = False, level - 1
            continue
        left[level] -= 1
        t0, t1, t2 = start[j0 + level], start[j1 + level], start[j2 + level + 1]
        for t in range(t1, t2):
            flow[t] = 0.0
        for t in range(t0, t1):
            if place[t] != INSIDE:
                flow[place[t]] += flow[t] * phi[source[t]]
        for j in range(j1, j2):
            stay[j] = 0.0
        for t in range(t1, t2):
            stay[source[t]] += flow[t]
        for j in range(j1, j2):
            stay[j] = 1.0 / stay[j]
        down, level = True, level + 1
    return stuck


@inline
def _eliminate(j0: int, j1: int, level: int, start: Index, source: Index, flow: Array, phi: Array) -> int:
    """Balanced phi, 1 at the first state, by the elimination of Grassmann, Taksar and Heyman (1985).

    A state from which no flow leads to those before it is left as it is; returns how many there are.
    """
    n, stuck = j1 - j0, 0
    a = np.zeros((n, n))
    for j in range(n):
        for t in range(start[j0 + j + level], start[j0 + j + level + 1]):
            a[source[t] - j0, j] += flow[t]
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
    for k in range(1, n):
        total = 0.0
        for i in range(k):
            total += phi[j0 + i] * a[i, k]
        phi[j0 + k] = total if a[k, k] > 0.0 else 1.0
    return stuck
