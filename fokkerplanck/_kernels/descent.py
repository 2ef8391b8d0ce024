"""Chains of a compiled per-sample gradient, a particle at a time."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fokkerplanck._kernels._jit import lane, taking
from fokkerplanck._kernels.batches import Cube, distinct, independent, shuffle
from fokkerplanck._kernels.scalar import bounded

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

IID, WITHOUT_REPLACEMENT, EPOCH, GIVEN = range(4)


@lane
def nowhere(x: Array) -> float:
    """Level of a region that is everywhere."""
    return 1.0


@taking
def descend(
    gradient: Callable[[Array, Array, Array], None],
    edge: Callable[[Array], float],
    x: Array,
    time: Array,
    particles: Indices,
    lr: Array,
    batch: int,
    data: Array,
    momentum: float,
    nesterov: bool,
    decay: float,
    sampling: int,
    seed: np.uint64,
    first_step: int,
    table: Cube,
    offset: int,
) -> None:
    """Steps of particles that have not left; x (n, d), or with a buffer behind it (n, 2d).

    Steps of length 0 are none; a time below infinity says when a particle left or diverged.
    """
    n_rows, n, width = data.shape[0], x.shape[0], x.shape[1]
    order, swaps = np.arange(n_rows), np.empty(max(n_rows, batch), np.int64)
    rows = np.empty(batch, np.int64)
    d = width // 2 if momentum != 0.0 else width
    at, mean, one, buffer = np.empty(d), np.empty(d), np.empty(d), np.zeros(d)
    for p in range(n):
        if time[p] != math.inf:
            continue
        at[:] = x[p, :d]
        if momentum != 0.0:
            buffer[:] = x[p, d:]
        epoch = -1
        for k in range(lr.shape[0]):
            if lr[k] == 0.0:
                continue
            step = first_step + k
            if sampling == IID:
                independent(rows, n_rows, seed, particles[p], step)
            elif sampling == WITHOUT_REPLACEMENT:
                distinct(rows, order, swaps, seed, particles[p], step)
            elif sampling == EPOCH:
                now = step // (n_rows // batch)
                if now != epoch:
                    shuffle(order, swaps, seed, particles[p], now)
                    epoch = now
                first = (step - now * (n_rows // batch)) * batch
                rows[:] = order[first : first + batch]
            else:
                rows[:] = table[p if table.shape[0] > 1 else 0, offset + k]
            mean[:] = 0.0
            for b in range(batch):
                gradient(at, data[rows[b]], one)
                for j in range(d):
                    mean[j] += one[j]
            lost = False
            for j in range(d):
                g = mean[j] / batch + decay * at[j]
                w = momentum * buffer[j] + g
                buffer[j] = w
                at[j] = bounded(at[j] - lr[k] * (g + momentum * w if nesterov else w))
                lost = lost or math.isnan(at[j])
            if lost or edge(at) <= 0.0:
                time[p] = step + 1.0
                break
        x[p, :d] = at
        if momentum != 0.0:
            x[p, d:] = buffer
