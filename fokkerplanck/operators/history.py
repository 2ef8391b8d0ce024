"""Densities of a Markov operator on their way through time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.estimate import combine_status, quietly
from fokkerplanck.grid import pointwise
from fokkerplanck.operators.edges import status_of
from fokkerplanck.operators.refinement import pooled
from fokkerplanck.results import Density, Diagnostics
from fokkerplanck.results.diagnostics import widening

if TYPE_CHECKING:
    from fokkerplanck.operators.markov import MarkovOperator

Array = NDArray[np.float64]
Start = Density | str | Callable[..., Any]


def evolve(op: MarkovOperator, start: Start, times: ArrayLike, rtol: float) -> list[Density]:
    """Densities at `times`, each with its coarse twin."""
    wanted = np.atleast_1d(np.asarray(times, dtype=float))
    if (np.diff(wanted) < 0).any() or (wanted < 0).any():
        raise ValueError(f"times must ascend from 0, got {wanted.tolist()}")
    fine, last = _on_one_grid(op, start, wanted, rtol), op._coarsest
    if op.coarse is None:
        return fine
    thirds = None if last is None else quietly(lambda: _on_one_grid(last, start, wanted, rtol))
    twins = _with_twins(_on_one_grid(op.coarse, start, wanted, rtol), thirds)
    return _with_twins(fine, twins)


def _with_twins(densities: list[Density], twins: list[Density] | None) -> list[Density]:
    if twins is None:
        return densities
    return [replace(p, coarse=twin) for p, twin in zip(densities, twins, strict=True)]


def _on_one_grid(op: MarkovOperator, start: Start, times: Array, rtol: float) -> list[Density]:
    run = op._march(_starting_masses(op, start), times, rtol)
    densities, share = [], op._widened_share
    for p, error in zip(run.masses, run.errors, strict=True):
        values = p.reshape(op.grid.shape) / op.grid.cell_volume
        status, beyond = status_of(op.grid, values, op.piles_up)
        widened = None if share is None else float(share.ravel() @ p)
        info = Diagnostics(
            mass=float(p.sum()),
            time_error=float(error),
            fallback=run.fallback,
            smallest=float(values.min()),
            m_matrix=op.is_m_matrix,
            widened=widened,
            mass_beyond_open_ends=beyond,
            piled=op.piles_up,
        )
        status = combine_status([status, widening(widened or 0.0)])
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
