"""A Markov chain inside a region, killed at its edge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from fokkerplanck.grid import Grid, Level
from fokkerplanck.operators.stencil import Rates, Sink
from fokkerplanck.solvers.killed import Chain

if TYPE_CHECKING:
    from fokkerplanck.operators.markov import MarkovOperator

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Restriction:
    """The chain inside a region: rates between its ``cells`` (m,) and killing at its edge (m, sinks).

    ``position`` (m, d) are the coordinates of the cells on the grid, in cells.
    """

    cells: NDArray[np.int64]
    links: sparse.csr_array
    killing: Array
    position: NDArray[np.int64]
    companion: tuple[sparse.csr_array, Array] | None = None

    @cached_property
    def chain(self) -> Chain:
        """The chain as solvers take it, with all sinks in one."""
        return Chain(self.links, np.asarray(self.killing.sum(axis=1)), self.position, self.companion)


def restrict(level: Level | None, grid: Grid, rates: Rates) -> Restriction:
    """Keep the cells inside; `rates` already hold the cut links."""
    cells = np.arange(grid.size) if level is None else np.flatnonzero(level(grid.points()) > 0)
    links = rates.links[cells, :][:, cells].tocsr()
    return Restriction(cells, links, rates.killing[cells], grid.positions()[cells])


def restriction(
    op: MarkovOperator,
    level: Level | None,
    sink: Sink | None = None,
    sinks: Sequence[str] = ("the outside",),
) -> Restriction:
    """Cut a chain at the edge of ``level > 0``; each of the sinks, named for errors, must be in reach."""
    if level is not None and not (level(op.grid.points()) > 0).any():
        raise ValueError(f"the region holds no cell of {op.grid!r}; {_REMEDY}")
    r = op._restriction(level, sink, len(sinks))
    for k, name in enumerate(sinks):
        if not (r.killing[:, k] > 0).any():
            raise ValueError(
                f"nothing leaves to {name} on {op.grid!r}: it lies where the process cannot get, or is "
                f"narrower than a cell; {_REMEDY}"
            )
    return r


_REMEDY = "use more cells (errors are told from a coarse twin, so half of them must do), or check the formula"
