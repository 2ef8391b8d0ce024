"""A grid as kernels see it: tuples of numbers and cells by their number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fokkerplanck._kernels import links
from fokkerplanck.grid import Grid
from fokkerplanck.operators.selling import reach_of

Array = NDArray[np.float64]
Index = NDArray[np.int32]

BATCH = 1 << 15  # cells that are treated at once: what is kept for each of them stays in the cache
ENDS = {
    "open": links.OPEN,
    "reflecting": links.REFLECTING,
    "absorbing": links.ABSORBING,
    "periodic": links.PERIODIC,
}


@dataclass(frozen=True)
class Lattice:
    """The cells of a grid; ``ends`` holds two codes an axis, ``reach`` the longest offset along each."""

    shape: tuple[int, ...]
    ends: tuple[int, ...]
    spacing: Array
    reach: tuple[int, ...]
    centres: tuple[Array, ...]

    @classmethod
    def of(cls, grid: Grid) -> Lattice:
        """The lattice of a grid."""
        ends = tuple(ENDS[e] for a in grid.axes for e in a.ends)
        return cls(grid.shape, ends, grid.spacing, reach_of(grid), tuple(a.centres for a in grid.axes))

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of cells."""
        return int(np.prod(self.shape))

    @property
    def absorbs(self) -> bool:
        """Whether an end absorbs."""
        return links.ABSORBING in self.ends

    @property
    def links_along_walls(self) -> int:
        """Most links of a cell along walls that reflect: two for each two of its links through a wall."""
        # Of the 3 directions of a tensor in two dimensions 2 lead through a wall, of the 6 in three 4.
        through = self.ndim * (self.ndim - 1) * (2 if self.ndim == 3 else 1)
        return self.ndim * through if links.REFLECTING in self.ends else 0

    def points(self, cells: NDArray[np.integer]) -> Array:
        """Centres of cells, (m, d)."""
        where = np.unravel_index(cells, self.shape)
        return np.stack([c[i] for c, i in zip(self.centres, where, strict=True)], axis=1)

    def batches(self, cells: Index | None = None) -> Iterator[Index]:
        """Cells, all of them unless given, a batch at a time."""
        n = self.size if cells is None else cells.size
        for first in range(0, n, BATCH):
            last = min(n, first + BATCH)
            yield np.arange(first, last, dtype=np.int32) if cells is None else cells[first:last]
