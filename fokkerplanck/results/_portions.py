"""Cells cut by the edge of a region: how much of each lies inside, and where its middle is."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.grid import Grid, Level

Array = NDArray[np.float64]

SAMPLES = {1: 64, 2: 16, 3: 6}  # sub-cells an axis; each is itself cut by a plane


@dataclass(frozen=True)
class Portions:
    """Whole cells ``inside`` and ``outside`` (n,), and those ``cut`` (m,), each in two parts, inside and
    outside: the ``share`` (m, 2) of either and its ``middle`` (m, 2, d) from the centre, in cells."""

    inside: NDArray[np.bool_]
    outside: NDArray[np.bool_]
    cut: NDArray[np.int64]
    share: Array
    middle: Array


def portions(grid: Grid, level: Level) -> Portions:
    """Look at corners, faces and centres of all cells, and closely at those that differ."""
    points, h, d = grid.points(), grid.spacing, grid.ndim
    corners = itertools.product((-1, 0, 1), repeat=d)
    signs = np.stack([level(points + 0.5 * h * np.array(c)) > 0 for c in corners])
    inside, outside = np.asarray(signs.all(axis=0)), np.asarray(~signs.any(axis=0))
    cut = np.flatnonzero(~(inside | outside))
    share, middle = np.zeros((cut.size, 2)), np.zeros((cut.size, 2, d))
    m = SAMPLES[d]
    offsets = (np.arange(m) + 0.5) / m - 0.5
    sub = np.array(list(itertools.product(offsets, repeat=d)))
    for i, cell in enumerate(cut):
        x = points[cell] + sub * h
        value = level(x)
        rise = sum(np.abs(level(x + e) - level(x - e)) for e in np.eye(d) * h / (2 * m)) / 2
        part = np.clip(0.5 + 0.5 * value / np.maximum(rise, 1e-300), 0.0, 1.0)
        for k, w in enumerate((part, 1.0 - part)):
            share[i, k] = w.mean()
            if w.sum() > 0:
                middle[i, k] = w @ sub / w.sum()
    return Portions(inside, outside, cut, share, middle)


def mass_inside(grid: Grid, level: Level, masses: Array) -> float:
    """Mass (n,) in ``level > 0``: in a cut cell the density is taken to be linear."""
    found = portions(grid, level)
    field = masses.reshape(grid.shape)
    slopes = []
    for k, axis in enumerate(grid.axes):
        if axis.periodic:
            slope = 0.5 * (np.roll(field, -1, axis=k) - np.roll(field, 1, axis=k))
        else:
            slope = np.gradient(field, axis=k)
        slopes.append(slope.ravel()[found.cut])
    here = masses[found.cut] + np.einsum("mk,km->m", found.middle[:, 0], np.array(slopes))
    return float(masses[found.inside].sum() + found.share[:, 0] @ here)
