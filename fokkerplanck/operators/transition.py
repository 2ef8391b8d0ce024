r"""The transition operator of a discrete chain, ``Q = P - I``, on a grid."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from fokkerplanck.estimate import NotValidHere
from fokkerplanck.grid import Grid, Level
from fokkerplanck.operators.between import Between, of_chain
from fokkerplanck.operators.cells import split
from fokkerplanck.operators.landings import ROW_BLOCK, first_step, landings, ways_out
from fokkerplanck.operators.markov import SMALLEST_TWIN, MarkovOperator
from fokkerplanck.operators.restriction import Restriction
from fokkerplanck.operators.selling import decompose
from fokkerplanck.operators.stencil import Rates, Sink, assemble
from fokkerplanck.solvers import evolution, spectrum_in_steps
from fokkerplanck.solvers.killed import Chain
from fokkerplanck.solvers.modes import Modes

Array = NDArray[np.float64]

ALIASING = 1e-2  # largest relative error of a row's moments that is accepted
TWIN_SHARES = (0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True)
class Step:
    """Law of one step from each of n points: with probability ``weight`` (a,) a displacement
    ``shift`` (n, a, d), plus a Gaussian of ``covariance`` (n, d, d)."""

    shift: Array
    weight: Array
    covariance: Array


class TransitionOperator(MarkovOperator):
    r"""Transition operator of a chain whose steps are Gaussian, or a mixture of Gaussians.

    Rows sample the step's density at the cell centres and are normalised: the trapezoidal rule, whose
    error for a Gaussian of standard deviation :math:`\sigma` is :math:`2e^{-2\pi^2\sigma^2/h^2}`, so that
    cells as wide as the step's standard deviation give eight digits, and no variance is added. Cells that
    the edge of a region cuts are split in two, each with its own middle and share. Answers are in steps.

    Parameters
    ----------
    grid : Grid
    step : callable
        Points (n, d) to the `Step` from there.

    Raises
    ------
    ValueError
        If the step is narrower than the cells resolve, or its noise is singular: no positive matrix on
        these cells then stands for the chain.
    """

    unit = "steps"
    tick = 1.0
    method = "transition operator"
    piles_up = True

    def __init__(
        self, grid: Grid, step: Callable[[Array], Step], constants: Mapping[str, float] | None = None
    ):
        if grid.ndim > 2:
            raise ValueError(
                f"the transition operator is built in one and two dimensions so far, not {grid.ndim}"
            )
        self._step = step
        share, middle = split(grid, None)
        rates, self.aliasing = _rows(grid, step, share, middle, None, 1)
        # Third order at the edges of regions, where whole cells end; far better elsewhere.
        super().__init__(grid, rates, constants, order=3)

    def _build(self, grid: Grid) -> TransitionOperator:
        return TransitionOperator(grid, self._step, self.constants)

    def _twin(self) -> MarkovOperator | None:
        # Cells twice as wide may no longer resolve the step: then a twin that is less coarse.
        if min(self.grid.shape) < SMALLEST_TWIN:
            return None
        for share in TWIN_SHARES:
            twin = self.grid.coarsen(share)
            if twin == self.grid:
                continue
            try:
                return self._build(twin)
            except NotValidHere:
                continue
        return None

    @property
    def _coarsest(self) -> MarkovOperator | None:
        # Two twins as coarse as that hardly ever resolve the step.
        return None

    @cached_property
    def _companion_rates(self) -> Rates:
        return self._local_generator(None, None, 1)

    @property
    def _companion(self) -> sparse.csr_array | None:
        return self._companion_rates.links

    def _local_generator(self, level: Level | None, sink: Sink | None, sinks: int) -> Rates:
        """Generator with the mean and covariance of a step: sparse, and as slow as the chain itself."""
        drift, covariance = moments(self._step(self.grid.points()))
        directions = decompose(covariance / 2, self.grid.spacing)
        gamma = np.linalg.solve(covariance / 2, drift[..., None])[..., 0] * self.grid.spacing
        z = np.einsum("nkd,nd->nk", directions.offset, gamma)
        return assemble(self.grid, directions, z, None, level, sink, sinks)

    def _restriction(self, level: Level | None, sink: Sink | None, sinks: int) -> Restriction:
        share, middle = split(self.grid, level)
        rates, _ = _rows(self.grid, self._step, share, middle, sink, sinks)
        cells = np.flatnonzero(share[:, 0] > 0)
        local = self._local_generator(level, sink, sinks)
        # A cut cell whose centre lies outside has no row in the companion: give it a fast exit there.
        alone = np.asarray(local.links.sum(axis=1)).ravel() + local.killing.sum(axis=1)
        centre_out = (
            np.zeros(self.grid.size) if level is None else (level(self.grid.points()) <= 0).astype(float)
        )
        kill = local.killing.sum(axis=1) + np.where(alone == 0, 1.0, 0.0) + centre_out
        companion = (local.links[cells, :][:, cells].tocsr(), kill[cells])
        links = rates.links[cells, :][:, cells].tocsr()
        killing, position = rates.killing[cells], self.grid.positions()[cells]
        leaving = partial(ways_out, self.grid, self._step, share, middle)
        entering = partial(first_step, self.grid, self._step, share, middle)
        return Restriction(cells, links, killing, position, companion, leaving, entering)

    def _between(self, source: Level, target: Level, mass: Array) -> Between:
        r = self._restriction(lambda x: -np.maximum(source(x), target(x)), None, 1)
        return of_chain(self.grid, self._step, r, mass, source, target)

    def _march(self, p0: Array, times: Array, rtol: float) -> evolution.Evolved:
        whole = np.round(times).astype(int)
        if np.abs(whole - times).max(initial=0.0) > 0:
            raise ValueError(
                f"a chain moves in whole steps: times must be whole numbers, got {times.tolist()}"
            )
        return evolution.iterate(self.rates.links, self.rates.killing, p0, whole)

    def _modes(self, k: int) -> Modes:
        return spectrum_in_steps.slowest(self._chain, k, self._heavy)

    @property
    def _chain(self) -> Chain:
        local = self._companion_rates
        return replace(super()._chain, companion=(local.links, local.killing.sum(axis=1)))

    def _exact_rate(self, rate: float) -> float:
        return float(-np.log1p(-rate))


def moments(step: Step) -> tuple[Array, Array]:
    """Mean (n, d) and covariance (n, d, d) of a step."""
    mean = np.einsum("a,nad->nd", step.weight, step.shift)
    centred = step.shift - mean[:, None, :]
    return mean, step.covariance + np.einsum("a,nai,naj->nij", step.weight, centred, centred)


def _rows(
    grid: Grid, step: Callable[[Array], Step], share: Array, middle: Array, sink: Sink | None, sinks: int
) -> tuple[Rates, float]:
    """Off-diagonal probabilities, killing, and the aliasing error of the worst row."""
    n, h = grid.size, grid.spacing
    origin = grid.points() + middle[:, 0] * h
    law = step(origin)
    aliasing = _aliasing(grid, law.covariance / np.multiply.outer(h, h), origin)
    outside = np.zeros(n, dtype=np.int64) if sink is None else sink(grid.points() + middle[:, 1] * h)
    killing = np.zeros((n, sinks))
    blocks = []
    for first in range(0, n, ROW_BLOCK):
        rows = np.arange(first, min(first + ROW_BLOCK, n))
        total: sparse.csr_array | None = None
        for row, cell, part, value in landings(grid, law, origin, rows, share, middle):
            leaves = (cell < 0) | (part == 1)
            np.add.at(killing, (row[leaves], outside[np.maximum(cell[leaves], 0)]), value[leaves])
            stays = ~leaves & (cell != row)
            entries = (value[stays], (row[stays] - first, cell[stays]))
            part_of = sparse.coo_array(entries, shape=(len(rows), n)).tocsr()
            total = part_of if total is None else total + part_of
        blocks.append(total)
    return Rates(sparse.vstack(blocks, format="csr"), killing), aliasing


def _aliasing(grid: Grid, scaled: Array, origin: Array) -> float:
    """Relative error of a row: the largest Fourier coefficient of the Gaussian at a lattice frequency."""
    d = grid.ndim
    frequencies = np.array([f for f in np.ndindex(*(5,) * d) if any(x != 2 for x in f)]) - 2
    exponent = 2 * np.pi**2 * np.einsum("fi,nij,fj->nf", frequencies, scaled, frequencies)
    worst = int(np.argmin(exponent.min(axis=1)))
    error = 2 * float(np.exp(-exponent[worst].min()))
    if error > ALIASING:
        sizes = np.sqrt(np.maximum(np.linalg.eigvalsh(scaled[worst])[0], 0.0))
        where = ", ".join(f"{n} = {x:.4g}" for n, x in zip(grid.names, origin[worst], strict=True))
        raise NotValidHere(
            f"the transition operator is not valid on this grid: at {where} the noise of a step is "
            f"{sizes:.2g} cells wide in some direction, and at least 0.52 are needed; use more cells, or "
            "simulate where the noise vanishes"
        )
    return error
