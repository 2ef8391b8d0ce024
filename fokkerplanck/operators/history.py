"""Densities of a Markov operator on their way through time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.grid import pointwise
from fokkerplanck.operators.edges import status_of
from fokkerplanck.operators.refinement import pooled
from fokkerplanck.results import Density

if TYPE_CHECKING:
    from fokkerplanck.operators.markov import MarkovOperator

Array = NDArray[np.float64]
Start = Density | str | Callable[..., Any]


def evolve(op: MarkovOperator, start: Start, times: ArrayLike, rtol: float) -> list[Density]:
    """Densities at `times`, each with its coarse twin."""
    wanted = np.atleast_1d(np.asarray(times, dtype=float))
    if (np.diff(wanted) < 0).any() or (wanted < 0).any():
        raise ValueError(f"times must ascend from 0, got {wanted.tolist()}")
    twins = None if op.coarse is None else _on_one_grid(op.coarse, start, wanted, rtol)
    fine = _on_one_grid(op, start, wanted, rtol)
    return [replace(p, coarse=None if twins is None else twins[i]) for i, p in enumerate(fine)]


def _on_one_grid(op: MarkovOperator, start: Start, times: Array, rtol: float) -> list[Density]:
    run = op._march(_starting_masses(op, start), times, rtol)
    densities = []
    for p, error in zip(run.masses, run.errors, strict=True):
        info = {"time_error": float(error), "mass": float(p.sum()), "fallback": run.fallback}
        values = p.reshape(op.grid.shape) / op.grid.cell_volume
        status, beyond = status_of(op.grid, values, op.piles_up)
        info |= {"mass_beyond_open_ends": beyond, "piled": int(op.piles_up)}
        densities.append(op._density(values, None, status, info))
    return densities


def _starting_masses(op: MarkovOperator, start: Start) -> Array:
    if isinstance(start, Density):
        if start.grid == op.grid:
            return start.masses
        if start.coarse is not None and start.coarse.grid == op.grid:
            return start.coarse.masses
        if start.grid.coarsen() == op.grid:
            return pooled(start.masses, start.grid, op.grid)
        raise ValueError(f"the starting density lives on {start.grid!r}, the operator on {op.grid!r}")
    masses = pointwise(start, op.grid.names, op.constants)(op.grid.points())
    if not np.isfinite(masses).all() or masses.min() < 0 or masses.sum() <= 0:
        raise ValueError("the starting density must be finite, nowhere negative and somewhere positive")
    return np.asarray(masses / masses.sum())
