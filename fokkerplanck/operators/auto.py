"""Find a box that holds the stationary law."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from fokkerplanck.grid import Grid
from fokkerplanck.operators import equilibrium
from fokkerplanck.operators.edges import NotNormalisable
from fokkerplanck.operators.generator import Generator
from fokkerplanck.solvers.linear import SolverError

PILOT = 48  # cells an axis while searching
ENOUGH = 1e-11  # mass that may lie beyond each end
TURNS = 40
PEAK = 3  # cells below which the middle of the law is no longer resolved


def find_box(
    build: Callable[[Grid], Generator],
    names: Sequence[str],
    ranges: Mapping[str, Any],
    start: Mapping[str, float],
    cells: int,
) -> Grid:
    """Widen or shrink open ends until all but about 1e-10 of the mass fits; given `ranges` stay."""
    fixed: dict[str, tuple[Any, ...]] = {k: tuple(v)[:2] for k, v in ranges.items()}
    ends: dict[str, Any] = {k: v[2] if len(v) > 2 else "open" for k, v in ranges.items()}
    box: dict[str, tuple[Any, ...]] = {
        n: fixed.get(n, (start.get(n, 0.0) - 1.0, start.get(n, 0.0) + 1.0)) for n in names
    }
    free = [n for n in names if n not in fixed]

    def grid(count: int) -> Grid:
        return Grid(boundary=ends, **{n: (*box[n], count) for n in names})

    for _ in range(TURNS):
        try:
            density = equilibrium.on_one_grid(build(grid(PILOT)), None)
        except (NotNormalisable, SolverError):
            box |= {n: _widened(box[n], 1.7) for n in free}
            continue
        moved = False
        for n in free:
            axis = density.grid[n]
            m = density.marginal(n).values * axis.spacing
            heavy = np.flatnonzero(m > ENOUGH)
            low, high = axis.faces[heavy[0]], axis.faces[heavy[-1] + 1]
            margin = axis.spacing
            wider = heavy[0] == 0 or heavy[-1] == len(m) - 1
            if wider and (m > 0.2 * m.max()).sum() <= PEAK:
                raise NotNormalisable(
                    f"the tails of the law along {n} are too fat for one even grid: a box of {axis.low:.3g} "
                    f"to {axis.high:.3g} does not hold them, and its cells no longer resolve the middle; "
                    "give the range yourself, and mind the status"
                )
            new = _widened(box[n], 1.5) if wider else (low - margin, high + margin)
            if wider or (new[1] - new[0]) < 0.9 * (axis.high - axis.low):
                box[n], moved = new, True
        if not moved:
            return grid(cells)
    raise NotNormalisable(
        f"no box was found that holds the stationary law (last tried {box}): the law may not be "
        "normalisable; give the ranges yourself, or reflecting ends"
    )


def _widened(ends: tuple[Any, ...], factor: float) -> tuple[float, float]:
    low, high = ends
    middle, half = 0.5 * (low + high), 0.5 * (high - low) * factor
    return middle - half, middle + half
