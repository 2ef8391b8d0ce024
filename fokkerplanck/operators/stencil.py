r"""The finite-volume stencil: links, exponentially fitted rates, and links cut by an edge.

Along a lattice direction ``e`` the backward operator is :math:`\rho\,(f'' + z f')` in units of the
link. The three-point formula that is exact for :math:`1,\; s,\; e^{-zs}` has the rates

.. math:: w_+ = \frac{\rho}{a}\,\frac{z\,B(-za)}{B(-za) - B(zb)}, \qquad
          w_- = \frac{\rho}{b}\,\frac{z\,B(zb)}{B(-za) - B(zb)}, \qquad B(x) = \frac{x}{e^x - 1},

to a point at distance ``a`` ahead and ``b`` behind; for a = b = 1 these are the weights of
D. Scharfetter and H. Gummel, IEEE Trans. Electron Devices 16, 64 (1969), :math:`\rho B(\mp z)`,
and for z = 0 those of G. Shortley and R. Weller, J. Appl. Phys. 9, 334 (1938).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from fokkerplanck.grid import Grid, Level
from fokkerplanck.operators.selling import Directions, Index

Array = NDArray[np.float64]
Sink = Callable[[Array], Index]  # points on an edge (m, d) -> number of the sink (m,)

# An edge nearer to a node than this fraction of a link is taken to be at this distance.
CLOSEST = 1e-7
STEEPEST = 300.0  # drift over diffusion along a link beyond which rates against it no longer fall


@dataclass(frozen=True)
class Rates:
    """Rates of a Markov chain on cells: off-diagonal ``links`` (n, n) and ``killing`` (n, sinks).

    The diagonal, minus the sum of a row, is never stored: it would lose the small killing rates.
    """

    links: sparse.csr_array
    killing: Array


def bernoulli(x: Array) -> Array:
    """``x / (exp(x) - 1)``, 1 at 0; never quite 0, so that no cell loses its last way out."""
    x = np.minimum(x, STEEPEST)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(np.abs(x) < 1e-5, 1.0 - 0.5 * x, x / np.expm1(x))


def fitted(weight: Array, z: Array, ahead: Array, behind: Array) -> tuple[Array, Array]:
    """Rates (w+, w-) of the fitted three-point formula; arrays of one shape."""
    forward, backward = bernoulli(-z * ahead), bernoulli(z * behind)
    small = np.abs(z) * np.maximum(ahead, behind) < 1e-5
    safe = np.where(small, 1.0, z)
    slope = np.where(
        small, 0.5 * (ahead + behind) + z * (ahead**2 - behind**2) / 12.0, (forward - backward) / safe
    )
    return weight * forward / (ahead * slope), weight * backward / (behind * slope)


def links(grid: Grid, directions: Directions, sign: int) -> tuple[Index, Array]:
    """Target cell of every link (n, k), -1 where it leaves the box, and the fraction of the link at which
    it meets an absorbing end (1 where it meets none).

    At a wall a link that leaves is dropped: what is left reflects along ``D n``, the conormal. At an open end
    there is hardly any mass, but a cell must keep a way back: the link ends on the last cell instead.
    """
    offset = sign * directions.offset
    n, k, d = offset.shape
    here = np.stack(np.unravel_index(np.arange(n), grid.shape), axis=1)[:, None, :]
    there = here + offset
    leaves = np.zeros((n, k), dtype=bool)
    first = np.full((n, k), np.inf)
    absorbed = np.zeros((n, k), dtype=bool)
    for j, axis in enumerate(grid.axes):
        if axis.periodic:
            there[..., j] %= axis.cells
            continue
        for out, face, end in (
            (there[..., j] < 0, -0.5, axis.ends[0]),
            (there[..., j] >= axis.cells, axis.cells - 0.5, axis.ends[1]),
        ):
            with np.errstate(divide="ignore", invalid="ignore"):
                fraction = np.where(out, (face - here[..., j]) / offset[..., j], np.inf)
            if end != "open":
                absorbed = np.where(fraction < first, end == "absorbing", absorbed)
                first = np.minimum(first, fraction)
                leaves |= out
        there[..., j] = np.clip(there[..., j], 0, axis.cells - 1)
    there = np.where(leaves[..., None], 0, there)
    target = np.ravel_multi_index(tuple(there[..., j] for j in range(d)), grid.shape)
    nowhere = leaves | (target == np.arange(n)[:, None])
    return np.where(nowhere, -1, target), np.where(absorbed, first, 1.0)


def assemble(
    grid: Grid,
    directions: Directions,
    z: Array,
    potential: Array | None = None,
    level: Level | None = None,
    sink: Sink | None = None,
    sinks: int = 1,
) -> Rates:
    """Rates on all cells of the grid; links that leave the region ``level > 0`` or end at an absorbing
    face are cut there and lead to the sinks.

    Without a potential each cell uses its own coefficients (Itô form). With one (``p ~ exp(-U)``, n),
    the two cells of a link share its weight, which makes the stationary law exact.
    """
    n = grid.size
    targets = {s: links(grid, directions, s) for s in (1, -1)}
    cut = {s: _cut(grid, directions, s, *targets[s], level) for s in (1, -1)}
    rows_cut = np.asarray((cut[1].is_cut | cut[-1].is_cut).any(axis=1))
    forward, backward = fitted(directions.weight, z, cut[1].distance, cut[-1].distance)
    rows, columns, values = [], [], []
    killing = np.zeros((n, sinks))
    for s, rate in ((1, forward), (-1, backward)):
        target, is_cut = targets[s][0], cut[s].is_cut
        live = (target >= 0) & ~is_cut & (directions.weight > 0)
        if potential is not None:
            live &= rows_cut[:, None]
        i, k = np.nonzero(live)
        rows.append(i)
        columns.append(target[i, k])
        values.append(rate[i, k])
        i, k = np.nonzero(is_cut)
        where = sink(cut[s].points) if sink is not None else np.zeros(len(i), dtype=np.int64)
        np.add.at(killing, (i, where), rate[i, k])
        if potential is not None:
            for a, b, w in _shared(directions, target, potential):
                keep = ~rows_cut[a]
                rows.append(a[keep])
                columns.append(b[keep])
                values.append(w[keep])
    entries = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    matrix = sparse.coo_array(entries, shape=(n, n)).tocsr()
    matrix.sum_duplicates()
    return Rates(matrix, killing)


@dataclass(frozen=True)
class _Cut:
    is_cut: NDArray[np.bool_]
    distance: Array  # (n, k), 1 where the link is whole
    points: Array  # (cuts, d), where the cut links meet the edge, in the order of np.nonzero


def _shared(directions: Directions, target: Index, potential: Array) -> list[tuple[Index, Index, Array]]:
    """Half of every link's weight, there and back, with detailed balance to ``exp(-potential)``."""
    i, k = np.nonzero((target >= 0) & (directions.weight > 0))
    j = target[i, k]
    half = 0.5 * directions.weight[i, k]
    rise = potential[j] - potential[i]
    return [(i, j, half * bernoulli(rise)), (j, i, half * bernoulli(-rise))]


