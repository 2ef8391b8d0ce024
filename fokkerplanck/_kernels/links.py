r"""Links of cells: where they lead, at what rate, and where something cuts them.

Along a lattice direction ``e`` the backward operator is :math:`\rho\,(f'' + z f')` in units of the
link. The three-point formula that is exact for :math:`1,\; s,\; e^{-zs}` has the rates

.. math:: w_+ = \frac{\rho}{a}\,\frac{z\,B(-za)}{B(-za) - B(zb)}, \qquad
          w_- = \frac{\rho}{b}\,\frac{z\,B(zb)}{B(-za) - B(zb)}, \qquad B(x) = \frac{x}{e^x - 1},

to a point at distance ``a`` ahead and ``b`` behind; for a = b = 1 these are the weights of
D. Scharfetter and H. Gummel, IEEE Trans. Electron Devices 16, 64 (1969), :math:`\rho B(\mp z)`,
and for z = 0 those of G. Shortley and R. Weller, J. Appl. Phys. 9, 334 (1938).

Link k of a cell is a lattice direction for k below their number, then come the axes of the upwind drift.

At a wall that reflects, links that leave are dropped. Of those that reach one cell beyond it, two at a time
make up for that by a link along the wall,

.. math:: e_k - e_l, \qquad \rho = \frac{\rho_k\,\rho_l}{2\sum_m\rho_m}, \qquad z = z_k - z_l,

e pointing outwards, the sum over all of them: a jump out along one of them that comes back along another.
Where :math:`n\cdot D\nabla f = 0` on the wall the rates then meet the operator up to O(h), as second order
asks of cells at an edge; dropping alone loses as much of the diffusion along the wall.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange
from numpy.typing import NDArray

from fokkerplanck._kernels._jit import inline, parallel, serial
from fokkerplanck._kernels.selling import Axes
from fokkerplanck._kernels.tensors import CHUNK

Array = NDArray[np.float64]
Index = NDArray[np.int32]
Mask = NDArray[np.bool_]

OPEN, REFLECTING, ABSORBING, PERIODIC = 0, 1, 2, 3  # ends of axes
SERIES = 0.4  # argument up to which six terms of Bernoulli's series are exact to rounding
B2, B4, B6, B8, B10, B12 = 1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160, -691 / 1307674368000
STEEPEST = 300.0  # tilt beyond which rates against the drift no longer fall: no cell loses its last way out


@inline
def bernoulli(x: float) -> float:
    """``x / (exp(x) - 1)``, 1 at 0."""
    if abs(x) < SERIES:  # on a fine grid nearly always, and several times faster
        y = x * x
        return 1.0 - 0.5 * x + y * (B2 + y * (B4 + y * (B6 + y * (B8 + y * (B10 + y * B12)))))
    x = min(x, STEEPEST)
    return x / math.expm1(x)


@inline
def _fitted(weight: float, z: float, a: float, b: float) -> tuple[float, float]:
    """Rates ahead and behind to points at the distances a and b."""
    if a == 1.0 and b == 1.0:
        against = bernoulli(abs(z))
        with_ = against + abs(z)
        return (weight * with_, weight * against) if z > 0.0 else (weight * against, weight * with_)
    forward, backward = bernoulli(-z * a), bernoulli(z * b)
    if abs(z) * max(a, b) < 1e-5:
        slope = 0.5 * (a + b) + z * (a * a - b * b) / 12.0
    else:
        slope = (forward - backward) / z
    return weight * forward / (a * slope), weight * backward / (b * slope)


@inline
def _direct(offset: Index, i: int, k: int, axis: int, step: Index) -> None:
    """Put link k of cell i in `step` (d,): ``offset[i, k]``, or one along `axis` if that is not negative."""
    for j in range(step.shape[0]):
        step[j] = offset[i, k, j] if axis < 0 else (1 if axis == j else 0)


@inline
def _landing(here: Index, step: Index, sign: int, shape: Axes, ends: Axes) -> tuple[int, float]:
    """The cell that a link leads to, -1 where it leads nowhere, and the part of it before an absorbing end.

    The link is ``sign * step``. At a wall a link that leaves is dropped: what is left reflects along the
    conormal ``D n``. At an open end there is hardly any mass, but a cell must keep a way back: the link ends
    on the last cell instead.
    """
    target, same, first, leaves, absorbed = 0, True, np.inf, False, False
    for j in range(len(shape)):
        there = here[j] + sign * step[j]
        if there < 0 or there >= shape[j]:
            end = ends[2 * j + (0 if there < 0 else 1)]
            if end == PERIODIC:
                there %= shape[j]
            else:
                if end != OPEN:
                    leaves = True
                    face = -0.5 if there < 0 else shape[j] - 0.5
                    part = (face - here[j]) / (sign * step[j])
                    if part < first:
                        first, absorbed = part, end == ABSORBING
                there = min(max(there, 0), shape[j] - 1)
        same &= there == here[j]
        target = target * shape[j] + there
    return (-1 if leaves or same else target), (first if absorbed else 1.0)


@inline
def _unravel(cell: int, shape: Axes, here: Index) -> None:
    for j in range(len(shape) - 1, -1, -1):
        here[j] = cell % shape[j]
        cell //= shape[j]


@serial
def cut_links(
    cells: Index,
    shape: Axes,
    ends: Axes,
    offset: Index,
    weight: Array,
    upwind: Array,
    inside: Mask,
    own: Mask,
    cell: Index,
    link: Index,
    side: Index,
    wall: Array,
) -> int:
    """Links of `cells` (m,) that leave the region `inside` (n, or empty) or end at an absorbing face.

    Writes position among `cells`, link, side (0 ahead, 1 behind) and the part of the link before an absorbing
    face, and returns their number. Marks in `own` (n) cells inside that a link from outside leads to.
    """
    d = len(shape)
    pairs = d * (d + 1) // 2
    here, step = np.empty(d, np.int32), np.empty(d, np.int32)
    count, regional = 0, inside.shape[0] > 0
    for i in range(cells.shape[0]):
        _unravel(cells[i], shape, here)
        within = not regional or inside[cells[i]]
        for k in range(pairs + d):
            axis = k - pairs
            if (weight[i, k] if axis < 0 else abs(upwind[i, axis])) == 0.0:
                continue
            _direct(offset, i, k, axis, step)
            for s in range(2):
                if axis >= 0 and (upwind[i, axis] > 0.0) == (s == 1):
                    continue
                target, part = _landing(here, step, 1 - 2 * s, shape, ends)
                if not within:
                    if target >= 0 and inside[target]:
                        own[target] = True
                    continue
                if part < 1.0 or (regional and target >= 0 and not inside[target]):
                    cell[count], link[count], side[count], wall[count] = i, k, s, part
                    count += 1
    return count


@inline
def _insert(column: Index, value: Array, i: int, filled: int, target: int, rate: float) -> int:
    """Add a rate to row i, whose columns ascend; returns its new length."""
    k = filled
    while k > 0 and column[i, k - 1] > target:
        k -= 1
    if k > 0 and column[i, k - 1] == target:
        value[i, k - 1] += rate
        return filled
    for j in range(filled, k, -1):
        column[i, j], value[i, j] = column[i, j - 1], value[i, j - 1]
    column[i, k], value[i, k] = target, rate
    return filled + 1


@inline
def _along_wall(
    wall: tuple[Index, int, Axes, Axes, Index],
    offset: Index,
    weight: Array,
    tilt: Array,
    i: int,
    column: Index,
    value: Array,
    filled: int,
) -> int:
    """Add the links along a wall of cell i to its row, and return the row's new length.

    The cell is `here`, the wall one of the ``ends``; `step` is scratch.
    """
    here, end, shape, ends, step = wall
    axis, outward = end // 2, 2 * (end % 2) - 1
    pairs = len(shape) * (len(shape) + 1) // 2
    total = 0.0
    for k in range(pairs):
        if weight[i, k] > 0.0:
            if abs(offset[i, k, axis]) > 1:
                return filled
            if offset[i, k, axis] != 0:
                total += weight[i, k]
    for k in range(pairs):
        for m in range(k):
            first, second = outward * offset[i, k, axis], outward * offset[i, m, axis]
            if first == 0 or second == 0 or weight[i, k] * weight[i, m] == 0.0:
                continue
            rho = 0.5 * weight[i, k] * (weight[i, m] / total)
            forward, backward = _fitted(rho, first * tilt[i, k] - second * tilt[i, m], 1.0, 1.0)
            for j in range(len(shape)):
                step[j] = first * offset[i, k, j] - second * offset[i, m, j]
            for s in range(2):
                target, _part = _landing(here, step, 1 - 2 * s, shape, ends)
                if target >= 0:
                    filled = _insert(column, value, i, filled, target, forward if s == 0 else backward)
    return filled


@parallel
def rows(
    cells: Index,
    shape: Axes,
    ends: Axes,
    offset: Index,
    weight: Array,
    tilt: Array,
    upwind: Array,
    slot: Index,
    distance: Array,
    leak: Array,
    column: Index,
    value: Array,
    count: Index,
) -> None:
    """Rates out of `cells` (m,): the first ``count`` (m,) of ``column`` and ``value`` (m, w), ascending.

    A cell with ``slot >= 0`` has cut links: ``distance`` (slots, links, 2) is where each ends, 0 for a whole
    one, and ``leak``, of the same shape, becomes its rate.
    """
    d = len(shape)
    pairs = d * (d + 1) // 2
    for chunk in prange((cells.shape[0] + CHUNK - 1) // CHUNK):
        here, step = np.empty(d, np.int32), np.empty(d, np.int32)
        for i in range(chunk * CHUNK, min(cells.shape[0], (chunk + 1) * CHUNK)):
            _unravel(cells[i], shape, here)
            filled = 0
            for k in range(pairs + d):
                axis = k - pairs
                if (weight[i, k] if axis < 0 else abs(upwind[i, axis])) == 0.0:
                    continue
                ahead, behind = 1.0, 1.0
                if slot[i] >= 0:
                    ahead = distance[slot[i], k, 0] or 1.0
                    behind = distance[slot[i], k, 1] or 1.0
                if axis < 0:
                    forward, backward = _fitted(weight[i, k], tilt[i, k], ahead, behind)
                else:
                    forward = max(upwind[i, axis], 0.0) / ahead
                    backward = max(-upwind[i, axis], 0.0) / behind
                _direct(offset, i, k, axis, step)
                for s in range(2):
                    rate = forward if s == 0 else backward
                    if slot[i] >= 0 and distance[slot[i], k, s] > 0.0:
                        leak[slot[i], k, s] = rate
                    elif rate > 0.0:
                        target, _part = _landing(here, step, 1 - 2 * s, shape, ends)
                        if target >= 0:
                            filled = _insert(column, value, i, filled, target, rate)
            for end in range(2 * d):
                if ends[end] == REFLECTING and here[end // 2] == (end % 2) * (shape[end // 2] - 1):
                    wall = (here, end, shape, ends, step)
                    filled = _along_wall(wall, offset, weight, tilt, i, column, value, filled)
            count[i] = filled


@parallel
def pack(start: Index, column: Index, value: Array, columns: Index, values: Array) -> None:
    """Close the gaps: rows (m, w) into ``columns`` and ``values``, row i from ``start[i]``."""
    for chunk in prange((start.shape[0] - 1 + CHUNK - 1) // CHUNK):
        for i in range(chunk * CHUNK, min(start.shape[0] - 1, (chunk + 1) * CHUNK)):
            for k in range(start[i + 1] - start[i]):
                columns[start[i] + k] = column[i, k]
                values[start[i] + k] = value[i, k]
