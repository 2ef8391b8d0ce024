"""Cells cut by the edge of a region: how much lies inside, and where its middle is."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.grid import Grid, Level

Array = NDArray[np.float64]

SAMPLES = {1: 64, 2: 16, 3: 6}  # sub-cells an axis; each is itself cut by a plane


def split(grid: Grid, level: Level | None) -> tuple[Array, Array]:
    """Share (size, 2) of every cell inside and outside, and the middle (size, 2, d) of both parts, from the
    centre in units of the cell. A whole cell has its centre as middle."""
    n, d = grid.size, grid.ndim
    share, middle = np.zeros((n, 2)), np.zeros((n, 2, d))
    if level is None:
        share[:, 0] = 1.0
        return share, middle
    points, h = grid.points(), grid.spacing
    signs = np.stack(
        [level(points + 0.5 * h * np.array(c)) > 0 for c in itertools.product((-1, 0, 1), repeat=d)]
    )
    whole = signs[0] == signs.all(axis=0)
    whole &= signs.all(axis=0) | ~signs.any(axis=0)
    share[:, 0] = np.where(signs.all(axis=0), 1.0, 0.0)
    share[:, 1] = 1.0 - share[:, 0]
    m = SAMPLES[d]
    offsets = (np.arange(m) + 0.5) / m - 0.5
    sub = np.array(list(itertools.product(offsets, repeat=d)))
    for i in np.flatnonzero(~whole):
        x = points[i] + sub * h
        value = level(x)
        rise = sum(np.abs(level(x + e) - level(x - e)) for e in np.eye(d) * h / (2 * m)) / 2
        part = np.clip(0.5 + 0.5 * value / np.maximum(rise, 1e-300), 0.0, 1.0)
        for k, weight in enumerate((part, 1.0 - part)):
            share[i, k] = weight.mean()
            if weight.sum() > 0:
                middle[i, k] = weight @ sub / weight.sum()
    return share, middle
