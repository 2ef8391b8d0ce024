"""The stationary law of a Markov operator."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.estimate import combine_status, quietly
from fokkerplanck.operators.edges import check_open_ends
from fokkerplanck.operators.refinement import foreseen, overlay, pooled, refined
from fokkerplanck.results import Density, Diagnostics
from fokkerplanck.results.diagnostics import MOST_ADDED, spreading, widening
from fokkerplanck.solvers import elimination, multigrid, stationary
from fokkerplanck.solvers.coarser import Coarser, VCycle
from fokkerplanck.solvers.incoming import Incoming
from fokkerplanck.solvers.linear import SolverError
from fokkerplanck.solvers.metastable import slowest_exchange

if TYPE_CHECKING:
    from fokkerplanck.operators.markov import MarkovOperator

Array = NDArray[np.float64]

LIBRARIES = ("superlu", "pardiso")
SOLVERS = ("multigrid", "direct", *LIBRARIES)
FEW = 5000  # cells up to which a direct solve is quickest
MOST = {1: 10**8, 2: 300_000, 3: 40_000}  # up to which it is affordable where multigrid cannot be trusted
MOST_WIDE = 20_000  # the same where a step reaches many cells
# Exchange between wells, relative to the fastest rate, below which the rounding of the cycles would hide it.
SLOWEST = 1e-14
SEEN = 1e-9  # and below which a coarser grid would not see it for the rounding of what is out of balance
ENOUGH = 5e-4  # error that cycles may leave, as a part of what half as many cells an axis change
UNRESOLVED = 0.2  # distance in L1 from the coarse twin beyond which a law is flagged


@dataclass(frozen=True)
class Law:
    """Stationary masses of the cells (n,), who found them, the error in L1 that the solver left, the relative
    rate of the slowest exchange between heavy parts, as seen on the coarsest grid, and, where cells are few,
    their elimination."""

    masses: Array
    solver: str
    error: float = 0.0
    exchange: float = 1.0
    factors: elimination.Elimination | None = None


def density(op: MarkovOperator, solver: str | None = None) -> Density:
    """Stationary density with its coarse twin."""
    if solver not in (None, *SOLVERS):
        raise ValueError(f"solver is {solver!r}; expected one of {', '.join(SOLVERS)}, or None to choose")
    if op.absorbing:
        raise ValueError(
            "an end of the box absorbs, so there is no stationary law; ask for quasi_stationary()"
        )
    if op.coarse is None:
        return on_one_grid(op, None, solver)
    last = op._coarsest
    third = None if last is None else quietly(lambda: on_one_grid(last, None))
    fine, wider = on_one_grid(op, on_one_grid(op.coarse, third), solver), op._wider
    return replace(fine, wider=None if wider is None else quietly(lambda: on_one_grid(wider, None)))


def on_one_grid(op: MarkovOperator, coarse: Density | None, solver: str | None = None) -> Density:
    """Stationary density on the operator's own grid, with what is known about its quality."""
    found = op._law if solver is None else law(op, solver)
    values = found.masses.reshape(op.grid.shape) / op.grid.cell_volume
    status, beyond = check_open_ends(op.grid, values, op.piles_up)
    share = op._widened_share
    widened = None if share is None else float(share.ravel() @ found.masses)
    info = Diagnostics(
        solver=found.solver,
        solver_error=found.error,
        residual=stationary.residual(op.rates.links, found.masses),
        mass_error=abs(float(found.masses.sum()) - 1.0),
        smallest=float(values.min()),
        m_matrix=op.is_m_matrix,
        added_diffusion=_added(op, found.masses, coarse),
        widened=widened,
        mass_beyond_open_ends=beyond,
        piled=op.piles_up,
    )
    doubtful = 0.0 if op.order == 1 or found.solver == "potential" else info["added_diffusion"]
    spread = widening(widened or 0.0)
    status = combine_status([status, spreading(doubtful) if spread == "ok" else spread])
    if coarse is not None:
        status = combine_status([status, _resolved(op, found.masses, coarse)])
    return op._density(values, coarse, status, info)


def _added(op: MarkovOperator, masses: Array, coarse: Density | None) -> float:
    """Share of the diffusion that the cells add, averaged over the law.

    On the coarse twin, where it is larger, unless it is so much that it must be known.
    """
    twin = None if coarse is None or op.order != 2 else coarse.info.added_diffusion
    if twin is not None and twin <= MOST_ADDED:
        return twin
    return float(op.added_diffusion.ravel() @ masses)


