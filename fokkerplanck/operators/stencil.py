"""The finite-volume stencil: from the links of cells to the rates of a Markov chain."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from fokkerplanck._kernels import conductance, links
from fokkerplanck.grid import Grid, Level
from fokkerplanck.operators.cuts import NO_CUTS, Cuts, Region, Sink, centroids, find_cuts
from fokkerplanck.operators.lattice import Lattice
from fokkerplanck.operators.selling import Directions
from fokkerplanck.operators.walls import feet

Array = NDArray[np.float64]
Index = NDArray[np.int32]
Source = Callable[[Index, Array], Directions]  # cells (m,) and a point for each (m, d) -> their links


@dataclass(frozen=True)
class Leaks:
    """Cut links one by one: from which ``cell`` (c,), at what ``rate``, to which ``point`` (c, d) of an edge,
    and the whole link ``step`` (c, d) that was cut there."""

    cell: Index
    rate: Array
    point: Array
    step: Array


@dataclass(frozen=True)
class Rates:
    """Rates of a Markov chain on cells: off-diagonal ``links`` (n, n) and ``killing`` (n, sinks).

    The diagonal, minus the sum of a row, is never stored: it would lose the small killing rates. ``leaks``
    are what the killing is made of, where edges cut links.
    """

    links: sparse.csr_array
    killing: Array
    leaks: Leaks | None = None


def rates(
    grid: Grid,
    source: Source,
    potential: Array | None = None,
    level: Level | None = None,
    sink: Sink | None = None,
    sinks: int = 1,
) -> Rates:
    """Rates on the cells of a grid; links that leave the region ``level > 0`` or end at an absorbing
    face are cut there and lead to the sinks. Cells outside may have none.

    Without a potential each cell uses its own coefficients (Itô form). With one (``p ~ exp(-U)``, n),
    the two cells of a link share its weight, which makes the stationary law exact; cells with cut links, and
    those that a link from outside leads to, use their own.
    """
    lattice = Lattice.of(grid)
    region = Region.of(lattice, level)
    table = _Table(lattice, region, source, sink, sinks)
    if potential is None:
        inside = None if level is None else np.flatnonzero(region.inside).astype(np.int32)
        return Rates(table.own(inside), table.killing, table.leaks)
    balanced, cut = table.balanced(potential)
    if not cut.size:
        return Rates(balanced, table.killing)
    return Rates(_with_rows(balanced, table.own(cut), cut), table.killing, table.leaks)


def recut(
    whole: Rates, grid: Grid, source: Source, level: Level | None, sink: Sink | None = None, sinks: int = 1
) -> Rates:
    """`rates` with a region, from those of the `whole` box: cells that an edge touches are done again."""
    if level is None and sink is None and sinks == 1:
        return whole
    lattice = Lattice.of(grid)
    region = Region.of(lattice, level)
    touched = whole.killing.any(axis=1)
    if level is not None:
        leaving = np.concatenate([[0], np.cumsum(~region.inside[whole.links.indices])])
        touched = (touched | (np.diff(leaving[whole.links.indptr]) > 0)) & region.inside
    table = _Table(lattice, region, source, sink, sinks)
    cells = np.flatnonzero(touched).astype(np.int32)
    own = table.own(cells)
    return Rates(_with_rows(whole.links.copy(), own, cells), table.killing, table.leaks)


class _Table:
    """Rows of rates, a batch of cells at a time."""

    def __init__(self, lattice: Lattice, region: Region, source: Source, sink: Sink | None, sinks: int):
        self.lattice, self.region, self.source, self.sink = lattice, region, source, sink
        self.killing = np.zeros((lattice.size, sinks))
        self._leaks: list[Leaks] = []
        self.edged = lattice.absorbs or region.level is not None

    def own(self, cells: Index | None) -> sparse.csr_array:
        """Rows of `cells` (all unless given) from their own coefficients; their killing is added up."""
        return _stack(self.lattice, deque(self._own(batch) for batch in self.lattice.batches(cells)))

    def _own(self, cells: Index) -> _Block:
        points = self.lattice.points(cells)
        found = self.source(cells, points)
        if self.lattice.links_along_walls:
            which, foot = feet(self.lattice, cells, points, found)
            if which.size:
                found.put(which, self.source(cells[which], foot))
        cuts = find_cuts(self.lattice, self.region, cells, points, found) if self.edged else NO_CUTS
        if not cuts.cell.size:
            return _rows(self.lattice, cells, found)
        which, middles = centroids(self.lattice, points, found, cuts)
        found.put(which, self.source(cells[which], middles))
        cuts = find_cuts(self.lattice, self.region, cells[which], points[which], found.take(which))
        block, leak = _cut_rows(self.lattice, cells, found, which, cuts)
        sinks = np.zeros(cuts.cell.size, dtype=int) if self.sink is None else self.sink(cuts.point)
        leaking = cells[which][cuts.cell]
        np.add.at(self.killing, (leaking, sinks), leak)
        self._leaks.append(Leaks(leaking, leak, cuts.point, cuts.step))
        return block

    @property
    def leaks(self) -> Leaks | None:
        """The cut links of all rows so far."""
        if not self._leaks:
            return None
        columns = ([getattr(part, f.name) for part in self._leaks] for f in fields(Leaks))
        return Leaks(*(np.concatenate(c) for c in columns))

    def balanced(self, potential: Array) -> tuple[sparse.csr_array, Index]:
        """Rates in detailed balance with ``exp(-potential)``, and the cells whose rows an edge spoils."""
        spoilt = np.zeros(self.lattice.size, dtype=bool)
        blocks: deque[_Block] = deque()
        for cells in self.lattice.batches():
            points = self.lattice.points(cells)
            found = self.source(cells, points)
            if self.edged:
                cuts = find_cuts(self.lattice, self.region, cells, points, found, spoilt)
                spoilt[cells[cuts.cell]] = True
            half = replace(
                found,
                weight=0.5 * found.weight,
                tilt=np.zeros_like(found.tilt),
                upwind=np.zeros_like(found.upwind),
            )
            blocks.append(_rows(self.lattice, cells, half))
        halves = _stack(self.lattice, blocks)
        rate, lone = _balance(halves, potential)
        if lone:  # somewhere a link has no opposite: where D varies, or at an end
            halves = (0.5 * (halves + halves.T)).tocsr()
            halves.sort_indices()
            rate, _ = _balance(halves, potential)
        halves.data = rate
        return halves, np.flatnonzero(spoilt).astype(np.int32)


@dataclass(frozen=True)
class _Block:
    cells: Index
    count: Index
    columns: Index
    values: Array


def _rows(lattice: Lattice, cells: Index, found: Directions) -> _Block:
    """Rows of rates of some cells without cut links."""
    return _cut_rows(lattice, cells, found, np.empty(0, dtype=np.int32), NO_CUTS)[0]


def _cut_rows(
    lattice: Lattice, cells: Index, found: Directions, which: Index, cuts: Cuts
) -> tuple[_Block, Array]:
    """Rows of rates of cells, of which the cells `which` have cut links, and the rates of these."""
    m, pairs = found.weight.shape
    most = 2 * pairs + lattice.ndim + lattice.links_along_walls
    column, value = np.empty((m, most), np.int32), np.empty((m, most))
    slot, count = np.full(m, -1, dtype=np.int32), np.empty(m, dtype=np.int32)
    slot[which] = np.arange(which.size)
    distance = np.zeros((which.size, pairs + lattice.ndim, 2))
    distance[cuts.cell, cuts.link, cuts.side] = cuts.distance
    leak = np.zeros_like(distance)
    graph = (found.offset, found.weight, found.tilt, found.upwind)
    links.rows(cells, lattice.shape, lattice.ends, *graph, slot, distance, leak, column, value, count)
    start = np.concatenate([[0], np.cumsum(count)]).astype(np.int32)
    columns, values = np.empty(start[-1], dtype=np.int32), np.empty(start[-1])
    links.pack(start, column, value, columns, values)
    return _Block(cells, count, columns, values), leak[cuts.cell, cuts.link, cuts.side]


def _stack(lattice: Lattice, blocks: deque[_Block]) -> sparse.csr_array:
    """One matrix of the rows of all blocks, which are used up; their cells ascend, other rows are empty."""
    count = np.zeros(lattice.size + 1, dtype=np.int64)
    for b in blocks:
        count[b.cells + 1] = b.count
    start = np.cumsum(count).astype(np.int32)
    columns, values = np.empty(start[-1], dtype=np.int32), np.empty(start[-1])
    first = 0
    while blocks:  # each is let go as soon as it is copied: in three dimensions two copies are too many
        block = blocks.popleft()
        last = first + block.columns.size
        columns[first:last], values[first:last] = block.columns, block.values
        first = last
    return sparse.csr_array((values, columns, start), shape=(lattice.size, lattice.size))


def _balance(halves: sparse.csr_array, potential: Array) -> tuple[Array, bool]:
    """Rates from half conductances, and whether some link has no opposite."""
    rate, lone = np.empty(halves.nnz), np.empty(halves.shape[0], dtype=bool)
    conductance.balanced_rates(halves.indptr, halves.indices, halves.data, potential, rate, lone)
    return rate, bool(lone.any())


def _with_rows(matrix: sparse.csr_array, others: sparse.csr_array, rows: Index) -> sparse.csr_array:
    """The matrix with some rows replaced."""
    keep = np.ones(matrix.shape[0])
    keep[rows] = 0.0
    matrix.data *= np.repeat(keep, np.diff(matrix.indptr))
    matrix.eliminate_zeros()
    return matrix + others


def assemble(
    grid: Grid,
    directions: Directions,
    z: Array,
    potential: Array | None = None,
    level: Level | None = None,
    sink: Sink | None = None,
    sinks: int = 1,
) -> Rates:
    """`rates` of cells whose directions and tilts `z` (n, k) are given."""
    tilted = replace(directions, tilt=z)
    return rates(grid, lambda cells, points: tilted.take(cells), potential, level, sink, sinks)


__all__ = ["Directions", "Rates", "Sink", "Source", "assemble", "rates"]
