"""Rows of a data set that make a mini-batch: independent, without replacement, or in epochs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fokkerplanck._kernels._jit import inline
from fokkerplanck._kernels.random import INDEX, SHUFFLE, below, words

Indices = NDArray[np.int64]


@inline
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


@inline
def independent(rows: Indices, n: int, seed: np.uint64, particle: int, step: int) -> None:
    """Independent rows of n, with replacement."""
    batch = rows.shape[0]
    for block in range((batch + 3) // 4):
        four(INDEX, batch, n, 0, seed, particle, step, block, rows)


@inline
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


@inline
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
