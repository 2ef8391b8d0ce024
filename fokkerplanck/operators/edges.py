"""Open ends: does the box hold the law, and can the law be normalised at all?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.estimate import NotValidHere
from fokkerplanck.grid import Axis, Grid
from fokkerplanck.results._tails import tail

Array = NDArray[np.float64]

TOLERATED = 1e-6  # estimated mass beyond an open end above which the box is flagged
PILED = 1e-3  # mass in the end cells of a chain above which the box does not hold the law at all


class NotNormalisable(NotValidHere):
    """The density does not fall off towards an open end."""


def check_open_ends(grid: Grid, values: Array, piled: bool = False) -> tuple[str, float]:
    r"""Status and estimated mass beyond the open ends.

    At each open end the marginal is continued as a power law :math:`r^{-\alpha}` of the distance from the
    mean, with the slope of the last two cells: the mass beyond is :math:`m\,r/(\alpha - 1)`, a bound for
    anything that decays faster, and infinite for :math:`\alpha \le 1`.

    With `piled` the last cell holds whatever a step would have carried beyond it: that mass counts as lying
    beyond, and the slope is that of the two cells before.

    Raises NotNormalisable in that last case, and where more than a thousandth of the mass is piled up.
    """
    beyond, sentences = 0.0, []
    for k, axis in enumerate(grid.axes):
        others = tuple(j for j in range(grid.ndim) if j != k)
        volume = grid.cell_volume / axis.spacing
        marginal = values.sum(axis=others) * volume
        mean = float((marginal * axis.centres).sum() / marginal.sum())
        skip = int(piled)
        for end, last, before in ((0, skip, skip + 1), (1, -1 - skip, -2 - skip)):
            if axis.ends[end] != "open":
                continue
            mass = tail(axis, marginal, mean, last, before)
            if np.isinf(mass):
                raise _refused(axis, end)
            if piled:
                mass += float(marginal[-end]) * axis.spacing
                if mass > PILED:
                    raise _refused(axis, end)
            beyond += mass
            if mass > TOLERATED:
                where = (axis.low, axis.high)[end]
                sentences.append(
                    f"box too small: about {mass:.1e} of the mass lies beyond {axis.name} = {where:.4g} "
                    "(an open end); widen the box"
                )
    return "; ".join(sentences) or "ok", beyond


def _refused(axis: Axis, end: int) -> NotNormalisable:
    where = (axis.low, axis.high)[end]
    return NotNormalisable(
        f"the density does not fall off towards {axis.name} = {where:.4g} (an open end): the law cannot "
        "be normalised, the box is far too small, or its cells are too wide for the drift there. Widen the "
        f"box, use more cells, or, if there is a wall, say boundary={{'{axis.name}': 'reflecting'}}"
    )


def status_of(grid: Grid, values: Array, piled: bool = False) -> tuple[str, float]:
    """`check_open_ends` for a law on its way: a density that has reached an end is flagged, not refused."""
    try:
        return check_open_ends(grid, values, piled)
    except NotNormalisable as error:
        return f"box too small: {error}", 0.0


def behind_walls(grid: Grid) -> Grid | None:
    """Return the same grid with absorbing ends for open ones, to see if they matter; None without any."""
    swap = {"open": "absorbing"}
    axes = [
        replace(a, ends=(swap.get(a.ends[0], a.ends[0]), swap.get(a.ends[1], a.ends[1]))) for a in grid.axes
    ]
    return None if tuple(axes) == grid.axes else Grid.from_axes(axes)
