r"""Surfaces that a process cannot cross: there the law collapses, or falls in two.

A surface with normal n is one if neither noise nor drift act across it, :math:`D n = 0` and
:math:`(b - \nabla\cdot D)\cdot n = 0` (Itô). Two kinds are looked for: surfaces on which D becomes singular,
and those inside a domain where it is singular anyway, on which the drift out of its range, :math:`c = (1 -
D^+ D)(b - \nabla\cdot D)`, vanishes while no noise moves c. Momentum is neither: there c is the velocity,
which noise does move.

All lengths here are cells.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.estimate import NotValidHere
from fokkerplanck.grid import Grid
from fokkerplanck.operators.checks import SINGULAR, Coefficients, name_of

Array = NDArray[np.float64]

GOLDEN = 0.5 * (3 - 5**0.5)
NARROWINGS = 60
MOST = 512  # places that are looked at closely
STEP = 1e-2  # of difference quotients
NOTHING = 1e-2  # what is smaller than this part of its change over a step is zero
SAMPLES = {1: 512, 2: 96, 3: 32}  # cells an axis on which a singular domain is searched, whatever the grid
FLAT = 1e-6  # part of the largest slope of a quantity along which it does not change
UNMOVED = 1e-6  # part of the noise below which it does not move a quantity
NEWTON = 4


def noise_vanishes(grid: Grid, coefficients: Coefficients, smallest: Array) -> bool:
    """Whether D, regular elsewhere, becomes singular on a surface; refuses one that cannot be crossed.

    Minima along grid lines of its smallest eigenvalue (n,) on the cells are followed down.
    """
    place = _Place(grid, coefficients)
    found = False
    for axis, low, high in _dips(grid, smallest):
        start = np.maximum(place.smallest(low), place.smallest(high))
        for _ in range(NARROWINGS):
            a, b = low + (high - low) * GOLDEN, high - (high - low) * GOLDEN
            left = (place.smallest(a) <= place.smallest(b))[:, None]
            low, high = np.where(left, low, a), np.where(left, b, high)
        x = 0.5 * (low + high)
        x = x[place.smallest(x) < SINGULAR * start]
        found |= len(x) > 0
        closed = place.closed(x, axis)
        if closed.any():
            _refuse(grid, x[closed][0])
    return found


def _dips(grid: Grid, smallest: Array) -> Iterator[tuple[int, Array, Array]]:
    """Axis and brackets, two arrays (m, d), around deep minima between neighbours along each axis."""
    value = smallest.reshape(grid.shape)
    centres = [a.centres for a in grid.axes]
    for k in range(grid.ndim):
        v = np.moveaxis(value, k, 0)
        # A zero between two nodes shows as a deep local minimum: quadratic zeros have ratios of 9 or more.
        dip = (
            (v[1:-1] <= v[:-2] * (1 + 1e-9))
            & (v[1:-1] <= v[2:] * (1 + 1e-9))
            & (3 * v[1:-1] < np.maximum(v[:-2], v[2:]))
        )
        if not dip.any():
            continue
        where = [i[:MOST] for i in np.nonzero(np.moveaxis(dip, 0, k))]
        low, high = (
            np.stack(
                [c[i + (j == k) * s] for j, (c, i) in enumerate(zip(centres, where, strict=True))], axis=1
            )
            for s in (0, 2)
        )
        yield k, low, high


def check_collapse(grid: Grid, coefficients: Coefficients) -> None:
    """Refuse surfaces that cannot be crossed where D is singular in a whole domain."""
    sample = Grid.from_axes(replace(a, cells=SAMPLES[grid.ndim]) for a in grid.axes)
    place = _Place(sample, coefficients)
    x = sample.points()
    c, d, rank = place.outside_range(x)
    across = c.reshape(*sample.shape, -1)
    slope = np.stack([np.gradient(across, axis=k).reshape(c.shape) for k in range(grid.ndim)], axis=2)
    within = (np.abs(c) <= 0.5 * np.abs(slope).sum(axis=2)).all(axis=1)
    near = (rank < grid.ndim) & within & (_moved(slope, d) < 0.1)
    x, closed = _settled(place, x[near][:MOST])
    x = x[closed]
    if not len(x):
        return
    # A surface is closed all along, not where it only touches the direction of the noise.
    size, right = np.linalg.svd(place.slopes(x)[0].mean(axis=0))[1:]
    tangents = right * (size <= FLAT * size[:, :1])[:, :, None] * place.spacing
    all_along = np.ones(len(x), dtype=bool)
    for step in np.moveaxis(np.concatenate([tangents, -tangents], axis=1), 1, 0):
        all_along &= _settled(place, x + step)[1]
    if all_along.any():
        _refuse(grid, x[all_along][0])


def _settled(place: _Place, x: Array) -> tuple[Array, NDArray[np.bool_]]:
    """The nearest points (m, d) to x where c vanishes, and whether nothing moves it there."""
    for _ in range(NEWTON):
        c, _, rank = place.outside_range(x)
        x = x - np.clip(_step_to_zero(c, place.slopes(x)[0].mean(axis=0), rank), -1.0, 1.0) * place.spacing
    c, d, _ = place.outside_range(x)
    (ahead, behind), same = place.slopes(x)
    size = np.abs(ahead).sum(axis=(1, 2)) + np.abs(behind).sum(axis=(1, 2))
    unmoved = np.maximum(_moved(ahead, d), _moved(behind, d)) <= UNMOVED
    return x, np.asarray(same & unmoved & (np.abs(c).sum(axis=1) <= NOTHING * size))


def _step_to_zero(c: Array, slope: Array, rank: NDArray[np.intp]) -> Array:
    """Newton's step, shortest, for the directions in which there is no noise: c has no more components."""
    left, size, right = np.linalg.svd(slope)
    keep = np.arange(c.shape[1]) < (c.shape[1] - rank)[:, None]
    part = np.where(keep, np.einsum("nji,nj->ni", left, c) / np.maximum(size, 1e-300), 0.0)
    return np.asarray(np.einsum("nji,nj->ni", right, part))


