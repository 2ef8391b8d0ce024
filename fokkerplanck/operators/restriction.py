"""A Markov chain inside a region, killed at its edge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from fokkerplanck.grid import Grid, Level
from fokkerplanck.operators.stencil import Rates

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Restriction:
    """The chain inside a region: rates between its ``cells`` (m,) and killing at its edge (m, sinks)."""

    cells: NDArray[np.int64]
    links: sparse.csr_array
    killing: Array
    companion: tuple[sparse.csr_array, Array] | None = None


def restrict(level: Level | None, grid: Grid, rates: Rates) -> Restriction:
    """Keep the cells inside; `rates` already hold the cut links."""
    cells = np.arange(grid.size) if level is None else np.flatnonzero(level(grid.points()) > 0)
    return Restriction(cells, rates.links[cells, :][:, cells].tocsr(), rates.killing[cells])


def require_exit(r: Restriction) -> None:
    """Refuse a region that cannot be left."""
    if not r.killing.any():
        raise ValueError("nothing leaves the region: its edge lies nowhere that the process can reach")
