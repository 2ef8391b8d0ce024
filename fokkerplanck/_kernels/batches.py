"""Rows of a data set that make a mini-batch: independent, without replacement, or in epochs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fokkerplanck._kernels._jit import lane
from fokkerplanck._kernels.philox import HALF, MASK
from fokkerplanck._kernels.random import INDEX, SHUFFLE, below, words

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
Matrix = NDArray[np.int64]
Cube = NDArray[np.int64]

LONGEST = 256  # batch from which a list for each particle is quicker than following swaps


@lane
def four(
    base: int,
    count: int,
    n: int,
    shrink: int,
    seed: np.uint64,
    particle: int,
    step: int,
    block: int,
    out: Indices,
) -> None:
    """Up to four indices from one block; index j lies in 0..n-1 - shrink*j."""
    a, b, c, d = words(seed, particle, step, base + block)
    j = 4 * block
    tag = base + j
    out[j] = below(a, n - shrink * j, seed, particle, step, tag)
    if j + 1 < count:
        out[j + 1] = below(b, n - shrink * (j + 1), seed, particle, step, tag + 1)
    if j + 2 < count:
        out[j + 2] = below(c, n - shrink * (j + 2), seed, particle, step, tag + 2)
    if j + 3 < count:
        out[j + 3] = below(d, n - shrink * (j + 3), seed, particle, step, tag + 3)


@lane
def independent(rows: Indices, n: int, seed: np.uint64, particle: int, step: int) -> None:
    """Independent rows of n, with replacement."""
    batch = rows.shape[0]
    for block in range((batch + 3) // 4):
        four(INDEX, batch, n, 0, seed, particle, step, block, rows)


@lane
def distinct(
    rows: Indices, order: Indices, swaps: Indices, seed: np.uint64, particle: int, step: int
) -> None:
    """Rows without replacement: partial Fisher-Yates on `order`, undone so that a step knows no other."""
    batch, n = rows.shape[0], order.shape[0]
    for block in range((batch + 3) // 4):
        four(INDEX, batch, n, 1, seed, particle, step, block, swaps)
    for j in range(batch):
        other = j + swaps[j]
        order[j], order[other] = order[other], order[j]
        rows[j] = order[j]
    for j in range(batch - 1, -1, -1):
        other = j + swaps[j]
        order[j], order[other] = order[other], order[j]


@lane
def shuffle(order: Indices, swaps: Indices, seed: np.uint64, particle: int, epoch: int) -> None:
    """Order of one epoch, the same wherever a run starts: Fisher-Yates from the identity."""
    n = order.shape[0]
    for block in range((n + 3) // 4):
        four(SHUFFLE, n, n, 1, seed, particle, epoch, block, swaps)
    for j in range(n):
        order[j] = j
    for j in range(n):
        other = j + swaps[j]
        order[j], order[other] = order[other], order[j]


@lane
def _numbers(rows: Matrix, base: int, n: int, shrink: int, ids: Indices, seed: np.uint64, step: int) -> None:
    """Draw ``rows[j]`` (lanes,) from 0..n-1 - shrink*j for all j: `four` for many particles at once."""
    batch, lanes = rows.shape
    word = np.empty((4, lanes), np.uint64)
    for block in range((batch + 3) // 4):
        for i in range(lanes):
            word[0, i], word[1, i], word[2, i], word[3, i] = words(seed, ids[i], step, base + block)
        for q in range(min(4, batch - 4 * block)):
            j = 4 * block + q
            size, rare = np.uint64(n - shrink * j), 0
            for i in range(lanes):
                product = word[q, i] * size
                rows[j, i] = np.int64(product >> HALF)
                rare += 1 if (product & MASK) < size else 0
            if rare > 0:  # may have to be drawn again
                for i in range(lanes):
                    rows[j, i] = below(word[q, i], n - shrink * j, seed, ids[i], step, base + j)


@lane
def independent_rows(rows: Matrix, n: int, ids: Indices, seed: np.uint64, step: int) -> None:
    """`independent` for many particles: rows (batch, lanes)."""
    _numbers(rows, INDEX, n, 0, ids, seed, step)


@lane
def distinct_rows(rows: Matrix, n: int, ids: Indices, seed: np.uint64, step: int) -> None:
    """`distinct` for many particles: rows (batch, lanes).

    Fisher and Yates without the list: what has come to a place is found by following the swaps back, which
    takes batch²/2 comparisons, of many lanes at once.
    """
    batch, lanes = rows.shape
    if batch > LONGEST:
        _distinct_one_by_one(rows, n, ids, seed, step)
        return
    _numbers(rows, INDEX, n, 1, ids, seed, step)
    other = np.empty((batch, lanes), np.int64)
    for j in range(batch):
        for i in range(lanes):
            rows[j, i] += j
            other[j, i] = rows[j, i]
        for p in range(j - 1, -1, -1):
            for i in range(lanes):
                rows[j, i] = p if rows[j, i] == other[p, i] else rows[j, i]


@lane
def _distinct_one_by_one(rows: Matrix, n: int, ids: Indices, seed: np.uint64, step: int) -> None:
    batch, lanes = rows.shape
    order, swaps, found = np.arange(n), np.empty(batch, np.int64), np.empty(batch, np.int64)
    for i in range(lanes):
        distinct(found, order, swaps, seed, ids[i], step)
        rows[:, i] = found


@lane
def epoch_rows(rows: Matrix, order: Matrix, epoch: int, ids: Indices, seed: np.uint64, step: int) -> int:
    """Rows (batch, lanes) of the step from the order of its epoch, (lanes, n), renewed where one begins."""
    batch, lanes = rows.shape
    n = order.shape[1]
    now: int = step // (n // batch)
    if now != epoch:
        swaps = np.empty(n, np.int64)
        for i in range(lanes):
            shuffle(order[i], swaps, seed, ids[i], now)
    first = (step - now * (n // batch)) * batch
    for b in range(batch):
        for i in range(lanes):
            rows[b, i] = order[i, first + b]
    return now


@lane
def given_rows(rows: Matrix, table: Cube, first: int, count: int, step: int) -> None:
    """Rows (batch, lanes) of a step from a table (particles or 1, steps, batch), its ends held."""
    batch, lanes = rows.shape
    at = min(max(step, 0), table.shape[1] - 1)
    for i in range(lanes):
        owner = first + min(i, count - 1) if table.shape[0] > 1 else 0
        for b in range(batch):
            rows[b, i] = table[owner, at, b]


@lane
def column_means(out: Array, rows: Matrix, data: Array, column: int) -> None:
    """Mean of a column over the rows of each particle's batch, (lanes,)."""
    batch, lanes = rows.shape
    out[:] = 0.0
    for b in range(batch):
        for i in range(lanes):
            out[i] += data[rows[b, i], column]
    for i in range(lanes):
        out[i] /= batch
