"""Chains of a compiled per-sample gradient, a particle at a time.

Mini-batches are drawn first, by a kernel of their own that is compiled once: what is compiled for every
gradient is kept small.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fokkerplanck._kernels._jit import lane, serial, taking
from fokkerplanck._kernels.batches import Cube, distinct, independent, shuffle
from fokkerplanck._kernels.scalar import bounded

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

IID, WITHOUT_REPLACEMENT, EPOCH = range(3)


@lane
def nowhere(x: Array) -> float:
    """Level of a region that is everywhere."""
    return 1.0


@serial
def draw(table: Cube, rows: int, sampling: int, particles: Indices, seed: np.uint64, first_step: int) -> None:
    """Mini-batches (particles, steps, batch), the same as those of generated chains."""
    batch = table.shape[2]
    order, swaps = np.arange(rows), np.empty(max(rows, batch), np.int64)
    for p in range(table.shape[0]):
        epoch = -1
        for k in range(table.shape[1]):
            step = first_step + k
            if sampling == IID:
                independent(table[p, k], rows, seed, particles[p], step)
            elif sampling == WITHOUT_REPLACEMENT:
                distinct(table[p, k], order, swaps, seed, particles[p], step)
            else:
                now = step // (rows // batch)
                if now != epoch:
                    shuffle(order, swaps, seed, particles[p], now)
                    epoch = now
                first = (step - now * (rows // batch)) * batch
                table[p, k, :] = order[first : first + batch]


@taking
def descend(
    gradient: Callable[[Array, Array, Array], None],
    edge: Callable[[Array], float],
    x: Array,
    time: Array,
    lr: Array,
    data: Array,
    momentum: float,
    nesterov: bool,
    decay: float,
    table: Cube,
    first_step: int,
) -> None:
    """Steps of particles that have not left; x (n, d), or with a buffer behind it (n, 2d).

    Steps of length 0 are none; a time below infinity says when a particle left or diverged.
    """
    n, width, batch = x.shape[0], x.shape[1], table.shape[2]
    d = width // 2 if momentum != 0.0 else width
    at, mean, one, buffer = np.empty(d), np.empty(d), np.empty(d), np.zeros(d)
    row = np.empty(data.shape[1])
    for p in range(n):
        if time[p] != math.inf:
            continue
        at[:] = x[p, :d]
        if momentum != 0.0:
            buffer[:] = x[p, d:]
        owner = p if table.shape[0] > 1 else 0
        for k in range(lr.shape[0]):
            if lr[k] == 0.0:
                continue
            mean[:] = 0.0
            for b in range(batch):
                row[:] = data[table[owner, k, b]]  # a copy: read-only data are another type
                gradient(at, row, one)
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
                time[p] = first_step + k + 1.0
                break
        x[p, :d] = at
        if momentum != 0.0:
            x[p, d:] = buffer
