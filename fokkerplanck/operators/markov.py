"""Markov operators on a grid: what can be asked of them, whatever built them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from fokkerplanck.estimate import Estimate
from fokkerplanck.grid import Grid, Level, inside, pointwise
from fokkerplanck.operators.edges import behind_walls, check_open_ends, status_of
from fokkerplanck.operators.stencil import Rates, Sink
from fokkerplanck.results import Density, Field, Spectrum
from fokkerplanck.results.field import MATTERS
from fokkerplanck.solvers import evolution, spectrum, stationary
from fokkerplanck.solvers.linear import KilledSolver

Array = NDArray[np.float64]

SMALLEST_TWIN = 8  # cells an axis below which a coarser grid says nothing


@dataclass(frozen=True)
class Restriction:
    """The chain inside a region: rates between its ``cells`` (m,) and killing at its edge (m, sinks)."""

    cells: NDArray[np.int64]
    links: sparse.csr_array
    killing: Array
    companion: tuple[sparse.csr_array, Array] | None = None


class MarkovOperator:
    """Rates between the cells of a grid, and killing; the parent of `Generator` and `TransitionOperator`.

    Subclasses say how to cut the chain at the edge of a region (`restrict`), what the time unit is, and
    how to build their coarse twin.
    """

    unit = "time"
    method = "Markov chain on a grid"
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

    @property
    def _companion(self) -> sparse.csr_array | None:
        """A sparser chain with the same slow dynamics, to precondition with."""
        return None

    # -- structure ----------------------------------------------------------------------------

    @cached_property
    def coarse(self) -> MarkovOperator | None:
        """The twin on fewer cells, from which errors are estimated."""
        return self._twin()

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
    def absorbing(self) -> bool:
        """Whether an end of the box absorbs."""
        return any("absorbing" in a.ends for a in self.grid.axes)

    # -- questions ----------------------------------------------------------------------------

    @cached_property
    def _stationary_masses(self) -> Array:
        reference = None
        if self.coarse is not None:
            heavy = self.coarse._stationary_masses.reshape(self.coarse.grid.shape)
            cell = np.unravel_index(int(np.argmax(heavy)), heavy.shape)
            shape = zip(cell, self.coarse.grid.shape, self.grid.shape, strict=True)
            reference = int(
                np.ravel_multi_index(
                    [min(int((c + 0.5) * n / m), n - 1) for c, m, n in shape], self.grid.shape
                )
            )
        return stationary.stationary(self.rates.links, reference, self._companion)

    def stationary(self) -> Density:
        """Stationary density.

        Raises
        ------
        ValueError
            If an end absorbs (ask for `quasi_stationary`), or the law cannot be normalised on all of
            space, seen from its slope at the open ends.
        """
        if self.absorbing:
            raise ValueError(
                "an end of the box absorbs, so there is no stationary law; ask for quasi_stationary()"
            )
        coarse = None if self.coarse is None else self.coarse._stationary_density(None)
        return self._stationary_density(coarse)

    def _stationary_density(self, coarse: Density | None) -> Density:
        masses = self._stationary_masses
        values = masses.reshape(self.grid.shape) / self.grid.cell_volume
        status, beyond = check_open_ends(self.grid, values, self.piles_up)
        info = {
            "residual": stationary.residual(self.rates.links, masses),
            "mass_beyond_open_ends": beyond,
            "smallest": float(values.min()),
            "mass_error": abs(float(masses.sum()) - 1.0),
            "piled": int(self.piles_up),
        }
        return self._density(values, coarse, status, info)

    def _density(
        self, values: Array, coarse: Density | None, status: str = "ok", info: Mapping[str, Any] | None = None
    ) -> Density:
        facts = (self.order, self.constants, status, info or {}, self.assumptions)
        return Density(self.grid, values, self.method, coarse, *facts)

    def exit_time(self, region: str | Callable[..., Any] | None = None) -> Field:
        """Mean time to leave a region from each of its points; ``T = 0`` outside.

        Parameters
        ----------
        region : str
            True inside, such as ``"x < 1"``. Without one, the time until an absorbing end is reached.
        """
        level = self._level(region)

        def solve(op: MarkovOperator) -> tuple[Array, str]:
            r = op._restriction(level, None, 1)
            _require_exit(r)
            t = KilledSolver(r.links, r.killing.sum(axis=1), r.companion).backward(np.ones(len(r.cells)))
            return op._scatter(r.cells, t), _reliability(r, t)

        def known(x: Array) -> Array:
            return np.full(len(x), np.nan) if level is None else np.where(level(x) > 0, np.nan, 0.0)

        return self._field(solve, "mean exit time", self.unit, known)

    def committor(self, source: str, target: str) -> Field:
        """Probability to reach the region `target` before the region `source`, from every point."""
        from_, to = self._level(source), self._level(target)
        if from_ is None or to is None:
            raise ValueError("a committor needs two regions, such as committor('x < -0.9', 'x > 0.9')")
        inside(from_, self.grid, "source region"), inside(to, self.grid, "target region")
        if ((from_(self.grid.points()) > 0) & (to(self.grid.points()) > 0)).any():
            raise ValueError(f"the regions {source!r} and {target!r} overlap; a committor needs them apart")

        def between(x: Array) -> Array:
            return -np.maximum(from_(x), to(x))

        def sink(x: Array) -> NDArray[np.int64]:
            return np.asarray(to(x) > from_(x), dtype=np.int64)

        def solve(op: MarkovOperator) -> tuple[Array, str]:
            r = op._restriction(between, sink, 2)
            q = KilledSolver(r.links, r.killing.sum(axis=1), r.companion).backward(r.killing[:, 1])
            return op._scatter(r.cells, q), "ok"

        def known(x: Array) -> Array:
            return np.where(to(x) > 0, 1.0, np.where(from_(x) > 0, 0.0, np.nan))

        return self._field(solve, "committor", "", known)

    def evolve(
        self, start: Density | str | Callable[..., Any], times: ArrayLike, rtol: float = 1e-5
    ) -> list[Density]:
        """Densities at `times` (ascending) from a starting density, or from a formula for it.

        Mass is conserved to rounding and densities stay non-negative; ``.info["time_error"]`` is the
        error of the time stepping in L1.
        """
        wanted = np.atleast_1d(np.asarray(times, dtype=float))
        if (np.diff(wanted) < 0).any() or (wanted < 0).any():
            raise ValueError(f"times must ascend from 0, got {wanted.tolist()}")
        twins = None if self.coarse is None else self.coarse._evolve(start, wanted, rtol)
        fine = self._evolve(start, wanted, rtol)
        return [replace(p, coarse=None if twins is None else twins[i]) for i, p in enumerate(fine)]

    def _evolve(self, start: Density | str | Callable[..., Any], times: Array, rtol: float) -> list[Density]:
        p0 = self._starting_masses(start)
        run = self._march(p0, times, rtol)
        densities = []
        for p, error in zip(run.masses, run.errors, strict=True):
            info = {"time_error": float(error), "mass": float(p.sum()), "fallback": run.fallback}
            values = p.reshape(self.grid.shape) / self.grid.cell_volume
            status, beyond = status_of(self.grid, values, self.piles_up)
            info |= {"mass_beyond_open_ends": beyond, "piled": int(self.piles_up)}
            densities.append(self._density(values, None, status, info))
        return densities

    def _march(self, p0: Array, times: Array, rtol: float) -> evolution.Evolved:
        return evolution.evolve(self.rates.links, self.killing, p0, times, rtol)

    def quasi_stationary(self, region: str | None = None) -> tuple[Density, Estimate]:
        """Law of the survivors in a region, and the rate at which they leave it: (Density, Estimate)."""
        level = self._level(region)

        def solve(op: MarkovOperator) -> tuple[float, Array]:
            r = op._restriction(level, None, 1)
            _require_exit(r)
            rate, p = spectrum.before_extinction(r.links, r.killing.sum(axis=1))
            return op._exact_rate(rate), np.nan_to_num(op._scatter(r.cells, p)) / op.grid.cell_volume

        rate, values = solve(self)
        common: dict[str, Any] = {
            "unit": f"1/{self.unit}",
            "method": self.method,
            "assumptions": self.assumptions,
        }
        if self.coarse is None:
            return self._density(values, None), Estimate(rate, **common)
        rate_coarse, values_coarse = solve(self.coarse)
        status = "ok"
        if self._shadow is not None:
            change = abs(solve(self._shadow)[0] - rate_coarse)
            if change > MATTERS * rate_coarse:
                status = f"the open ends of the box matter: absorbing there changes the rate by {change:.2g}"
        density = self._density(values, self.coarse._density(values_coarse, None), status)
        ratio = self.grid.ratio(self.coarse.grid)
        return density, Estimate.from_refinement(
            rate, rate_coarse, self.order, ratio, status=status, **common
        )

    def spectrum(self, k: int = 6) -> Spectrum:
        """Return the `k` slowest rates of relaxation, each an Estimate, with frequencies and modes."""
        decay, vectors = self._modes(k)
        twins, ratio, status = decay, 2.0, "ok"
        if self.coarse is not None:
            twins = self.coarse._modes(k)[0]
            ratio = self.grid.ratio(self.coarse.grid)
            if self._shadow is not None:
                change = float(np.abs(np.sort(self._shadow._modes(k)[0].real) - np.sort(twins.real)).max())
                if change > MATTERS * float(np.abs(twins.real).max()):
                    status = (
                        f"the open ends of the box matter: absorbing there changes a rate by {change:.2g}"
                    )
        common: dict[str, Any] = {
            "unit": f"1/{self.unit}",
            "method": self.method,
            "assumptions": self.assumptions,
        }

        def refined(a: float, b: float) -> Estimate:
            return Estimate.from_refinement(a, b, self.order, ratio, status=status, **common)

        # Pairs conjugate to each other may come in either order on the two grids.
        rates = tuple(refined(a.real, b.real) for a, b in zip(decay, twins, strict=True))
        frequencies = tuple(
            refined(a.imag, abs(b.imag) * np.sign(a.imag)) for a, b in zip(decay, twins, strict=True)
        )
        peak = np.abs(vectors).max(axis=0)
        modes = (vectors / peak).T.reshape((-1, *self.grid.shape))
        return Spectrum(self.grid, rates, frequencies, modes)

    # -- helpers ------------------------------------------------------------------------------

    def _modes(self, k: int) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
        """Return the slowest rates of relaxation (k,), by real part, and their right eigenvectors (n, k)."""
        values, vectors = spectrum.slowest(self.rates.links, self.killing, k)
        return -values + 0.0, vectors

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

    def _field(
        self, solve: Callable[[MarkovOperator], tuple[Array, str]], quantity: str, unit: str, known: Level
    ) -> Field:
        def field(op: MarkovOperator, coarse: Field | None = None, shadow: Field | None = None) -> Field:
            values, status = solve(op)
            solved = np.isfinite(values)
            values = np.where(solved, values, known(op.grid.points()).reshape(op.grid.shape))
            facts = (op.method, coarse, op.order, status, known, solved, shadow, op.assumptions)
            return Field(op.grid, values, quantity, unit, *facts)

        if self.coarse is None:
            return field(self)
        return field(self, field(self.coarse), None if self._shadow is None else field(self._shadow))

    def _starting_masses(self, start: Density | str | Callable[..., Any]) -> Array:
        if isinstance(start, Density):
            if start.grid == self.grid:
                return start.masses
            if start.coarse is not None and start.coarse.grid == self.grid:
                return start.coarse.masses
            if start.grid.coarsen() == self.grid:
                return _pool(start, self.grid)
            raise ValueError(f"the starting density lives on {start.grid!r}, the operator on {self.grid!r}")
        masses = pointwise(start, self.grid.names, self.constants)(self.grid.points())
        if not np.isfinite(masses).all() or masses.min() < 0 or masses.sum() <= 0:
            raise ValueError("the starting density must be finite, nowhere negative and somewhere positive")
        return np.asarray(masses / masses.sum())


def _pool(start: Density, grid: Grid) -> Array:
    """Masses on the coarse twin: each fine cell goes to the coarse cell that holds its centre."""
    cells = []
    for a in grid.axes:
        position = (start.grid[a.name].centres - a.low) / a.spacing
        cells.append(np.minimum(position.astype(int), a.cells - 1))
    out = np.zeros(grid.shape)
    np.add.at(out, np.ix_(*cells), start.masses.reshape(start.grid.shape))
    return out.ravel()


def _require_exit(r: Restriction) -> None:
    if not r.killing.any():
        raise ValueError("nothing leaves the region: its edge lies nowhere that the process can reach")


def _reliability(r: Restriction, t: Array) -> str:
    """Rounding of the diagonal acts like a killing rate: say so where it rivals the real one."""
    fastest = float(np.asarray(r.links.sum(axis=1)).max())
    loss = np.finfo(float).eps * fastest * float(np.max(t))
    if loss < 1e-3:
        return "ok"
    return f"rounding may change the time by {min(loss, 1.0):.0%}: the barrier is too high for this solver"


def restrict(level: Level | None, grid: Grid, rates: Rates) -> Restriction:
    """Keep the cells inside; `rates` already hold the cut links."""
    cells = np.arange(grid.size) if level is None else np.flatnonzero(level(grid.points()) > 0)
    return Restriction(cells, rates.links[cells, :][:, cells].tocsr(), rates.killing[cells])
