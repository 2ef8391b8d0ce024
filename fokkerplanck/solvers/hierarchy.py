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

import numpy as np
from numpy.typing import NDArray

from fokkerplanck._kernels import aggregation, balance
from fokkerplanck.solvers.linear import SolverError

Array = NDArray[np.float64]
Index = NDArray[np.int32]

FEW = 48  # states that are eliminated directly
WEAK = 0.1  # of the strongest link of a cell: links below are not joined
ALONE = 0.75  # aggregates a state from which on weak links are joined too
VISITS = 2  # of every level but the first two, from the one above: a W-cycle


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
    """Levels of ever fewer states. The aggregates stay; the flows of `levels[0]` may be renewed."""

    def __init__(self, finest: Level):
        self.levels = [finest]
        self.stuck = 0  # states that no flow leads out of: cut off, or underflow
        while self.levels[-1].size > FEW:
            coarse = coarsen(self.levels[-1])
            if coarse.size > 0.9 * self.levels[-1].size:
                raise SolverError("most cells exchange nothing with others: the stationary law is not unique")
            self.levels.append(coarse)

    def improve(self) -> Array:
        """One multiplicative cycle from phi = 1 (n,); all stays positive."""
        return self._improve(0)

    def _improve(self, depth: int) -> Array:
        level = self.levels[depth]
        phi = np.ones(level.size)
        if level.aggregate is None or level.place is None:
            self.stuck = balance.invariant(level.start, level.source, level.flow, phi)
            return phi
        coarse = self.levels[depth + 1]
        balance.sweep_up(*level.graph, phi)
        for _ in range(VISITS if depth else 1):
            aggregation.collect(
                level.source, level.flow, phi, level.place, coarse.source, coarse.flow, coarse.outflow
            )
            balance.sweep_down(*level.graph, level.aggregate, self._improve(depth + 1), phi)
        return phi


def coarsen(level: Level) -> Level:
    """Pairs of pairs."""
    pairs, count = _paired(level)
    middle, _ = _between(level, pairs, count)
    above, count = _paired(middle)
    level.aggregate = above[pairs]
    coarse, level.place = _between(level, level.aggregate, count)
    return coarse


def _paired(level: Level) -> tuple[Index, int]:
    pairs = np.empty(level.size, np.int32)
    count = aggregation.match(*level.graph, WEAK, pairs)
    if count > ALONE * level.size:  # a hub takes one of those around it, and the others must join each other
        count = aggregation.match(*level.graph, 0.0, pairs)
    return pairs, count


def _between(level: Level, aggregate: Index, count: int) -> tuple[Level, Index]:
    place = np.empty(level.source.size, np.int32)
    start, source = aggregation.pattern(level.start, level.source, aggregate, count, place)
    coarse = Level(start, source, np.empty(source.size), np.empty(count))
    ones = np.ones(level.size)
    aggregation.collect(level.source, level.flow, ones, place, source, coarse.flow, coarse.outflow)
    return coarse, place
