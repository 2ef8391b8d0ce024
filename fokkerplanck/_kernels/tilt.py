r"""How the drift of a cell goes along its links.

Links with weights :math:`\rho_k` along :math:`e_k` carry :math:`\rho_k z_k e_k` of the drift each, with the
tilt :math:`z_k = e_k\cdot\gamma`. With :math:`\gamma = A^{-1}b` that is all of b. In directions in which
there is no noise, or so little that long links would spread more than they carry, the drift goes upwind along
the axes.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange
from numpy.typing import NDArray

from fokkerplanck._kernels._jit import inline, parallel
from fokkerplanck._kernels.selling import Axes, decompose
from fokkerplanck._kernels.tensors import CHUNK, Spacing, eigen, lattice_tensor, solve

Array = NDArray[np.float64]
Index = NDArray[np.int32]

# What a cell's links are, flags: shorter than D asks for; and spreading more, along the direction of least
# noise, than the noise itself.
BOUNDED, UPWIND = 1, 2

SINGULAR = 1e-12  # an eigenvalue below this part of the largest is rounding
TOLERATED = 0.25  # part of all upwinding that fitted links may spread before another way is sought
STEEP = 4.0  # tilt below which fitted weights add less than there is
CLEAR = 2.0  # how much more spreading by links that carry all the drift is worth what they are exact for
VARIANCE = 12.0  # squared length of a box over the variance of a uniform law in it
NO_NOISE = 1e12  # tilt beyond which a link has no noise to speak of


@inline
def excess(z: float) -> float:
    """Second moment that the fitted weights of a link add to its own, relative."""
    x = 0.5 * abs(z)
    return x * x / 3.0 if x < 1e-3 else x / math.tanh(x) - 1.0


@inline
def added_along(
    u: Array, offset: Index, weight: Array, tilt: Array, upwind: Array, spacing: Spacing
) -> float:
    """Second moment along the unit vector u that fitted and upwind rates add to that of the weights."""
    d = len(spacing)
    total = 0.0
    for j in range(d):
        total += 0.5 * abs(upwind[j]) * u[j] ** 2
    for k in range(d * (d + 1) // 2):
        if weight[k] > 0.0:
            along = 0.0
            for j in range(d):
                along += offset[k, j] * u[j]
            total += weight[k] * along**2 * excess(tilt[k])
    return total


@inline
def _along_axes(b: Array, offset: Index, weight: Array, tilt: Array, upwind: Array, spacing: Spacing) -> None:
    """Tilts where every link runs along an axis."""
    d = len(spacing)
    for j in range(d):
        upwind[j] = b[j]
    for k in range(d * (d + 1) // 2):
        if weight[k] > 0.0:
            for j in range(d):
                if offset[k, j] != 0 and abs(b[j]) < NO_NOISE * weight[k]:
                    tilt[k] = b[j] * offset[k, j] / weight[k]
                    upwind[j] = 0.0


@inline
def _set(gamma: Array, offset: Index, tilt: Array, spacing: Spacing) -> None:
    d = len(spacing)
    for k in range(d * (d + 1) // 2):
        tilt[k] = 0.0
        for j in range(d):
            tilt[k] += gamma[j] * offset[k, j]


@inline
def _split(
    a: Array,
    b: Array,
    offset: Index,
    weight: Array,
    tilt: Array,
    upwind: Array,
    square: Array,
    row: Array,
    spacing: Spacing,
) -> None:
    """Fit the drift along as many of the strongest eigenvectors as makes the links spread it least.

    The rest goes upwind along the axes. `square` (2, d, d) and `row` (3, d) are scratch.
    """
    d = len(spacing)
    copy, vectors = square[0], square[1]
    values, gamma, rest = row[0], row[1], row[2]
    copy[:] = a
    eigen(copy, values, vectors, spacing)
    gamma[:] = 0.0
    least = np.inf
    for rank in range(d + 1):
        if rank > 0:
            if values[rank - 1] <= SINGULAR * values[0]:
                break
            part = 0.0
            for j in range(d):
                part += vectors[j, rank - 1] * b[j]
            for j in range(d):
                gamma[j] += vectors[j, rank - 1] * part / values[rank - 1]
        spread = 0.0
        for i in range(d):
            rest[i] = b[i]
            for j in range(d):
                rest[i] -= a[i, j] * gamma[j]
            spread += 0.5 * abs(rest[i])
        for k in range(d * (d + 1) // 2):
            if weight[k] > 0.0:
                z, length = 0.0, 0.0
                for j in range(d):
                    z += gamma[j] * offset[k, j]
                    length += offset[k, j] ** 2
                spread += weight[k] * length * excess(z)
        # Fitted weights also keep tails exact: they give way only where they spread far more.
        if spread < least or (rank == d and spread < CLEAR * least):
            least = spread
            upwind[:] = rest
            _set(gamma, offset, tilt, spacing)


@inline
def _carry(
    a: Array,
    b: Array,
    offset: Index,
    weight: Array,
    tilt: Array,
    upwind: Array,
    square: Array,
    row: Array,
    spacing: Spacing,
) -> int:
    """Tilts and upwind drift of one cell, and what its links are."""
    d = len(spacing)
    slanted = False
    for k in range(d * (d + 1) // 2):
        tilt[k] = 0.0
        if weight[k] > 0.0:
            axes = 0
            for j in range(d):
                axes += abs(offset[k, j])
            slanted |= axes > 1
    if not slanted:
        _along_axes(b, offset, weight, tilt, upwind, spacing)
    else:
        gamma, fitted = row[1], False
        if solve(a, b, gamma, square[0], SINGULAR, spacing):
            _set(gamma, offset, tilt, spacing)
            spread, everything = 0.0, 0.0
            for j in range(d):
                upwind[j] = 0.0
                everything += 0.5 * abs(b[j])
            for k in range(d * (d + 1) // 2):
                for j in range(d):
                    # A bound of `excess` that costs no exponential.
                    spread += weight[k] * offset[k, j] ** 2 * tilt[k] ** 2 / 12.0
            fitted = spread <= TOLERATED * everything
        if not fitted:
            _split(a, b, offset, weight, tilt, upwind, square, row, spacing)
    steep = False
    for k in range(d * (d + 1) // 2):
        steep |= weight[k] > 0.0 and abs(tilt[k]) > STEEP
    for j in range(d):
        steep |= upwind[j] != 0.0
    if steep:
        square[0][:] = a
        eigen(square[0], row[0], square[1], spacing)
        for j in range(d):
            row[1, j] = square[1, j, d - 1]
        if added_along(row[1], offset, weight, tilt, upwind, spacing) > row[0, d - 1]:
            return UPWIND
    return 0


@parallel
def added_share(
    drift: Array,
    diffusion: Array,
    spacing: Spacing,
    cells: Axes,
    offset: Index,
    weight: Array,
    tilt: Array,
    upwind: Array,
    share: Array,
    widened: Array,
) -> None:
    """Share (n,) of what links add, in what spreads along the principal axis of D where it is largest, and
    the share ``widened`` (n,) of what shortening the links alone adds.

    Along an axis spread D itself and drift b that changes as fast as D mixes across the box, `cells` an axis,
    along another axis: at the rate r, by b^2/r.
    """
    d = len(spacing)
    pairs = d * (d + 1) // 2
    for chunk in prange((drift.shape[0] + CHUNK - 1) // CHUNK):
        a, vectors, values, u = np.empty((d, d)), np.empty((d, d)), np.empty(d), np.empty(d)
        rates = np.empty(d)
        e, rho, z, rest = np.empty((pairs, d), np.int32), np.empty(pairs), np.empty(pairs), np.empty(d)
        for c in range(chunk * CHUNK, min(drift.shape[0], (chunk + 1) * CHUNK)):
            lattice_tensor(diffusion, c, spacing, a)
            eigen(a, values, vectors, spacing)
            e[:], rho[:], z[:], rest[:] = offset[c], weight[c], tilt[c], upwind[c]
            share[c] = widened[c] = 0.0
            for i in range(d):
                box = 0.0
                for j in range(d):
                    box += abs(vectors[j, i]) * cells[j]
                rates[i] = VARIANCE * max(values[i], 0.0) / box**2
            for i in range(d):
                carried, second, mixing = 0.0, 0.0, 0.0
                for j in range(d):
                    u[j] = vectors[j, i]
                    carried += u[j] * drift[c, j] / spacing[j]
                    if j != i:
                        mixing = max(mixing, rates[j])
                for k in range(pairs):
                    along = 0.0
                    for j in range(d):
                        along += e[k, j] * u[j]
                    second += rho[k] * along**2
                physical = max(values[i], 0.0)
                longer = second - physical
                more = longer + added_along(u, e, rho, z, rest, spacing)
                if mixing > 0.0:
                    physical += carried**2 / mixing
                if more > SINGULAR * values[0]:
                    share[c] = max(share[c], more / (more + physical))
                if longer > SINGULAR * values[0]:
                    widened[c] = max(widened[c], longer / (longer + physical))


@parallel
def directions(
    drift: Array,
    diffusion: Array,
    spacing: Spacing,
    reach: Axes,
    offset: Index,
    weight: Array,
    tilt: Array,
    upwind: Array,
    kind: NDArray[np.uint8],
) -> None:
    """Links of cells from drift (n, d) and diffusion (n, d, d), in units of the cell widths.

    Pairs of opposite links: ``offset`` (n, k, d), ``weight`` and ``tilt`` (n, k); ``upwind`` (n, d); ``kind``
    (n,). Offsets stay within `reach` (d,).
    """
    n, d = drift.shape[0], len(spacing)
    pairs = d * (d + 1) // 2
    for chunk in prange((n + CHUNK - 1) // CHUNK):
        # Scratch for one cell: a view of the big arrays for each would cost more than the arithmetic.
        a, b, base = np.empty((d, d)), np.empty(d), np.empty((d + 1, d))
        square, row = np.empty((2, d, d)), np.empty((3, d))
        e, rho, z, rest = np.empty((pairs, d), np.int32), np.empty(pairs), np.empty(pairs), np.empty(d)
        for c in range(chunk * CHUNK, min(n, (chunk + 1) * CHUNK)):
            lattice_tensor(diffusion, c, spacing, a)
            added = decompose(a, reach, base, e, rho)
            trace = 0.0
            for j in range(d):
                trace += a[j, j]
                a[j, j] += added
                b[j] = drift[c, j] / spacing[j]
            kind[c] = _carry(a, b, e, rho, z, rest, square, row, spacing)
            if added > SINGULAR * trace:
                kind[c] |= BOUNDED
            for k in range(pairs):
                weight[c, k], tilt[c, k] = rho[k], z[k]
                for j in range(d):
                    offset[c, k, j] = e[k, j]
            for j in range(d):
                upwind[c, j] = rest[j]
