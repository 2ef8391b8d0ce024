"""Markov operators on a grid: what can be asked of them, whatever built them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from fokkerplanck.estimate import Estimate, quietly
from fokkerplanck.grid import Grid, Level, inside, pointwise
from fokkerplanck.operators import (
    equilibrium,
    exit_law,
    history,
    hitting_law,
    passage,
    reactive_current,
    relaxation,
)
from fokkerplanck.operators.between import Between
from fokkerplanck.operators.edges import behind_walls
from fokkerplanck.operators.equilibrium import Law
from fokkerplanck.operators.exit_law import Start
from fokkerplanck.operators.restriction import Restriction
from fokkerplanck.operators.stencil import Rates, Sink
from fokkerplanck.results import Density, Diagnostics, ExitLaw, Field, HittingLaw, ReactiveCurrent, Spectrum
from fokkerplanck.solvers import evolution, spectrum
from fokkerplanck.solvers.elimination import Elimination
from fokkerplanck.solvers.killed import Chain
from fokkerplanck.solvers.modes import Modes

Array = NDArray[np.float64]

SMALLEST_TWIN = 8  # cells an axis below which a coarser grid says nothing
SMALLEST_THIRD = 5  # cells an axis of the twin of a twin, which only checks it


class MarkovOperator:
    """Rates between the cells of a grid, and killing; the parent of `Generator` and `TransitionOperator`.

    Subclasses say how to cut the chain at the edge of a region (`restrict`), what the time unit is, and
    how to build their coarse twin.
    """

    unit = "time"
    method = "Markov chain on a grid"
    tick = 0.0  # time that a jump itself takes: 1 for a chain in steps
    piles_up = False  # whether the last cell at an open end holds what would lie beyond it
    assumptions: tuple[str, ...] = ()  # what its answers assume

    def __init__(
        self, grid: Grid, rates: Rates, constants: Mapping[str, float] | None = None, order: int = 2
    ):
        self.grid = grid
        self.rates = rates
        self.constants = dict(constants or {})
        self.order = order

    # -- what a subclass says -----------------------------------------------------------------

    def _build(self, grid: Grid) -> MarkovOperator:
        """Build the same operator on another grid."""
        raise NotImplementedError

    def _restriction(self, level: Level | None, sink: Sink | None, sinks: int) -> Restriction:
        """Cut the chain at the edge of ``level > 0``."""
        raise NotImplementedError

    def _between(self, source: Level, target: Level, mass: Array) -> Between:
        """Keep the chain between two regions, with its stationary masses (n,)."""
        raise NotImplementedError

    @property
    def _companion(self) -> sparse.csr_array | None:
        """A sparser chain with the same slow dynamics, to precondition with."""
        return None

    # -- structure ----------------------------------------------------------------------------

    @cached_property
    def coarse(self) -> MarkovOperator | None:
        """The twin on fewer cells, from which errors are estimated."""
        return self._twin()

    @cached_property
    def _coarsest(self) -> MarkovOperator | None:
        """The twin of the twin, which tells how clean the order is; None where it says nothing."""
        twin = self.coarse
        if twin is None or min(twin.grid.shape) < 2 * SMALLEST_THIRD - 1:
            return None
        return quietly(lambda: twin.coarse)

    def _twin(self) -> MarkovOperator | None:
        return self._build(self.grid.coarsen()) if min(self.grid.shape) >= SMALLEST_TWIN else None

    @cached_property
    def _shadow(self) -> MarkovOperator | None:
        """The coarse twin with absorbing ends in place of open ones; None without open ends or a twin."""
        if self.coarse is None:
            return None
        grid = behind_walls(self.coarse.grid)
        return None if grid is None else self._build(grid)

    @property
    def killing(self) -> Array:
        """Rate of absorption at the ends of the box, (n,)."""
        return np.asarray(self.rates.killing.sum(axis=1))

    @property
    def matrix(self) -> sparse.csr_array:
        """The backward operator with its diagonal, (n, n); its transpose acts on densities."""
        total = np.asarray(self.rates.links.sum(axis=1)).ravel() + self.killing
        return (self.rates.links - sparse.diags_array(total)).tocsr()

    @property
    def is_m_matrix(self) -> bool:
        """Whether minus the operator is an M-matrix: rates and killing finite, and none of them negative."""
        rates = (self.rates.links.data, self.rates.killing)
        return all(bool(np.isfinite(r).all() and (r >= 0).all()) for r in rates)

    @property
    def added_diffusion(self) -> Array:
        """What the cells spread beyond the process, relative to all that spreads, (grid.shape): nothing."""
        return np.zeros(self.grid.shape)

    @property
    def _widened_share(self) -> Array | None:
        """The part of it that need not fall with the cells, (grid.shape); None where there is none."""
        return None

    @property
    def _wider(self) -> MarkovOperator | None:
        """The coarse twin with that part of it taken twice, to see what it does; None where there is none."""
        return None

    @property
    def absorbing(self) -> bool:
        """Whether an end of the box absorbs."""
        return any("absorbing" in a.ends for a in self.grid.axes)

    # -- questions ----------------------------------------------------------------------------

    def stationary(self, solver: str | None = None) -> Density:
        """Stationary density.

        Parameters
        ----------
        solver : str, optional
            ``"multigrid"``, or ``"direct"``, which eliminates cell after cell without subtracting. By default
            cells are eliminated where there are few, and where wells exchange mass too slowly for the
            other. ``"superlu"`` and ``"pardiso"`` (needs pypardiso) are the factors of a library, which
            share nothing with these two: to check them.

        Raises
        ------
        ValueError
            If an end absorbs (ask for `quasi_stationary`), or the law cannot be normalised on all of
            space, seen from its slope at the open ends.
        """
        return equilibrium.density(self, solver)

    def exit_time(self, region: str | Callable[..., Any] | None = None) -> Field:
        """Mean time to leave a region from each of its points; ``T = 0`` outside.

        Parameters
        ----------
        region : str
            True inside, such as ``"x < 1"``. Without one, the time until an absorbing end is reached.
        """
        return passage.exit_time(self, self._level(region))

    def exit_variance(self, region: str | Callable[..., Any] | None = None) -> Field:
        """Variance of the time to leave a region, from each of its points; 0 outside."""
        return passage.exit_variance(self, self._level(region))

    def exit_law(
        self,
        region: str | Callable[..., Any] | None = None,
        *,
        x0: Start,
        times: ArrayLike | None = None,
    ) -> ExitLaw:
        """Law of the time to leave a region from the point `x0`: chance of survival, density, quantiles.

        Parameters
        ----------
        region : str
            True inside. Without one, the time until an absorbing end is reached.
        x0 : mapping or sequence
            Where the process starts, such as ``{"x": -1}``.
        times : (k,), optional
            Times of its table and curve; any other can be asked for too.
        """
        return exit_law.exit_law(self, self._level(region), x0, times)

    def hitting_law(self, region: str | Callable[..., Any] | None = None, *, x0: Start) -> HittingLaw:
        """Law of the place where the process leaves a region from the point `x0`.

        A diffusion is met on the edge of the region. A chain in steps jumps across it: its law is that of
        the first position outside.

        Parameters
        ----------
        region : str
            True inside. Without one, the process leaves through an absorbing end of the box.
        x0 : mapping or sequence
            Where the process starts, such as ``{"x": -1}``.
        """
        return hitting_law.hitting_law(self, self._level(region), x0)

    def committor(self, source: str, target: str) -> Field:
        """Probability to reach the region `target` before the region `source`, from every point."""
        return passage.committor(self, *passage.two_regions(self, source, target))

    def reactive_current(self, source: str, target: str) -> ReactiveCurrent:
        """Paths on their way from the region `source` to the region `target` in the stationary state.

        Their rate, current and density, and how long they take, by transition path theory; flows need not
        balance in detail.
        """
        regions = passage.two_regions(self, source, target)
        return reactive_current.reactive_current(self, *regions)

    def evolve(
        self, start: Density | str | Callable[..., Any], times: ArrayLike, rtol: float = 1e-5
    ) -> list[Density]:
        """Densities at `times` (ascending) from a starting density, or from a formula for it.

        Mass is conserved to rounding and densities stay non-negative; ``.info.time_error`` is the
        error of the time stepping in L1.
        """
        return history.evolve(self, start, times, rtol)

    def quasi_stationary(self, region: str | None = None) -> tuple[Density, Estimate]:
        """Law of the survivors in a region, and the rate at which they leave it: (Density, Estimate)."""
        return relaxation.quasi_stationary(self, self._level(region))

    def spectrum(self, k: int = 6) -> Spectrum:
        """Return the `k` slowest rates of relaxation, each an Estimate, with frequencies and modes."""
        return relaxation.slowest(self, k)

    # -- what the answers are made with -------------------------------------------------------

    @cached_property
    def _law(self) -> Law:
        return equilibrium.law(self)

    def _march(self, p0: Array, times: Array, rtol: float) -> evolution.Evolved:
        return evolution.evolve(self.rates.links, self.rates.killing, p0, times, rtol, self._eliminate)

    def _eliminate(self, links: sparse.csr_array, killing: Array) -> Elimination:
        return Elimination(links, killing, self.grid.positions())

    def _density(
        self, values: Array, coarse: Density | None, status: str = "ok", info: Diagnostics | None = None
    ) -> Density:
        facts = (self.order, self.constants, status, info or Diagnostics(), self.assumptions)
        return Density(self.grid, values, self.method, coarse, *facts)

    def _modes(self, k: int) -> Modes:
        """Return the slowest modes of relaxation, k or more."""
        return spectrum.slowest(self._chain, k, self._heavy)

    @property
    def _chain(self) -> Chain:
        return Chain(self.rates.links, self.killing, self.grid.positions())

    @property
    def _heavy(self) -> int | None:
        """Return a cell with much of the mass, where the chain has a stationary law."""
        return None if self.killing.any() else int(np.argmax(self._law.masses))

    def _exact_rate(self, rate: float) -> float:
        return rate

    def _level(self, region: str | Callable[..., Any] | None) -> Level | None:
        if region is None:
            if not self.absorbing:
                raise ValueError("say which region is left, such as 'x < 1': no end of the box absorbs")
            return None
        level = pointwise(region, self.grid.names, self.constants, region=True)
        inside(level, self.grid)
        return level

    def _scatter(self, cells: NDArray[np.int64], values: Array) -> Array:
        full = np.full(self.grid.size, np.nan)
        full[cells] = values
        return full.reshape(self.grid.shape)