def _resolved(op: MarkovOperator, masses: Array, coarse: Density) -> str:
    if any(a.cells != 2 * b.cells for a, b in zip(op.grid.axes, coarse.grid.axes, strict=True)):
        return "ok"  # cells that do not nest cannot be compared one to one
    moved = float(np.abs(pooled(masses, op.grid, coarse.grid) - coarse.masses).sum())
    if moved < UNRESOLVED:
        return "ok"
    return f"cells too wide: on half as many an axis {moved / 2:.0%} of the mass lies elsewhere; use more"


def law(op: MarkovOperator, solver: str | None = None) -> Law:
    """By multigrid from the coarse twin; directly where cells are few or wells hardly exchange mass."""
    if solver in LIBRARIES:
        return Law(stationary.by_factors(op.rates.links, solver), solver)
    if op.coarse is None or op.grid.ndim == 1 or op.grid.size <= FEW:
        return _direct(op)
    twin = op.coarse._law
    if solver == "multigrid" or (solver is None and twin.exchange > SLOWEST):
        guess, coarser = _foreseen(op), _coarser(op) if twin.exchange > SEEN else None
        change = float(np.abs(pooled(guess, op.grid, op.coarse.grid) - twin.masses).sum())
        try:
            found = multigrid.stationary(
                op.rates.links, guess, max(multigrid.TOLERANCE, ENOUGH * change), coarser
            )
            return Law(found.masses, "multigrid", found.error, twin.exchange)
        except SolverError:
            if op.grid.size > MOST[op.grid.ndim]:
                raise
    elif solver is None and op.grid.size > MOST[op.grid.ndim]:
        most = MOST[op.grid.ndim]
        raise SolverError(
            f"parts of the law exchange mass at {twin.exchange:.1e} of the fastest rate, too slowly for "
            f"multigrid, and {op.grid.size} cells are too many to solve directly; take at most {most}"
        )
    return _direct(op)


def _foreseen(op: MarkovOperator) -> Array:
    """What the coarse twin, and if it was not solved directly its own, let expect; masses that sum to one."""
    coarse = op.coarse
    assert coarse is not None
    if coarse.coarse is None or coarse.grid.size <= FEW or not op.order:
        guess = refined(coarse._law.masses, coarse.grid, op.grid)
    else:
        coarser = coarse.coarse
        laws = coarse._law.masses, coarse.grid, coarser._law.masses, coarser.grid
        guess = foreseen(*laws, op.grid, op.order)
    guess /= guess.sum()
    return guess


def _coarser(op: MarkovOperator) -> Coarser | None:
    """The coarser grids to correct on, down to one that was eliminated."""
    coarse = op.coarse
    assert coarse is not None
    masses, factors = coarse._law.masses, coarse._law.factors
    if factors is not None:
        return Coarser(overlay(coarse.grid, op.grid), masses, factors.mend)
    below = None if coarse.coarse is None else _coarser(coarse)
    if below is None:
        return None
    cycle = VCycle(Incoming.of(coarse.rates.links), masses, below)
    return Coarser(overlay(coarse.grid, op.grid), masses, cycle)


def _direct(op: MarkovOperator) -> Law:
    companion = op._companion if op.grid.ndim > 1 else None
    if companion is not None:  # wide rows: iterations are quick, but rounding hides a slow exchange
        exchange = slowest_exchange(companion, elimination.factored(companion, op.grid.positions())[0])
        if exchange > SEEN:
            return Law(stationary.stationary(op.rates.links, companion), "direct", 0.0, exchange)
        if op.grid.size > MOST_WIDE:
            raise SolverError(
                f"parts of the law exchange mass at {exchange:.1e} of the fastest rate, which rounding "
                f"hides, and {op.grid.size} cells are too many to eliminate; take at most {MOST_WIDE}"
            )
    masses, factors = elimination.factored(op.rates.links, op.grid.positions())
    if op.coarse is not None and op.grid.size > FEW:
        return Law(masses, "direct", 0.0, op.coarse._law.exchange)
    return Law(masses, "direct", 0.0, slowest_exchange(op.rates.links, masses), factors)
