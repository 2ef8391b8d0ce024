"""The stationary law of a Markov operator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.operators.edges import check_open_ends
from fokkerplanck.results import Density
from fokkerplanck.solvers import stationary

if TYPE_CHECKING:
    from fokkerplanck.operators.markov import MarkovOperator

Array = NDArray[np.float64]


def density(op: MarkovOperator) -> Density:
    """Stationary density with its coarse twin."""
    if op.absorbing:
        raise ValueError(
            "an end of the box absorbs, so there is no stationary law; ask for quasi_stationary()"
        )
    return on_one_grid(op, None if op.coarse is None else on_one_grid(op.coarse, None))


def on_one_grid(op: MarkovOperator, coarse: Density | None) -> Density:
    """Stationary density on the operator's own grid, with what is known about its quality."""
    masses = op._stationary_masses
    values = masses.reshape(op.grid.shape) / op.grid.cell_volume
    status, beyond = check_open_ends(op.grid, values, op.piles_up)
    info = {
        "residual": stationary.residual(op.rates.links, masses),
        "mass_beyond_open_ends": beyond,
        "smallest": float(values.min()),
        "mass_error": abs(float(masses.sum()) - 1.0),
        "piled": int(op.piles_up),
    }
    return op._density(values, coarse, status, info)


def masses(op: MarkovOperator) -> Array:
    """Masses of the cells (n,), from the rates; the coarse twin says where much of the mass lies."""
    reference = None
    if op.coarse is not None:
        heavy = op.coarse._stationary_masses.reshape(op.coarse.grid.shape)
        cell = np.unravel_index(int(np.argmax(heavy)), heavy.shape)
        shape = zip(cell, op.coarse.grid.shape, op.grid.shape, strict=True)
        nearest = [min(int((c + 0.5) * n / m), n - 1) for c, m, n in shape]
        reference = int(np.ravel_multi_index(nearest, op.grid.shape))
    return stationary.stationary(op.rates.links, reference, op._companion)
