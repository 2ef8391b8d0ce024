"""A Markov chain inside a region, killed at its edge."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from fokkerplanck.grid import Grid, Level
from fokkerplanck.operators.gates import Gates, pieces
from fokkerplanck.operators.stencil import Leaks, Rates, Sink
from fokkerplanck.solvers.killed import Chain

if TYPE_CHECKING:
    from fokkerplanck.operators.markov import MarkovOperator

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Restriction:
    """The chain inside a region: rates between its ``cells`` (m,) and killing at its edge (m, sinks).

    ``position`` (m, d) are the coordinates of the cells on the grid, in cells. ``ways_out`` finds the
    gates; ``first_step``, for a chain in steps, where a step from a point lands: cells, and places outside.
    """

    cells: NDArray[np.int64]
    links: sparse.csr_array
    killing: Array
    position: NDArray[np.int64]
    companion: tuple[sparse.csr_array, Array] | None = None
    ways_out: Callable[[], Gates] | None = None
    first_step: Callable[[Array], tuple[Array, Array]] | None = None

    @cached_property
    def chain(self) -> Chain:
        """The chain as solvers take it, with all sinks in one."""
        return Chain(self.links, np.asarray(self.killing.sum(axis=1)), self.position, self.companion)

    @cached_property
    def gates(self) -> Gates:
        """Where the chain leaves; its cells are numbered by their place in ``cells``."""
        if self.ways_out is None:
            raise ValueError("this operator does not know where its chain leaves a region")
        return self.ways_out().among(self.cells)


def restrict(level: Level | None, grid: Grid, rates: Rates) -> Restriction:
    """Keep the cells inside; `rates` already hold the cut links."""
    cells = np.arange(grid.size) if level is None else np.flatnonzero(level(grid.points()) > 0)
    links = rates.links[cells, :][:, cells].tocsr()

    ways_out = None if rates.leaks is None else partial(_gates, rates.leaks, level, grid)
    return Restriction(cells, links, rates.killing[cells], grid.positions()[cells], None, ways_out)


def _gates(leaks: Leaks, level: Level | None, grid: Grid) -> Gates:
    """A gate a cut link."""
    spread = pieces(leaks.point, leaks.step, level, grid)
    return Gates(leaks.cell.astype(np.int64), leaks.rate, np.arange(leaks.cell.size), leaks.point, spread)


def restriction(
    op: MarkovOperator,
    level: Level | None,
    sink: Sink | None = None,
    sinks: Sequence[str] = ("the outside",),
) -> Restriction:
    """Cut a chain at the edge of ``level > 0``; each of the sinks, named for errors, must be in reach."""
    if level is not None and not (level(op.grid.points()) > 0).any():
        raise ValueError(f"the region holds no cell of {op.grid!r}; {REMEDY}")
    r = op._restriction(level, sink, len(sinks))
    for k, name in enumerate(sinks):
        if not (r.killing[:, k] > 0).any():
            raise ValueError(
                f"nothing leaves to {name} on {op.grid!r}: it lies where the process cannot get, or is "
                f"narrower than a cell; {REMEDY}"
            )
    return r


REMEDY = "use more cells (errors are told from a coarse twin, so half of them must do), or check the formula"
