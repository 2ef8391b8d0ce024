"""What lies beyond an open end, continued as a power law from the last cells of the box."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.grid import Axis, Grid

Array = NDArray[np.float64]

NEGLIGIBLE = 1e-14  # share in the last cell too small for its slope to mean anything


def tail(axis: Axis, marginal: Array, mean: float, last: int, before: int) -> float:
    r"""Integral beyond an end of something that falls as :math:`r^{-\alpha}` from the `mean`.

    With the slope of the cells `last` and `before` it is :math:`m\,r/(\alpha - 1)`, a bound for anything that
    decays faster; infinite for :math:`\alpha \le 1`.
    """
    m, r = float(marginal[last]), abs(float(axis.centres[last]) - mean)
    if m <= NEGLIGIBLE * float(marginal.sum()):
        return 0.0
    m_before, r_before = float(marginal[before]), abs(float(axis.centres[before]) - mean)
    falls = r > r_before > 0 and m_before > m
    slope = np.log(m_before / m) / np.log(r / r_before) if falls else 0.0
    return m * r / (slope - 1.0) if slope > 1.0 else np.inf


def beyond(grid: Grid, weight: Array, skip: int = 0) -> float:
    """Estimated integral of a non-negative function (shape) beyond all open ends, infinite if it does not
    fall; `skip` leaves out end cells that hold more than their own share."""
    total = 0.0
    if not weight.sum() > 0:
        return total
    for k, axis in enumerate(grid.axes):
        others = tuple(j for j in range(grid.ndim) if j != k)
        marginal = weight.sum(axis=others) * grid.cell_volume / axis.spacing
        mean = float((marginal * axis.centres).sum() / marginal.sum())
        for end, last, before in ((0, skip, skip + 1), (1, -1 - skip, -2 - skip)):
            if axis.ends[end] == "open":
                total += tail(axis, marginal, mean, last, before)
    return total
