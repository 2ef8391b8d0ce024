"""Nested dissection of the cells of a grid.

The cells are halved again and again. Those of one half that are linked to the other separate the two, and
are eliminated after both, so that neither fills the rows of the other: of n cells in the plane about n log n
numbers are kept and n^1.5 products taken; in space n^(4/3) and n^2. The separators are taken from the links,
so links may reach several cells and run around periodic axes. Sources: A. George, SIAM J. Numer. Anal. 10,
345 (1973); the fronts: I. S. Duff and J. K. Reid, ACM Trans. Math. Software 9, 302 (1983).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from fokkerplanck._kernels import dissection as kernel
from fokkerplanck.solvers.dense_front import LARGE

Index = NDArray[np.int64]
Index32 = NDArray[np.int32]

LEAF = 16  # cells that are not cut further: a dense front of these costs less than the book-keeping
SAMPLE = 4096  # cells from which the directions of the cuts are taken
FARTHEST = 12  # cells: longer links, most of them around a periodic axis, have no say in it
OFTENEST = 8  # links considered
EXTRA = 4  # oblique directions offered besides the axes: the ordering takes as long for each as for an axis
STRIP = 16  # edges in one parallel task: with its part of the pivots' rows it fits in the second-level cache


@dataclass(frozen=True)
class Dissection:
    """Order of elimination and table of fronts; see `fokkerplanck._kernels.dissection`.

    ``cells`` (n,) in the order of elimination, ``edge`` the places in that order of the edges of all fronts,
    ``slot`` where these lie in the parent's front, ``place`` (links,) where the far end of a link lies in the
    front of its near end, ``kept`` the lengths of the two arrays of factors,
    ``largest`` the rows of the largest front, ``block`` the numbers handed up from a level at most.
    """

    cells: Index
    fronts: Index
    edge: Index
    slot: Index32
    place: Index32
    kept: tuple[int, int]
    largest: int
    block: int
    _levels: Index

    def levels(self) -> Iterator[tuple[int, int, int, Index]]:
        """From the leaves up: first front, end, length of the blocks, strips (front, first, last edge)."""
        b = self.fronts[:, kernel.EDGE_STOP] - self.fronts[:, kernel.EDGE]
        width = self.pivots + b + 1
        for end, begin in pairwise(self._levels[::-1]):
            size = b[begin:end]
            count = np.where(self.pivots[begin:end] < LARGE, -(-size // STRIP), 0)
            front = np.repeat(np.arange(begin, end), count)
            first = STRIP * (np.arange(front.size) - np.repeat(np.cumsum(count) - count, count))
            last = np.minimum(first + STRIP, b[front])
            yield int(begin), int(end), int(size @ width[begin:end]), np.column_stack((front, first, last))

    @cached_property
    def pivots(self) -> Index:
        """Number of pivots of every front."""
        return np.asarray(self.fronts[:, kernel.STOP] - self.fronts[:, kernel.FIRST])

    @property
    def numbers(self) -> int:
        """Numbers in memory at once."""
        return sum(self.kept) + 2 * self.block

    @property
    def products(self) -> float:
        """Products to be taken."""
        s = self.pivots.astype(float)
        b = (self.fronts[:, kernel.EDGE_STOP] - self.fronts[:, kernel.EDGE]).astype(float)
        return float((s**3 / 3 + s**2 * b + s * b**2).sum())


def dissect(
    pointer: Index32, neighbour: Index32, position: Index, reference: int | None = None
) -> Dissection:
    """Order the cells at `position` (n, d), linked as the symmetric pattern says; the `reference` last."""
    last = -1 if reference is None else reference
    height = np.ascontiguousarray(position @ _normals(pointer, neighbour, position).T)
    cells, fronts, levels = kernel.dissect(height, pointer, neighbour, last, LEAF)
    place = np.empty(neighbour.size, dtype=np.int32)
    edge, slot = kernel.edges(fronts, cells, pointer, neighbour, place)
    s = fronts[:, kernel.STOP] - fronts[:, kernel.FIRST]
    b = fronts[:, kernel.EDGE_STOP] - fronts[:, kernel.EDGE]
    upper, lower = s * (s + b + 1), s * b
    fronts[:, kernel.UPPER] = np.cumsum(upper) - upper
    fronts[:, kernel.LOWER] = np.cumsum(lower) - lower
    block = 0
    for begin, end in pairwise(levels):
        size = lower[begin:end] + b[begin:end] * (b[begin:end] + 1)
        fronts[begin:end, kernel.BLOCK] = np.cumsum(size) - size
        block = max(block, int(size.sum()))
    kept = int(upper.sum()), int(lower.sum())
    return Dissection(cells, fronts, edge, slot, place, kept, int((s + b).max()), block, levels)


def _normals(pointer: Index32, neighbour: Index32, position: Index) -> Index:
    """Directions (m, d) across which to cut: the axes, and others along which links do not reach far.

    A strongly correlated diffusion has links such as (3, 1) and (2, 1). Few of them cross a cut along one of
    them, many a cut along an axis.
    """
    d = position.shape[1]
    axes = np.eye(d, dtype=np.int64)
    step, count = _offsets(pointer, neighbour, position)
    if d == 2:
        normals = step @ np.array([[0, -1], [1, 0]])
    elif d == 3:
        i, j = np.triu_indices(len(step), 1)
        normals = np.cross(step[i], step[j])
    else:
        return axes
    normals = normals[np.abs(normals).sum(axis=1) > 1]
    normals //= np.gcd.reduce(normals, axis=1)[:, None]
    first = np.sign(normals @ 1000 ** np.arange(d))  # of a normal and its opposite, one
    normals = np.unique(normals * first[:, None], axis=0)
    reach = np.abs(normals @ step.T) @ count / np.abs(normals).sum(axis=1)
    return np.concatenate((axes, normals[np.argsort(reach, kind="stable")[:EXTRA]]))


def _offsets(pointer: Index32, neighbour: Index32, position: Index) -> tuple[Index, Index]:
    """The most frequent offsets of a link, up to the sign, and how often a sample of the cells has them."""
    n, d = position.shape
    cell = np.repeat(np.arange(n), np.diff(pointer))
    chosen = cell % (n // SAMPLE + 1) == 0
    step = position[neighbour[chosen]] - position[cell[chosen]]
    step = step[(np.abs(step) <= FARTHEST).all(axis=1)]
    base = (2 * FARTHEST + 1) ** np.arange(d)
    code = np.abs(step @ base)  # an offset and its opposite have opposite codes
    found, count = np.unique(code[code > 0], return_counts=True)
    oftenest = np.argsort(-count, kind="stable")[:OFTENEST]
    found, count = found[oftenest], count[oftenest]
    digits = (found[:, None] + FARTHEST * base.sum()) // base % (2 * FARTHEST + 1)
    return digits - FARTHEST, count
