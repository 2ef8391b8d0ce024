r"""A Markov chain between two regions: the cells there, and the links into and out of the regions.

A link from the cell i that the edge of a region cuts ends on a cell g beyond it. The committor along it is
that of one dimension, :math:`q'' + zq' = 0` with the tilt :math:`z = \ln w_{ig}/w_{gi}` of the link, so that
it reaches the value of the edge at the share

.. math:: \varphi = \frac{1 - e^{-z\theta}}{1 - e^{-z}}

of the way to its value beyond, if the edge falls at the part :math:`\theta` of the link. The process that
runs backwards in time has the rates :math:`\pi_g w_{gi}/\pi_i`, the tilt :math:`2\ln(\pi_g/\pi_i) - z` and a
share of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from fokkerplanck.grid import Grid, Level
from fokkerplanck.operators.cells import split
from fokkerplanck.operators.cuts import CLOSEST, crossing
from fokkerplanck.operators.landings import all_landings
from fokkerplanck.operators.restriction import Restriction
from fokkerplanck.solvers.linear import Killed

if TYPE_CHECKING:
    from fokkerplanck.operators.transition import Step

Array = NDArray[np.float64]
Index = NDArray[np.int64]

STEEPEST = 300.0  # tilt of a link beyond which the share no longer changes


@dataclass(frozen=True)
class Between:
    """The chain on the ``cells`` (m,) between a source and a target, with rates ``links`` (m, m).

    Links across the edges, one by one: the ``cell`` (c,) between, by its place; whether they lead to the
    ``target`` (c,); the rate ``out`` (c,) out of the cell and the stationary flow ``into`` (c,) it; the
    shares ``ahead`` and ``back`` (c,) at which the edge is met, forwards and backwards in time; and the way
    ``step`` (c, d) from the cell to the other end. ``lost`` (m,) is the rate at which ends of the box absorb,
    ``mass`` (m,) the stationary mass of the cells, ``at_source`` that of the source; ``direct`` is the flow
    that jumps from the source to the target.
    """

    cells: Index
    links: sparse.csr_array
    cell: Index
    target: NDArray[np.bool_]
    out: Array
    into: Array
    ahead: Array
    back: Array
    step: Array
    lost: Array
    mass: Array
    at_source: float
    direct: float
    companion: Killed | None = None


def of_generator(
    grid: Grid, links: sparse.csr_array, lost: Array, mass: Array, source: Level, target: Level
) -> Between:
    """Cut short links, such as those of a generator, at the edges of two regions."""

    def level(x: Array) -> Array:
        return -np.maximum(source(x), target(x))

    points = grid.points()
    between = level(points) > 0
    cells, beyond = np.flatnonzero(between), np.flatnonzero(~between)
    at_target = target(points) > source(points)
    rows = links[cells, :].tocsc()
    # One pattern for both directions: out of the cell between, and into it.
    both = (rows[:, beyond] + 1j * links[beyond, :].tocsc()[:, cells].T).tocoo()
    cell, far = both.row.astype(np.int64), beyond[both.col]
    start, step = points[cells[cell]], displacement(grid, cells[cell], far)
    part = np.clip(crossing(level, start, step, np.ones(len(cell))), CLOSEST, 1.0)
    edge = start + part[:, None] * step
    out, back = both.data.real, both.data.imag
    tilt = _log_ratio(out, back)
    reverse = 2.0 * _log_ratio(mass[far], mass[cells[cell]]) - tilt
    from_, to = np.flatnonzero(~between & ~at_target), np.flatnonzero(~between & at_target)
    straight = links[from_, :].tocsc()[:, to].tocoo()
    a, b = from_[straight.row], to[straight.col]
    way = displacement(grid, a, b)
    # Of a link from one region to the other only what lies between them resists.
    leaves = crossing(source, points[a], way, np.ones(len(a)))
    enters = 1.0 - crossing(target, points[a] + way, -way, np.ones(len(a)))
    return Between(
        cells,
        rows[:, cells].tocsr(),
        cell,
        target(edge) > source(edge),
        out,
        back * mass[far],
        _share(tilt, part),
        _share(np.where((out > 0) & (back > 0), reverse, 0.0), part),
        step,
        lost[cells],
        mass[cells],
        float(mass[~between & ~at_target].sum()),
        float((mass[a] * straight.data / np.maximum(enters - leaves, CLOSEST)).sum()),
    )


def of_chain(
    grid: Grid, step: Callable[[Array], Step], r: Restriction, mass: Array, source: Level, target: Level
) -> Between:
    """The steps of a chain into and out of two regions; `r` is the chain between them. No step is cut: it
    lands where it lands, on cells that are split where an edge cuts them."""
    share, middle = split(grid, lambda x: -np.maximum(source(x), target(x)))
    node = [grid.points() + middle[:, part] * grid.spacing for part in (0, 1)]
    held = [_at_nodes(grid, mass, middle[:, part]) * share[:, part] for part in (0, 1)]
    at_target = target(node[1]) > source(node[1])

    def wanted(row: Index, cell: Index, part: Index) -> NDArray[np.bool_]:
        return np.asarray((part == 1) | (~at_target[row] & at_target[cell]))

    # Seen from the regions, what lies between them is outside.
    row, cell, part, value = all_landings(grid, step, share[:, ::-1], middle[:, ::-1], wanted)
    flow, enters = held[1][row] * value, part == 1
    outside, gates = np.flatnonzero(share[:, 1] > 0), r.gates
    here = np.concatenate([r.cells[gates.cell], cell[enters]])
    there = np.concatenate([outside[gates.to], row[enters]])
    way = wrapped(grid, node[1][there] - node[0][here])
    no_rate, no_flow = np.zeros(int(enters.sum())), np.zeros(len(gates.cell))
    whole = np.ones(len(here))
    return Between(
        r.cells,
        r.links,
        np.searchsorted(r.cells, here),
        at_target[there],
        np.concatenate([gates.rate, no_rate]),
        np.concatenate([no_flow, flow[enters]]),
        whole,
        whole,
        way,
        r.chain.killing - np.bincount(gates.cell, gates.rate, len(r.cells)),
        held[0][r.cells],
        float(held[1][~at_target].sum()),
        float(flow[~enters].sum()),
        r.companion,
    )


def _at_nodes(grid: Grid, mass: Array, middle: Array) -> Array:
    """Masses (n,) that cells would have if their centres were at `middle` (n, d), in cells."""
    log = np.log(np.maximum(mass, 1e-300)).reshape(grid.shape)
    slopes = np.gradient(log) if grid.ndim > 1 else [np.gradient(log)]
    shift = sum(g.ravel() * middle[:, k] for k, g in enumerate(slopes))
    return np.asarray(mass * np.exp(shift))


def displacement(grid: Grid, start: Index, end: Index) -> Array:
    """The way (c, d) from cells to others, the shorter one along a periodic axis."""
    here, there = (np.stack(np.unravel_index(x, grid.shape), axis=1) for x in (start, end))
    return wrapped(grid, (there - here) * grid.spacing)


def wrapped(grid: Grid, way: Array) -> Array:
    """The shorter ways (c, d) round periodic axes."""
    for k, axis in enumerate(grid.axes):
        if axis.periodic:
            period = axis.high - axis.low
            way[:, k] -= period * np.round(way[:, k] / period)
    return way


def _log_ratio(a: Array, b: Array) -> Array:
    """``ln a/b``, 0 where either is."""
    both = (a > 0) & (b > 0)
    ratio = np.log(np.where(both, a, 1.0)) - np.log(np.where(both, b, 1.0))
    return np.asarray(np.clip(ratio, -STEEPEST, STEEPEST))


def _share(tilt: Array, part: Array) -> Array:
    """``(1 - exp(-z s)) / (1 - exp(-z))``, s for z = 0."""
    z = np.where(np.abs(tilt) < 1e-8, 1e-8, tilt)
    # For z < 0 both exponentials are taken relative to the larger one.
    falling = np.expm1(-np.abs(z) * part) / np.expm1(-np.abs(z))
    rising = np.exp(-np.abs(z) * (1.0 - part)) * falling
    return np.asarray(np.where(z > 0, falling, rising))