def _moved(slope: Array, d: Array) -> Array:
    """Noise in a quantity with gradients (n, i, j), relative to the most there could be."""
    noise = np.einsum("nij,njk,nik->n", slope, d, slope)
    most = np.einsum("nij,nij->n", slope, slope) * np.einsum("njj->n", d)
    return np.asarray(noise / np.maximum(most, 1e-300))


class _Place:
    """Coefficients and their derivatives at points (m, d), in units of the cells."""

    def __init__(self, grid: Grid, coefficients: Coefficients):
        self.spacing, self._coefficients = grid.spacing, coefficients
        self._step = STEP * grid.spacing
        self._steps = np.diag(self._step)

    def smallest(self, x: Array) -> Array:
        """Smallest eigenvalue of D, (m,)."""
        scaled = self._coefficients(x)[1] / np.multiply.outer(self.spacing, self.spacing)
        return np.asarray(np.linalg.eigvalsh(scaled)[:, 0], dtype=float)

    def _tensor(self, x: Array) -> tuple[Array, Array]:
        """Drift less the divergence of D (m, d), and D (m, d, d)."""
        drift, d = self._coefficients(x)
        scale = np.multiply.outer(self.spacing, self.spacing)
        b = drift / self.spacing
        for j, step in enumerate(self._steps):
            rise = (self._coefficients(x + step)[1] - self._coefficients(x - step)[1]) / scale
            b = b - rise[:, :, j] / (2 * STEP)
        return b, d / scale

    def outside_range(self, x: Array) -> tuple[Array, Array, NDArray[np.intp]]:
        """The drift c that lies outside the range of D (m, d), 0 where D is regular; D; and its rank (m,)."""
        b, d = self._tensor(x)
        values, vectors = np.linalg.eigh(d)
        null = values <= SINGULAR * np.maximum(values[:, -1:], 1e-300)
        return np.einsum("nij,nj,nkj,nk->ni", vectors, null, vectors, b), d, np.sum(~null, axis=1)

    def slopes(self, x: Array) -> tuple[Array, NDArray[np.bool_]]:
        """Derivatives of c, a step ahead and a step behind (2, m, i, j), and whether D keeps its rank
        there."""
        c, _, rank = self.outside_range(x)
        slopes, same = np.empty((2, *x.shape, x.shape[1])), np.ones(len(x), dtype=bool)
        for j, step in enumerate(self._steps):
            for side, sign in enumerate((1.0, -1.0)):
                there, _, rank_there = self.outside_range(x + sign * step)
                slopes[side, :, :, j] = sign * (there - c) / STEP
                same &= rank_there == rank
        return slopes, same

    def closed(self, x: Array, axis: int) -> NDArray[np.bool_]:
        """Whether neither noise nor drift cross the surface through x (m, d) on which D is singular, (m,).

        The surface is one that `axis` crosses.
        """
        if not len(x):
            return np.zeros(0, dtype=bool)
        n = self._normal(x, np.eye(x.shape[1])[axis])
        off = [self._across(x + sign * n * self._step, n) for sign in (1.0, -1.0)]
        noise, drift = np.max(off, axis=0)
        some = np.abs(self._coefficients(x)[0] / self.spacing).sum(axis=1)
        tangents = np.linalg.eigh(np.einsum("ni,nj->nij", n, n))[1][:, :, :-1]
        closed = noise > 0
        for step in (0.0 * n, *np.moveaxis(tangents, 2, 0), *np.moveaxis(-tangents, 2, 0)):
            there = x + step * self._step
            noise_there, drift_there = self._across(there, self._normal(there, n))
            closed &= (noise_there <= 0.05 * noise) & (drift_there <= NOTHING * drift + 1e-9 * some)
        return np.asarray(closed)

    def _across(self, x: Array, n: Array) -> tuple[Array, Array]:
        """Noise and drift along n."""
        b, d = self._tensor(x)
        return np.einsum("ni,nij,nj->n", n, d, n), np.abs(np.einsum("nj,nj->n", n, b))

    def _normal(self, x: Array, off: Array) -> Array:
        """Normal of the surface through x on which D is singular: the gradient, a step off it, of the
        smallest eigenvalue."""
        there = x + off * self._step
        rise = [self.smallest(there + 0.1 * e) - self.smallest(there - 0.1 * e) for e in self._steps]
        gradient = np.stack(rise, axis=1)
        return np.asarray(gradient / np.maximum(np.linalg.norm(gradient, axis=1, keepdims=True), 1e-300))


def _refuse(grid: Grid, x: Array) -> None:
    raise NotValidHere(
        f"the noise vanishes across a surface through {name_of(grid, x)}, and so does the drift: "
        "the law collapses onto it and has no density, or falls in two; simulate instead"
    )
