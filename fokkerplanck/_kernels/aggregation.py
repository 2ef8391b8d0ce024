"""Aggregates of cells, and the flow between them.

A graph of flows is held by its incoming links: those into cell j are ``start[j]:start[j + 1]``, each with its
``source`` and what comes along it for each unit of mass there; ``pace[i]`` is one over all that leaves i.
Indices may be unsigned, which saves a test for negative ones with every link.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fokkerplanck._kernels._jit import serial

Array = NDArray[np.float64]
Index = NDArray[np.uint32]

INSIDE = 2**31 - 1  # place of a link within an aggregate; number of a cell or pair that has none yet


@serial
def match(
    start: Index, source: Index, flow: Array, phi: Array, pace: Array, weak: float, aggregate: Index
) -> int:
    """Pair every cell with the free one that sends it most, for what both send; returns how many.

    A cell rather stays alone than joins another by less than the share `weak` of its strongest link.
    """
    n, count = pace.size, 0
    aggregate[:] = INSIDE
    for j in range(n):
        if aggregate[j] != INSIDE:
            continue
        best, most, strongest = -1, 0.0, 0.0
        for t in range(start[j], start[j + 1]):
            i = source[t]
            share = flow[t] * phi[i] * (pace[i] + pace[j])
            strongest = max(strongest, share)
            if share > most and aggregate[i] == INSIDE and i != j:
                best, most = i, share
        aggregate[j] = count
        if best >= 0 and most >= weak * strongest:
            aggregate[best] = count
        count += 1
    return count


@serial
def match_pairs(
    start: Index, source: Index, flow: Array, phi: Array, pairs: Index, count: int, weak: float, out: Index
) -> int:
    """`match` for the pairs that cells form: what they send is added up link by link."""
    n = pairs.size
    member, leaves = np.full((count, 2), INSIDE, np.int64), np.zeros(count)
    for j in range(n):
        k = pairs[j]
        member[k, 0 if member[k, 0] == INSIDE else 1] = j
        for t in range(start[j], start[j + 1]):
            if pairs[source[t]] != k:
                leaves[pairs[source[t]]] += flow[t] * phi[source[t]]
    for k in range(count):
        leaves[k] = 1.0 / leaves[k]
    out[:] = INSIDE
    seen, place, near, inflow = (
        np.full(count, -1),
        np.empty(count, np.int64),
        np.empty(count, np.int64),
        np.empty(count),
    )
    groups = 0
    for k in range(count):
        if out[k] != INSIDE:
            continue
        links = 0
        for side in range(2):
            j = member[k, side]
            if j == INSIDE:
                break
            for t in range(start[j], start[j + 1]):
                i = np.int64(pairs[source[t]])
                if i == k:
                    continue
                if seen[i] != k:
                    seen[i], place[i], near[links], inflow[links] = k, links, i, 0.0
                    links += 1
                inflow[place[i]] += flow[t] * phi[source[t]]
        best, most, strongest = -1, 0.0, 0.0
        for s in range(links):
            i = near[s]
            share = inflow[s] * (leaves[i] + leaves[k])
            strongest = max(strongest, share)
            if share > most and out[i] == INSIDE:
                best, most = i, share
        out[k] = groups
        if best >= 0 and most >= weak * strongest:
            out[best] = groups
        groups += 1
    return groups


@serial
def join(start: Index, source: Index, aggregate: Index, count: int, place: Index) -> tuple[Index, Index]:
    """Incoming links of the aggregates, (start, source); `place` (links) gets the coarse link."""
    n = aggregate.size
    first = np.zeros(count + 1, start.dtype)
    for i in range(n):
        first[aggregate[i] + 1] += 1
    for k in range(count):
        first[k + 1] += first[k]
    member, free = np.empty(n, start.dtype), first[:-1].copy()
    for i in range(n):
        member[free[aggregate[i]]] = i
        free[aggregate[i]] += 1
    coarse_start, coarse_source = np.zeros(count + 1, start.dtype), np.empty(source.size, start.dtype)
    seen, links = np.full(count, -1, np.int64), 0
    for k in range(count):
        row = links
        for m in range(first[k], first[k + 1]):
            j = member[m]
            for t in range(start[j], start[j + 1]):
                i = aggregate[source[t]]
                if i == k:
                    place[t] = INSIDE
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
    leaves: Array,
) -> None:
    """Flow between aggregates for the masses ``phi`` times those of the gauge, and all that leaves each."""
    coarse_flow[:] = 0.0
    leaves[:] = 0.0
    for t in range(source.size):
        if place[t] != INSIDE:
            coarse_flow[place[t]] += flow[t] * phi[source[t]]
    for t in range(coarse_source.size):
        leaves[coarse_source[t]] += coarse_flow[t]


@serial
def spread(factor: Array, aggregate: Index, phi: Array) -> None:
    """Multiply by the factor of each aggregate."""
    for i in range(phi.size):
        phi[i] *= factor[aggregate[i]]