def _cut(
    grid: Grid, directions: Directions, sign: int, target: Index, wall: Array, level: Level | None
) -> _Cut:
    """Which links are cut and where."""
    points, h = grid.points(), grid.spacing
    distance = wall.copy()
    is_cut = wall < 1.0
    if level is not None:
        inside = level(points) > 0
        crosses = inside[:, None] & ((target < 0) | ~inside[np.maximum(target, 0)]) & (directions.weight > 0)
        # A link that leaves the box through an open or reflecting face leads nowhere; it is not cut.
        crosses &= (target >= 0) | is_cut
        i, k = np.nonzero(crosses & inside[:, None])
        step = sign * directions.offset[i, k] * h
        fraction = _crossing(level, points[i], step, distance[i, k])
        distance[i, k] = fraction
        is_cut = (is_cut | crosses) & inside[:, None]
    is_cut = is_cut & (directions.weight > 0)
    distance = np.where(is_cut, np.clip(distance, CLOSEST, 1.0), 1.0)
    i, k = np.nonzero(is_cut)
    return _Cut(is_cut, distance, points[i] + distance[i, k][:, None] * sign * directions.offset[i, k] * h)


def _crossing(level: Level, start: Array, step: Array, end: Array) -> Array:
    """First sign change of the level along ``start + t step``, 0 < t <= end, by bisection (m,).

    Where there is none, `end`.
    """
    low, high = np.zeros(len(start)), end.copy()
    if not len(start):
        return high
    outside = level(start + high[:, None] * step) <= 0
    for _ in range(45):
        middle = 0.5 * (low + high)
        positive = level(start + middle[:, None] * step) > 0
        low, high = np.where(positive & outside, middle, low), np.where(~positive & outside, middle, high)
    return high
