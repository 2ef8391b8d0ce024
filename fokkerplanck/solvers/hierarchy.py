r"""Aggregates of aggregates: the levels of a multigrid method for balanced flows.

With masses :math:`\pi` near the stationary ones the flows :math:`F_{ij} = \pi_i w_{ij}` nearly balance in
every cell, and :math:`p_i = \pi_i\phi_i` is stationary where
:math:`\phi_j \sum_k F_{jk} = \sum_i F_{ij}\phi_i`. Cells joined by much of their flow are paired, and pairs
paired again, so that the levels follow the diffusion, in whatever direction it is strong, in any dimension.
Sources: G. Horton and S. Leutenegger, SIGMETRICS (1994), for the multiplicative cycle; Y. Notay, Electron.
Trans. Numer. Anal. 37, 123 (2010), for pairs of pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck._kernels import aggregation, balance
from fokkerplanck._kernels.aggregation import INSIDE
from fokkerplanck.solvers.incoming import NOTHING, Incoming
from fokkerplanck.solvers.linear import SolverError

Array = NDArray[np.float64]
Index = NDArray[Any]  # int32, or uint32, which kernels read faster

FEW = 48  # states that are eliminated directly
WEAK = 0.1  # of the strongest link of a cell: links below are not joined
ALONE = 0.75  # aggregates a state from which on weak links are joined too
VISITS = 2  # of every level but the first two, from the one above: a W-cycle
TWICE = 5  # levels down to which that is so; below, where so many visits cost more than they bring, one


@dataclass
class Level:
    """Flows into every state, and, but on the last level, the aggregates that the states form."""

    start: Index
    source: Index
    flow: Array
    outflow: Array
    aggregate: Index | None = None
    place: Index | None = None  # (links), the link between aggregates that a link belongs to

    @property
    def graph(self) -> tuple[Index, Index, Array, Array]:
        """Arguments of the kernels."""
        return self.start, self.source, self.flow, self.outflow

    @property
    def size(self) -> int:
        """Number of states."""
        return self.outflow.size


class Hierarchy:
    """Levels of ever fewer states for a chain near the masses p (n,), which only say what to join."""

    def __init__(self, chain: Incoming, p: Array):
        self._chain = chain
        self.stuck = 0  # states that no flow leads out of: cut off, or underflow
        finest = Level(chain.start, chain.source, chain.rate, chain.total)
        levels = [coarsen(finest, p)]
        self._aggregate, self._place = finest.aggregate, finest.place
        while levels[-1].size > FEW:
            levels.append(coarsen(levels[-1]))
            if levels[-1].size > 0.9 * levels[-2].size:
                raise SolverError("most cells exchange nothing with others: the stationary law is not unique")
        self._lay(levels)

    def improve(self, p: Array) -> None:
        """One multiplicative cycle, in place; all stays positive."""
        chain, (n, links) = self._chain, self._sizes
        flow, stay = self._flow[:links], self._stay[:n]
        balance.sweep(*chain.graph, NOTHING, p, True)
        aggregation.collect(chain.source, chain.rate, p, self._place, self._levels[2][:links], flow, stay)
        with np.errstate(divide="ignore", over="ignore"):  # a state that nothing leaves is told by `stuck`
            np.divide(1.0, stay, out=stay)
        arrays = (*self._levels, self._flow, self._stay, self._places, self._visits, self._phi)
        self.stuck = balance.cycle(*arrays)
        aggregation.spread(self._phi[:n], self._aggregate, p)
        balance.sweep(*chain.graph, NOTHING, p, False)

    def _lay(self, levels: list[Level]) -> None:
        """Put the levels one after another, as the kernel takes them."""
        first = np.cumsum([0, *(a.size for a in levels)], dtype=np.uint32)
        link = np.cumsum([0, *(a.source.size for a in levels)], dtype=np.uint32)
        start, source, above, places = [], [], [np.empty(0, np.uint32)], [np.empty(0, np.uint32)]
        for k, a in enumerate(levels):
            start.append(a.start + link[k])
            source.append(a.source + first[k])
            if a.aggregate is not None and a.place is not None:
                above.append(a.aggregate + first[k + 1])
                places.append(np.where(a.place == INSIDE, a.place, a.place + link[k + 1]))
        self._levels = (first, *(np.concatenate(parts) for parts in (start, source, above)))
        self._places = np.concatenate(places)
        self._flow, self._stay, self._phi = np.empty(link[-1]), np.empty(first[-1]), np.empty(first[-1])
        self._visits = np.where(np.arange(len(levels)) < TWICE - 1, VISITS, 1)
        self._sizes = int(first[1]), int(link[1])


def coarsen(level: Level, phi: Array | None = None) -> Level:
    """Pairs of pairs, as flows go for the masses `phi` (n,) times those of the gauge."""
    ones = np.ones(level.size) if phi is None else phi
    with np.errstate(divide="ignore"):
        pace = 1.0 / (level.outflow * ones)
    graph = (level.start, level.source, level.flow, ones)
    pairs, above = np.empty((2, level.size), level.source.dtype)
    count = aggregation.match(*graph, pace, WEAK, pairs)
    if count > ALONE * level.size:  # a hub takes one of those around it, and the others must join each other
        count = aggregation.match(*graph, pace, 0.0, pairs)
    above, halves = above[:count], count
    count = aggregation.match_pairs(*graph, pairs, halves, WEAK, above)
    if count > ALONE * halves:
        count = aggregation.match_pairs(*graph, pairs, halves, 0.0, above)
    level.aggregate = above[pairs]
    level.place = np.empty(level.source.size, level.source.dtype)
    start, source = aggregation.join(level.start, level.source, level.aggregate, count, level.place)
    coarse = Level(start, source, np.empty(source.size), np.empty(count))
    aggregation.collect(level.source, level.flow, ones, level.place, source, coarse.flow, coarse.outflow)
    return coarse
