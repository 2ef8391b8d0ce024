"""Nested dissection of the cells of a grid, and the fronts in which they are eliminated.

A front is a row (`FRONT` numbers) of the table ``fronts``: its pivots are the cells at the places
``FIRST:STOP`` of the order of elimination, its edge (later cells that its subtree is linked to) the entries
``EDGE:EDGE_STOP`` of the list of edges, its two children the rows CHILD and CHILD + 1 (or -1).
Parents come before children; the subtree of a front ends at STOP.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fokkerplanck._kernels._jit import inline, serial

FIRST, STOP, CHILD, EDGE, EDGE_STOP, UPPER, LOWER, BLOCK, FRONT = range(9)

Index = NDArray[np.int64]
Index32 = NDArray[np.int32]


@inline
def _crosses(
    c: int, axis: int, cut: int, t: int, owner: Index, height: Index, pointer: Index32, neighbour: Index32
) -> bool:
    """Whether cell c is linked to a cell of front t on the upper side of the cut."""
    for e in range(pointer[c], pointer[c + 1]):
        j = neighbour[e]
        if owner[j] == t and height[j, axis] >= cut:
            return True
    return False


@inline
def _cut(
    t: int, cells: Index, owner: Index, height: Index, pointer: Index32, neighbour: Index32
) -> tuple[int, int, int]:
    """The axis along which the fewest cells of front t separate its halves, where, and how many they are."""
    n, d = cells.size, height.shape[1]
    best, axis, cut = n, -1, 0
    for a in range(d):
        low, high = height[cells[0], a], height[cells[0], a]
        for c in cells:
            low, high = min(low, height[c, a]), max(high, height[c, a])
        extent = high - low + 1
        if extent == 1:
            continue
        middle, size = low + (extent + 1) // 2, 0
        for c in cells:
            if height[c, a] < middle and _crosses(c, a, middle, t, owner, height, pointer, neighbour):
                size += 1
        if size < best:
            # The lower half gives up its pivots: let it be larger by as many layers.
            layers = (size * extent + n // 2) // n
            best, axis, cut = size, a, low + (extent + layers) // 2
    return axis, cut, best


@serial
def dissect(
    height: Index, pointer: Index32, neighbour: Index32, reference: int, leaf: int
) -> tuple[Index, Index, Index]:
    """Order of elimination (n,), table of fronts (t, FRONT) and the first front of every level.

    `height` (n, m) of the cells is what they are cut by. A front with more than `leaf` cells is halved where
    the fewest cells of the lower half are linked to the upper one; these are its pivots, and the halves
    without them its children. A periodic axis needs no mention: its first cut takes cells at both ends.
    The `reference` (or -1) comes last of all.
    """
    n = height.shape[0]
    cells = np.arange(n)
    owner = np.zeros(n, dtype=np.int64)  # the front that a cell is in; -1 once it is a pivot
    if reference >= 0:
        cells[reference], cells[n - 1], owner[reference] = n - 1, reference, -1
    fronts = np.full((2 * n + 1, FRONT), -1, dtype=np.int64)
    begin = np.zeros(2 * n + 1, dtype=np.int64)
    levels = np.zeros(200 * height.shape[1], dtype=np.int64)
    apart = np.empty(n, dtype=np.int64)
    fronts[0, STOP] = n
    count, level = 1, 0
    levels[1] = 1
    while levels[level] < levels[level + 1]:
        for t in range(levels[level], levels[level + 1]):
            lo, hi = begin[t], fronts[t, STOP]
            if t == 0 and reference >= 0:
                hi -= 1
            fronts[t, FIRST] = lo
            if hi - lo <= leaf:
                continue
            axis, cut, size = _cut(t, cells[lo:hi], owner, height, pointer, neighbour)
            if 2 * size > hi - lo:
                continue
            lower, upper, pivots = lo, 0, 0
            for k in range(lo, hi):
                c = cells[k]
                if height[c, axis] >= cut:
                    apart[upper] = c
                    upper += 1
                elif _crosses(c, axis, cut, t, owner, height, pointer, neighbour):
                    pivots += 1
                    apart[n - pivots] = c
                else:
                    cells[lower] = c
                    lower += 1
            for k in range(upper):
                cells[lower + k] = apart[k]
                owner[apart[k]] = count + 1
            for k in range(pivots):
                cells[hi - 1 - k] = apart[n - pivots + k]
                owner[apart[n - pivots + k]] = -1
            for k in range(lo, lower):
                owner[cells[k]] = count
            fronts[t, FIRST], fronts[t, CHILD] = lower + upper, count
            begin[count], fronts[count, STOP] = lo, lower
            begin[count + 1], fronts[count + 1, STOP] = lower, lower + upper
            count += 2
        level += 1
        levels[level + 1] = count
    return cells, fronts[:count].copy(), levels[: level + 1].copy()


@inline
def _meet(q: int, t: int, fronts: Index, seen: Index, local: Index32, edge: Index, used: int) -> int:
    """Make q an edge of front t if it is new there; the number of edges then used."""
    if seen[q] != t:
        seen[q] = t
        local[q] = used - fronts[t, EDGE] + fronts[t, STOP] - fronts[t, FIRST]
        edge[used] = q
        used += 1
    return used


@serial
def edges(
    fronts: Index, cells: Index, pointer: Index32, neighbour: Index32, place: Index32
) -> tuple[Index, Index32]:
    """Edges of all fronts (places in the order of elimination) and where they lie in the parent's front.

    Fills the columns EDGE and EDGE_STOP of `fronts`, and for every link the `place` of its far end in the
    front that eliminates its near end; -1 where the far end has been eliminated before.
    """
    n = cells.size
    order = np.empty(n, dtype=np.int64)
    for k in range(n):
        order[cells[k]] = k
    local = np.empty(n, dtype=np.int32)  # index within the front
    seen = np.full(n, -1, dtype=np.int64)  # the last front that a cell was met in
    edge = np.empty(4 * n, dtype=np.int64)
    slot = np.empty(4 * n, dtype=np.int32)
    used = 0
    for t in range(fronts.shape[0] - 1, -1, -1):
        first, stop, child = fronts[t, FIRST], fronts[t, STOP], fronts[t, CHILD]
        fronts[t, EDGE], most = used, 0
        for k in range(first, stop):
            local[k], seen[k] = k - first, t
            most += pointer[cells[k] + 1] - pointer[cells[k]]
        if child >= 0:
            most += fronts[child, EDGE_STOP] - fronts[child + 1, EDGE]
        if used + most > edge.size:
            edge = np.concatenate((edge, np.empty(edge.size + most, dtype=np.int64)))
            slot = np.concatenate((slot, np.empty(slot.size + most, dtype=np.int32)))
        if child >= 0:  # the edges of the second child come just before those of the first
            for e in range(fronts[child + 1, EDGE], fronts[child, EDGE_STOP]):
                used = _meet(edge[e], t, fronts, seen, local, edge, used)
                slot[e] = local[edge[e]]
        for k in range(first, stop):
            for e in range(pointer[cells[k]], pointer[cells[k] + 1]):
                q = order[neighbour[e]]
                place[e] = -1
                if q >= first:
                    used = _meet(q, t, fronts, seen, local, edge, used)
                    place[e] = local[q]
        fronts[t, EDGE_STOP] = used
    return edge[:used].copy(), slot[:used].copy()
