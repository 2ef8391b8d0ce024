r"""The paths from one region to another: their rate, where they are, and the current they carry.

With the stationary masses :math:`\pi`, the chance :math:`q^+` to reach the target next and the chance
:math:`q^-` to have been in the source last, the paths on their way from source to target make the flows

.. math:: f_{ij} = \pi_i q^-_i\, w_{ij}\, q^+_j , \qquad \text{rate} = \sum_{i \in A} \pi_i w_{ij} q^+_j .

The flow :math:`m = \pi q^-` out of the source solves :math:`A^\top m = s` with what the source sends out,
:math:`s_j = \sum_{i \in A} \pi_i w_{ij}`. Neither needs a subtraction nor :math:`\pi` between the regions, so
that rates keep their relative accuracy behind any barrier; detailed balance is not assumed.

Sources: W. E, E. Vanden-Eijnden, J. Stat. Phys. 123, 503 (2006); P. Metzner, C. Schütte, E. Vanden-Eijnden,
Multiscale Model. Simul. 7, 1192 (2009), for jump processes.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.estimate import combine_status
from fokkerplanck.grid import Grid, Level
from fokkerplanck.operators import equilibrium
from fokkerplanck.operators.between import displacement
from fokkerplanck.operators.restriction import REMEDY
from fokkerplanck.results import ReactiveCurrent
from fokkerplanck.results.field import MATTERS
from fokkerplanck.results.reactive_current import Totals
from fokkerplanck.solvers.killed import Chain

if TYPE_CHECKING:
    from fokkerplanck.operators.markov import MarkovOperator

Array = NDArray[np.float64]

BALANCED = 1e-9  # relative difference of the ways out forwards and backwards that is rounding


def reactive_current(op: MarkovOperator, source: Level, target: Level) -> ReactiveCurrent:
    """Paths from ``source > 0`` to ``target > 0``."""
    status = equilibrium.density(op).status

    def on(twin: MarkovOperator) -> Paths:
        return Paths(twin, source, target, twin._law.masses)

    fine = on(op)
    if op.coarse is None:
        return _result(op, fine, None, status)
    coarse = on(op.coarse)
    if op._shadow is not None:
        walled = Paths(op._shadow, source, target, op.coarse._law.masses)
        change = abs(walled.through / coarse.through - 1.0)
        if change > MATTERS:
            sentence = f"the open ends of the box matter: absorbing there changes the rate by {change:.1%}"
            status = combine_status([status, sentence])
    return _result(op, fine, _result(op.coarse, coarse, None, "ok"), status)


class Paths:
    """What is known of the paths between two regions on one grid, from the stationary masses (n,)."""

    def __init__(self, op: MarkovOperator, source: Level, target: Level, mass: Array):
        self.between = b = op._between(source, target, mass)
        self._position, m = op.grid.positions()[b.cells], len(b.cells)
        if not m:
            raise ValueError(f"no cell of {op.grid!r} lies between the two regions; {REMEDY}")
        out, into = b.out / b.ahead, b.into / b.back
        self._to_target = _summed(b.cell, np.where(b.target, out, 0.0), m)
        self._sent = _summed(b.cell, np.where(b.target, 0.0, into), m)
        for flow, what in ((self._to_target, "leads to the target"), (self._sent, "comes from the source")):
            if not flow.any():
                raise ValueError(f"nothing {what} on {op.grid!r}; {REMEDY}")
        self._killing = _summed(b.cell, out, m) + b.lost

    @cached_property
    def _chain(self) -> Chain:
        return Chain(self.between.links, self._killing, self._position, self.between.companion)

    @cached_property
    def forward(self) -> Array:
        """Chance (m,) to reach the target before the source."""
        return self._chain.solver.backward(self._to_target)

    @cached_property
    def mass(self) -> Array:
        """Stationary mass (m,) that has been in the source last."""
        b, chain = self.between, self._chain
        # Backwards in time an edge lies at another share of a link, unless the flows balance in detail.
        reverse = np.divide(b.into, b.mass[b.cell], out=b.out.copy(), where=b.mass[b.cell] > 0)
        killing = _summed(b.cell, b.out + (1.0 / b.back - 1.0) * reverse, len(b.cells)) + b.lost
        if np.abs(killing - self._killing).max() > BALANCED * killing.max():
            chain = replace(chain, killing=killing)
        return chain.solver.forward(self._sent)

    @cached_property
    def back(self) -> Array:
        """Chance (m,) to have been in the source last rather than in the target."""
        b = self.between
        return np.minimum(np.divide(self.mass, b.mass, out=np.zeros(len(b.mass)), where=b.mass > 0), 1.0)

    @cached_property
    def gates(self) -> Array:
        """Net flow (c,) through each link across an edge, from source to target; none is negative."""
        b = self.between
        ahead, back, mass = self.forward[b.cell], self.back[b.cell], self.mass[b.cell]
        # Both chances at the far end follow from their values on the edge.
        entering = b.into * ahead * (1.0 - (1.0 - b.back) * back) / b.back
        entering += b.out * mass * ahead * (1.0 - b.ahead) / b.ahead
        leaving = b.out * mass * (1.0 - (1.0 - b.ahead) * ahead) / b.ahead
        leaving += b.into * ahead * back * (1.0 - b.back) / b.back
        return np.asarray(np.where(b.target, leaving, entering))

    @property
    def leaving(self) -> float:
        """Paths that leave the source a unit of time."""
        return float(self.gates[~self.between.target].sum()) + self.between.direct

    @property
    def arriving(self) -> float:
        """Paths that reach the target a unit of time: the same, to rounding."""
        return float(self.gates[self.between.target].sum()) + self.between.direct

    @property
    def through(self) -> float:
        """What of the flow out of the source reaches the target: the rate, where flows balance in detail."""
        return float(self._sent @ self.forward) + self.between.direct

    def current(self, grid: Grid) -> tuple[Array, float]:
        """Current (grid.shape, d), and the largest imbalance of a cell as a share of the rate.

        A flow along a link counts half at each of its ends.
        """
        b = self.between
        flows = b.links.tocsr(copy=True)
        flows.data = np.repeat(self.mass, np.diff(flows.indptr)) * flows.data * self.forward[flows.indices]
        net = (flows - flows.T).tocoo()
        way = displacement(grid, b.cells[net.row], b.cells[net.col])
        outward = np.where(b.target, self.gates, -self.gates)
        values = np.zeros((grid.size, grid.ndim))
        for k in range(grid.ndim):
            along = _summed(net.row, net.data * way[:, k], len(b.cells))
            across = _summed(b.cell, outward * b.step[:, k], len(b.cells))
            values[b.cells, k] = 0.5 * (along + across) / grid.cell_volume
        loss = _summed(net.row, net.data, len(b.cells)) + _summed(b.cell, outward, len(b.cells))
        return values.reshape((*grid.shape, grid.ndim)), float(np.abs(loss).max()) / self.leaving


def _result(op: MarkovOperator, paths: Paths, coarse: ReactiveCurrent | None, status: str) -> ReactiveCurrent:
    b, grid = paths.between, op.grid
    values, imbalance = paths.current(grid)
    moving = np.zeros(grid.size)
    moving[b.cells] = paths.mass * paths.forward
    share = float(moving.sum())
    density = op._density(
        (moving / share / grid.cell_volume).reshape(grid.shape),
        None if coarse is None else coarse.density,
        status,
    )
    return ReactiveCurrent(
        grid,
        values,
        density,
        Totals(paths.leaving, share, b.at_source + float(paths.mass.sum())),
        op.method,
        op.unit,
        op.order,
        coarse,
        status,
        {"imbalance": imbalance, "arriving": paths.arriving},
        op.assumptions,
    )


def _summed(where: NDArray[np.integer], values: Array, size: int) -> Array:
    """Values added up by their place."""
    return np.bincount(where, values, size).astype(float)
