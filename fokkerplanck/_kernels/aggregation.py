"""Aggregates of cells, and the flow between them.

A graph of flows is held by its incoming links: those into cell j are ``start[j]:start[j + 1]``, each with its
``source`` and its ``flow``; ``outflow[i]`` is the sum of all flow that leaves i.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fokkerplanck._kernels._jit import serial

Array = NDArray[np.float64]
Index = NDArray[np.int32]


@serial
def gauge(source: Index, rate: Array, total: Array, p: Array, flow: Array, outflow: Array) -> None:
    """Flow of the masses p (n,) along every link."""
    for t in range(source.size):
        flow[t] = rate[t] * p[source[t]]
    for i in range(total.size):
        outflow[i] = total[i] * p[i]


@serial
def match(start: Index, source: Index, flow: Array, outflow: Array, weak: float, aggregate: Index) -> int:
    """Pair every cell with the free one that sends it most, for what both send; returns how many.

    A cell rather stays alone than joins another by less than the share `weak` of its strongest link.
    """
    n, count = outflow.size, 0
    aggregate[:] = -1
    for j in range(n):
        if aggregate[j] >= 0:
            continue
        best, most, strongest = -1, 0.0, 0.0
        for t in range(start[j], start[j + 1]):
            i = source[t]
            share = flow[t] * (1.0 / outflow[i] + 1.0 / outflow[j])
            strongest = max(strongest, share)
            if share > most and aggregate[i] < 0 and i != j:
                best, most = i, share
        aggregate[j] = count
        if best >= 0 and most >= weak * strongest:
            aggregate[best] = count
        count += 1
    return count


@serial
def pattern(start: Index, source: Index, aggregate: Index, count: int, place: Index) -> tuple[Index, Index]:
    """Incoming links of the aggregates, (start, source); `place` (links) gets the coarse link, -1 inside."""
    n = aggregate.size
    first = np.zeros(count + 1, np.int32)
    for i in range(n):
        first[aggregate[i] + 1] += 1
    for k in range(count):
        first[k + 1] += first[k]
    member, free = np.empty(n, np.int32), first[:-1].copy()
    for i in range(n):
        member[free[aggregate[i]]] = i
        free[aggregate[i]] += 1
    coarse_start, coarse_source = np.zeros(count + 1, np.int32), np.empty(source.size, np.int32)
    seen, links = np.full(count, -1, np.int32), 0
    for k in range(count):
        row = links
        for m in range(first[k], first[k + 1]):
            j = member[m]
            for t in range(start[j], start[j + 1]):
                i = aggregate[source[t]]
                if i == k:
                    place[t] = -1
                    continue
                if seen[i] < row:
                    seen[i] = links
                    coarse_source[links] = i
                    links += 1
                place[t] = seen[i]
        coarse_start[k + 1] = links
    return coarse_start, coarse_source[:links].copy()


@serial
def collect(
    source: Index,
    flow: Array,
    phi: Array,
    place: Index,
    coarse_source: Index,
    coarse_flow: Array,
    outflow: Array,
) -> None:
    """Flow between aggregates for the masses ``phi`` times those of the gauge."""
    coarse_flow[:] = 0.0
    outflow[:] = 0.0
    for t in range(source.size):
        if place[t] >= 0:
            coarse_flow[place[t]] += flow[t] * phi[source[t]]
    for t in range(coarse_source.size):
        outflow[coarse_source[t]] += coarse_flow[t]
