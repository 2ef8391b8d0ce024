"""Open ends: does the box hold the law, and can the law be normalised at all?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.estimate import NotValidHere
from fokkerplanck.grid import Axis, Grid

Array = NDArray[np.float64]

NEGLIGIBLE = 1e-14  # mass at an edge too small for its slope to mean anything
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
            mass = _tail(axis, marginal, mean, last, before)
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


def _tail(axis: Axis, marginal: Array, mean: float, last: int, before: int) -> float:
    m, r = float(marginal[last]), abs(float(axis.centres[last]) - mean)
    if m * axis.spacing <= NEGLIGIBLE:
        return 0.0
    r_before = abs(float(axis.centres[before]) - mean)
    slope = -np.log(m / float(marginal[before])) / np.log(r / r_before) if r > r_before > 0 else 0.0
    if not slope > 1.0:
        raise _refused(axis, int(last < 0))
    return m * r / (slope - 1.0)


def _refused(axis: Axis, end: int) -> NotNormalisable:
    where = (axis.low, axis.high)[end]
    return NotNormalisable(
        f"the density does not fall off towards {axis.name} = {where:.4g} (an open end): the law cannot "
        "be normalised, or the box is far too small. Widen the box, or, if there is a wall, say "
        f"boundary={{'{axis.name}': 'reflecting'}}"
    )
