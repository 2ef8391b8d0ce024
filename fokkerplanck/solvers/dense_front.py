"""Elimination of the pivots of one large dense front, a panel at a time: nearly all of it is products of
matrices with non-negative entries, which BLAS takes at its full speed and which subtract nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fokkerplanck._kernels import elimination as kernel

Array = NDArray[np.float64]

LARGE = 128  # pivots from which on a front is worth the calls
PANEL = 64  # pivots eliminated at once
CHUNK = 256  # rows that are changed at once: what is added to them is small beside the front


def eliminate(rows: Array, edges: Array) -> int:
    """Eliminate the pivots of a front in place; the first that nothing leads out of, or -1.

    ``rows`` (s, s + b + 1) are the rates of the pivots, ``edges`` (b, s + b + 1) those of the cells at the
    edge; see `fokkerplanck._kernels.elimination`.
    """
    s, stuck = rows.shape[0], -1
    for k0 in range(0, s, PANEL):
        panel = rows[k0 : k0 + PANEL]
        _redirect(panel, rows[:k0])
        own = panel[:, k0:].copy()
        k = kernel.pivots(own)
        panel[:, k0:] = own
        if k >= 0 and stuck < 0:
            stuck = k0 + k
    for i in range(0, edges.shape[0], CHUNK):
        _redirect(edges[i : i + CHUNK], rows)
    return stuck


def _redirect(rows: Array, pivots: Array) -> None:
    """Let the flow from rows into the pivots go straight on; its columns become multipliers."""
    s = pivots.shape[0]
    for k0 in range(0, s, PANEL):
        k1 = min(k0 + PANEL, s)
        rates = rows[:, k0:k1] + rows[:, :k0] @ pivots[:k0, k0:k1]
        kernel.multipliers(rates, pivots[k0:k1, k0:k1].copy())
        rows[:, k0:k1] = rates
    rows[:, s:] += rows[:, :s] @ pivots[:, s:]
