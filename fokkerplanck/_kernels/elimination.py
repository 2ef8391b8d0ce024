"""Elimination of states of a Markov chain without subtraction, in dense fronts, and the triangular sweeps.

A front of s pivots and b edges has s + b rows of s + b + 1 rates, the last column being the killing. The
rows of the pivots stay, in ``upper``: rates right of the diagonal, pivots on it, multipliers ``w_ik / p_k``
left of it. Of the rows of the edges the multipliers ``(b, s)`` stay, in ``lower``; the rest, in the
``blocks`` of the level, goes to the parent.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from fokkerplanck._kernels._jit import inline, parallel, serial
from fokkerplanck._kernels.dissection import BLOCK, CHILD, EDGE, EDGE_STOP, FIRST, LOWER, STOP, UPPER

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Index32 = NDArray[np.int32]

PANEL = 8  # pivots eliminated at once: eight rates stay in registers
STRIP = 16  # rows in one parallel task
TILE = 256  # columns: eight rows of them fit in the first-level cache


@inline
def _dot(a: Array, b: Array) -> float:
    total = 0.0
    for j in range(a.size):
        total += a[j] * b[j]
    return total


@inline
def _add(target: Array, factor: float, a: Array) -> None:
    for j in range(a.size):
        target[j] += factor * a[j]


@inline
def _matrix(flat: Array, start: int, rows: int, columns: int) -> Array:
    """The matrix stored from there on."""
    return flat[start : start + rows * columns].reshape((rows, columns))


@inline
def _width(front: Index) -> int:
    """Length of a row of a front."""
    return int(front[STOP] - front[FIRST] + front[EDGE_STOP] - front[EDGE] + 1)


@inline
def _redirect(rows: Array, count: int, pivots: Array, k0: int, k1: int) -> None:
    """Let the flow from the last `count` rows into the pivots k0:k1 go straight on.

    The columns k0:k1 become multipliers; to the others is added ``multipliers @ pivots``, for a full panel in
    tiles that stay in the cache.
    """
    height, width = rows.shape
    for i in range(height - count, height):
        for k in range(k0, k1):
            factor = rows[i, k] / pivots[k, k]
            rows[i, k] = factor
            for j in range(k + 1, k1):
                rows[i, j] += factor * pivots[k, j]
    if k1 - k0 < PANEL:
        for i in range(height - count, height):
            for k in range(k0, k1):
                _add(rows[i, k1:], rows[i, k], pivots[k, k1:])
        return
    for left in range(k1, width, TILE):
        right = min(left + TILE, width)
        p0, p1 = pivots[k0, left:right], pivots[k0 + 1, left:right]
        p2, p3 = pivots[k0 + 2, left:right], pivots[k0 + 3, left:right]
        p4, p5 = pivots[k0 + 4, left:right], pivots[k0 + 5, left:right]
        p6, p7 = pivots[k0 + 6, left:right], pivots[k0 + 7, left:right]
        for i in range(height - count, height):
            row, f = rows[i, left:right], rows[i, k0:k1]
            f0, f1, f2, f3, f4, f5, f6, f7 = f[0], f[1], f[2], f[3], f[4], f[5], f[6], f[7]
            for j in range(row.size):
                row[j] += (f0 * p0[j] + f1 * p1[j] + (f2 * p2[j] + f3 * p3[j])) + (
                    f4 * p4[j] + f5 * p5[j] + (f6 * p6[j] + f7 * p7[j])
                )


@inline
def _eliminate(rows: Array) -> int:
    """Eliminate the pivots from their own rows; the first that nothing leads out of, or -1.

    The pivot is the sum of what is left in its row (Grassmann, Taksar, Heyman, 1985), never a difference;
    the diagonal, through which no flow counts, collects rubbish until the pivot takes its place.
    """
    s, stuck = rows.shape[0], -1
    for k0 in range(0, s, PANEL):
        k1 = min(k0 + PANEL, s)
        for k in range(k0, k1):
            row = rows[k]
            for m in range(k0, k):
                row[m] /= rows[m, m]
                _add(row[m + 1 :], row[m], rows[m, m + 1 :])
            total = 0.0
            for rate in row[k + 1 :]:
                total += rate
            row[k] = total
            if total == 0.0 and stuck < 0:
                stuck = k
        _redirect(rows, s - k1, rows, k0, k1)
    return stuck


@inline
def _extend(child: Array, slot: Index32, rows: Array, block: Array) -> None:
    """Add the rows that a child hands up; its edge i lies at slot[i] of the front."""
    s, b = rows.shape[0], slot.size
    for i in range(b):
        given = child[i, child.shape[1] - b - 1 :]
        row = rows[slot[i]] if slot[i] < s else block[slot[i] - s]
        for j in range(b):
            row[slot[j]] += given[j]
        row[row.size - 1] += given[b]


@inline
def _front(
    t: int,
    fronts: Index,
    cells: Index,
    pointer: Index32,
    place: Index32,
    slot: Index32,
    out: Array,
    into: Array,
    killing: Array,
    upper: Array,
    below: Array,
    blocks: Array,
    large: int,
) -> int:
    """Assemble front t from its links, its killing and its children, and eliminate its pivots if it has fewer
    than `large` of them."""
    first, width, b = fronts[t, FIRST], _width(fronts[t]), fronts[t, EDGE_STOP] - fronts[t, EDGE]
    s = fronts[t, STOP] - first
    rows = _matrix(upper, fronts[t, UPPER], s, width)
    block = _matrix(blocks, fronts[t, BLOCK], b, width)
    for k in range(s):
        c = cells[first + k]
        rows[k, width - 1] = killing[c]
        for e in range(pointer[c], pointer[c + 1]):
            q = place[e]
            if q >= 0:
                rows[k, q] = out[e]
                if q >= s:
                    block[q - s, k] = into[e]
    if fronts[t, CHILD] >= 0:
        for child in range(fronts[t, CHILD], fronts[t, CHILD] + 2):
            there = slot[fronts[child, EDGE] : fronts[child, EDGE_STOP]]
            given = _matrix(below, fronts[child, BLOCK], there.size, _width(fronts[child]))
            _extend(given, there, rows, block)
    k = -1 if s >= large else _eliminate(rows)
    return k if k < 0 else int(first + k)


@inline
def _strip(front: Index, i0: int, i1: int, upper: Array, lower: Array, blocks: Array) -> None:
    """Let the flow from the edges i0:i1 into the pivots go straight on, and keep their multipliers."""
    s, width = front[STOP] - front[FIRST], _width(front)
    pivots = _matrix(upper, front[UPPER], s, width)
    rows = _matrix(blocks, front[BLOCK] + i0 * width, i1 - i0, width)
    for k0 in range(0, s, PANEL):
        _redirect(rows, i1 - i0, pivots, k0, min(k0 + PANEL, s))
    kept = _matrix(lower, front[LOWER] + i0 * s, i1 - i0, s)
    for i in range(i1 - i0):
        for k in range(s):
            kept[i, k] = rows[i, k]


@parallel
def eliminate(
    begin: int,
    end: int,
    fronts: Index,
    strips: Index,
    cells: Index,
    pointer: Index32,
    place: Index32,
    slot: Index32,
    out: Array,
    into: Array,
    killing: Array,
    upper: Array,
    lower: Array,
    below: Array,
    blocks: Array,
    stuck: Index,
    large: int,
) -> None:
    """Eliminate the pivots of the fronts begin:end, which are a level; only assemble those with `large` ones.

    First the rows of the pivots, a front a task; then those of the edges, in ``strips`` (front, first edge,
    last edge). Links are given both ways: ``out`` of the cell whose row it is, ``into`` that cell. `below`
    holds the blocks of the level below, `blocks` those of this one; these and the factors start as zeros.
    ``stuck`` becomes the place of the first pivot of a front that nothing leads out of, or -1.
    """
    for t in numba.prange(begin, end):
        stuck[t] = _front(
            t, fronts, cells, pointer, place, slot, out, into, killing, upper, below, blocks, large
        )
    for i in numba.prange(strips.shape[0]):
        _strip(fronts[strips[i, 0]], strips[i, 1], strips[i, 2], upper, lower, blocks)


@serial
def pivots(rows: Array) -> int:
    """Eliminate pivots from their own rows; the first that nothing leads out of, or -1."""
    return int(_eliminate(rows))


@parallel
def multipliers(rows: Array, square: Array) -> None:
    """Make multipliers (m, p) of the rates of rows into pivots whose own rates are `square` (p, p)."""
    for strip in numba.prange((rows.shape[0] + STRIP - 1) // STRIP):
        part = rows[strip * STRIP : (strip + 1) * STRIP]
        for k0 in range(0, square.shape[0], PANEL):
            _redirect(part, part.shape[0], square, k0, min(k0 + PANEL, square.shape[0]))


@serial
def lower_sweep(fronts: Index, edge: Index, upper: Array, lower: Array, x: Array) -> None:
    """Solve ``L y = x`` in place, the cells in the order of elimination."""
    for t in range(fronts.shape[0] - 1, -1, -1):
        own, there = x[fronts[t, FIRST] : fronts[t, STOP]], edge[fronts[t, EDGE] : fronts[t, EDGE_STOP]]
        rows = _matrix(upper, fronts[t, UPPER], own.size, _width(fronts[t]))
        columns = _matrix(lower, fronts[t, LOWER], there.size, own.size)
        for k in range(own.size):
            own[k] += _dot(rows[k, :k], own)
        for i in range(there.size):
            x[there[i]] += _dot(columns[i], own)


@serial
def upper_sweep(fronts: Index, edge: Index, upper: Array, lower: Array, x: Array) -> None:
    """Solve ``U y = x`` in place."""
    for t in range(fronts.shape[0]):
        own, there = x[fronts[t, FIRST] : fronts[t, STOP]], edge[fronts[t, EDGE] : fronts[t, EDGE_STOP]]
        rows = _matrix(upper, fronts[t, UPPER], own.size, _width(fronts[t]))
        far, s = x[there], own.size
        for k in range(s - 1, -1, -1):
            flow = _dot(rows[k, k + 1 : s], own[k + 1 :]) + _dot(rows[k, s : s + far.size], far)
            own[k] = (own[k] + flow) / rows[k, k]


@serial
def upper_sweep_transposed(fronts: Index, edge: Index, upper: Array, lower: Array, x: Array) -> None:
    """Solve ``U' y = x`` in place."""
    for t in range(fronts.shape[0] - 1, -1, -1):
        own, there = x[fronts[t, FIRST] : fronts[t, STOP]], edge[fronts[t, EDGE] : fronts[t, EDGE_STOP]]
        rows = _matrix(upper, fronts[t, UPPER], own.size, _width(fronts[t]))
        far, s = np.zeros(there.size), own.size
        for k in range(s):
            own[k] /= rows[k, k]
            _add(own[k + 1 :], own[k], rows[k, k + 1 : s])
            _add(far, own[k], rows[k, s : s + far.size])
        for i in range(far.size):
            x[there[i]] += far[i]


@serial
def lower_sweep_transposed(fronts: Index, edge: Index, upper: Array, lower: Array, x: Array) -> None:
    """Solve ``L' y = x`` in place."""
    for t in range(fronts.shape[0]):
        own, there = x[fronts[t, FIRST] : fronts[t, STOP]], edge[fronts[t, EDGE] : fronts[t, EDGE_STOP]]
        rows = _matrix(upper, fronts[t, UPPER], own.size, _width(fronts[t]))
        columns = _matrix(lower, fronts[t, LOWER], there.size, own.size)
        for i in range(there.size):
            _add(own, x[there[i]], columns[i])
        for k in range(own.size - 1, -1, -1):
            _add(own, own[k], rows[k, :k])
