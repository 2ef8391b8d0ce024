"""Where a Markov operator leaves a region, from one point."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.grid import Grid, Level
from fokkerplanck.operators.exit_law import Start, starting_point
from fokkerplanck.operators.gates import Gates, on_face
from fokkerplanck.operators.restriction import Restriction, restriction
from fokkerplanck.results import HittingLaw
from fokkerplanck.results._interpolate import WIDTHS, window

if TYPE_CHECKING:
    from fokkerplanck.operators.markov import MarkovOperator

Array = NDArray[np.float64]

NEGATIVE = 1e-9  # of the largest probability: what interpolation must not fall below
CLEAN = WIDTHS[:2]  # widths of windows about the start that keep the order of the scheme


def hitting_law(op: MarkovOperator, level: Level | None, x0: Start) -> HittingLaw:
    """Law of the place where the process leaves ``level > 0`` from x0."""
    x = starting_point(op.grid, level, x0)
    if op.piles_up and op.absorbing:
        raise ValueError(
            "a step that leaves through an absorbing end has no place on the grid: make the box larger, its "
            "ends open, and say which region is left"
        )
    point = dict(zip(op.grid.names, map(float, x), strict=True))

    def on(
        twin: MarkovOperator, coarse: HittingLaw | None = None, shadow: HittingLaw | None = None
    ) -> HittingLaw:
        r = restriction(twin, level)
        p, clean = _probabilities(r, twin.grid, x)
        taken = p != 0.0
        if twin is op._shadow:  # what its walls take is what the open ends of the box might have changed
            taken &= ~_walled(r.gates, op.grid)
        return HittingLaw(
            point,
            twin.grid,
            r.gates.point[taken],
            p[taken],
            r.gates.spread[taken],
            op.method,
            op.order if clean and (coarse is None or coarse.order) else 0,
            coarse,
            shadow,
            op.constants,
            assumptions=op.assumptions,
        )

    if op.coarse is None:
        return on(op)
    return on(op, on(op.coarse), None if op._shadow is None else on(op._shadow))


def _probabilities(r: Restriction, grid: Grid, x: Array) -> tuple[Array, bool]:
    """Probability of each gate from x, and whether the start is found to the order of the scheme.

    The law from x is interpolated from those of the cells around: by a polynomial of so low a degree that
    none becomes negative, which near an edge may be the law of one cell.
    """
    if r.first_step is not None:
        cells, places = r.first_step(x)
        return places + r.gates.flow(r.chain.solver.forward(cells)), True
    inside = np.zeros(grid.size, dtype=bool)
    inside[r.cells] = True
    for width in WIDTHS:
        found = window(grid, x, inside.reshape(grid.shape), width)
        if found is None:
            continue
        start = np.zeros(len(r.cells))
        np.add.at(start, np.searchsorted(r.cells, found[0]), found[1])
        p = r.gates.flow(r.chain.solver.forward(start))
        if p.min() >= -NEGATIVE * p.max():
            return np.maximum(p, 0.0), width in CLEAN
    raise ValueError(f"no cell of {grid!r} inside the region lies near x0; use more cells")


def _walled(gates: Gates, grid: Grid) -> NDArray[np.bool_]:
    """Which gates lie in the open ends of a grid."""
    found = np.zeros(len(gates.point), dtype=bool)
    for k, axis in enumerate(grid.axes):
        for end, face in zip(axis.ends, (axis.low, axis.high), strict=True):
            if end == "open":
                found |= on_face(gates.point, grid, k, face)
    return found
