"""What a box leaves out, and boxes made finer or wider."""

from __future__ import annotations

from dataclasses import replace
from math import erfc, sqrt
from typing import Any

import fokkerplanck as fp

BROWNIAN = fp.SDE(variables=("x",), drift=["0"], diffusion="1/2")
PLANE = fp.SDE(variables=("x", "y"), drift=["0", "0"], diffusion="1/2")


def normal_beyond(axis: Any, deviation: float) -> float:
    """Mass of a centred normal law outside an axis."""
    return 0.5 * (erfc(-axis.low / deviation / sqrt(2)) + erfc(axis.high / deviation / sqrt(2)))


def refined(grid: fp.Grid, factor: float) -> fp.Grid:
    return fp.Grid.from_axes(replace(a, cells=round(a.cells * factor)) for a in grid.axes)


def widened(grid: fp.Grid, ranges: dict[str, Any]) -> fp.Grid:
    """A quarter more cells of the same width at every end that was found."""

    def wide(axis: Any) -> Any:
        if axis.name in ranges:
            return axis
        more = axis.cells // 4
        low, high = axis.low - more * axis.spacing, axis.high + more * axis.spacing
        return replace(axis, low=low, high=high, cells=axis.cells + 2 * more)

    return fp.Grid.from_axes(wide(a) for a in grid.axes)
