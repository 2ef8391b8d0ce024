r"""The Fokker–Planck generator on a grid.

.. math:: \partial_t p = -\nabla\cdot(b\,p) + \nabla\nabla : (D\,p)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.estimate import NotValidHere
from fokkerplanck.grid import Grid, Level
from fokkerplanck.operators.equilibrium import Law
from fokkerplanck.operators.markov import MarkovOperator
from fokkerplanck.operators.restriction import Restriction, restrict
from fokkerplanck.operators.selling import Directions, decompose
from fokkerplanck.operators.stencil import Sink, assemble

Array = NDArray[np.float64]
Coefficients = Callable[[Array], tuple[Array, Array]]  # points (n, d) -> drift (n, d), diffusion (n, d, d)

# Smallest over largest eigenvalue of D, in units of the cells, below which D counts as singular.
SINGULAR = 1e-10
GOLDEN = 0.5 * (3 - 5**0.5)
MOST_DIPS = 512


class Generator(MarkovOperator):
    r"""Generator of :math:`dX = b\,dt + \sqrt{2D}\,dW` (Itô) as the rates of a Markov chain on cells.

    The diffusion tensor of every cell is written as a sum of one-dimensional ones along lattice
    directions (Selling), each with exponentially fitted weights: rates are non-negative, mass is
    conserved, and the scheme is of second order inside and at open or periodic ends. Where a potential
    is known, :math:`p = e^{-U}` is exact to rounding.

    Parameters
    ----------
    grid : Grid
    coefficients : callable
        Points (n, d) to Itô drift (n, d) and diffusion (n, d, d).
    potential : callable, optional
        Grid to :math:`U` at its cell centres (n,), if :math:`b = -D\nabla U + \nabla\cdot D`.
    constants : mapping
        Numbers that regions and observables may name.

    Raises
    ------
    ValueError
        If D is not positive definite at some cell (the point is named), a coefficient is not finite, or
        drift or diffusion do not match at a periodic end.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> sde = fp.SDE(variables=("x",), drift=["-x"], diffusion="1")
    >>> gen = sde.generator(fp.Grid(x=(-8, 8, 128)))
    >>> round(gen.exit_time("x < 1").at(x=0).value, 2)
    2.09
    """

    unit = "time"
    method = "finite volumes"

    def __init__(
        self,
        grid: Grid,
        coefficients: Coefficients,
        potential: Callable[[Grid], Array | None] | None = None,
        constants: Mapping[str, float] | None = None,
    ):
        self._coefficients = coefficients
        self._potential = potential
        drift, diffusion = coefficients(grid.points())
        check_coefficients(grid, drift, diffusion)
        check_periodic(grid, coefficients)
        check_vanishing(grid, diffusion, coefficients)
        self._directions = decompose(diffusion, grid.spacing)
        self._z = _tilt(grid, drift, diffusion, self._directions)
        self._u = None if potential is None else potential(grid)
        rates = assemble(grid, self._directions, self._z, self._u)
        super().__init__(grid, rates, constants, _order(grid, self._directions))

    def _build(self, grid: Grid) -> Generator:
        return Generator(grid, self._coefficients, self._potential, self.constants)

    @cached_property
    def _law(self) -> Law:
        # With a potential the law needs no solve, and is exact however high its barriers are.
        if self._u is None:
            return super()._law
        p = np.exp(self._u.min() - self._u)
        return Law(p / p.sum(), "potential")

    def _restriction(self, level: Level | None, sink: Sink | None, sinks: int) -> Restriction:
        rates = assemble(self.grid, self._directions, self._z, self._u, level, sink, sinks)
        return restrict(level, self.grid, rates)


def _tilt(grid: Grid, drift: Array, diffusion: Array, directions: Directions) -> Array:
    """Drift over diffusion along each link, ``z = e . D^-1 b`` in units of the link, (n, k)."""
    h = grid.spacing
    gamma = np.linalg.solve(diffusion, drift[..., None])[..., 0] * h
    return np.asarray(np.einsum("nkd,nd->nk", directions.offset, gamma))


def check_coefficients(grid: Grid, drift: Array, diffusion: Array) -> None:
    """Refuse coefficients that are not finite and diffusion that is not positive definite, saying where."""
    points = grid.points()
    bad = ~(np.isfinite(drift).all(axis=1) & np.isfinite(diffusion).all(axis=(1, 2)))
    if bad.any():
        raise ValueError(
            f"drift or diffusion is not finite at {_name(grid, points[bad][0])}; move the box away from it"
        )
    scale = np.multiply.outer(grid.spacing, grid.spacing)
    values = np.linalg.eigvalsh(diffusion / scale)
    worst = int(np.argmin(values[:, 0] / np.maximum(values[:, -1], 1e-300)))
    low, high = float(values[worst, 0]), float(values[worst, -1])
    where = _name(grid, points[worst])
    if low < -1e-10 * max(high, 1e-300):
        raise ValueError(
            f"the diffusion tensor is not positive semidefinite at {where}: "
            f"its smallest eigenvalue is {np.linalg.eigvalsh(diffusion[worst])[0]:.3g}"
        )
    if low <= SINGULAR * high or high == 0.0:
        raise NotValidHere(_vanishes(where))


def check_vanishing(grid: Grid, diffusion: Array, coefficients: Coefficients) -> None:
    """Refuse noise that vanishes between the cell centres.

    Minima of its smallest eigenvalue along grid lines are followed down.
    """
    scale = np.multiply.outer(grid.spacing, grid.spacing)

    def smallest(x: Array) -> Array:
        return np.asarray(np.linalg.eigvalsh(coefficients(x)[1] / scale)[:, 0], dtype=float)

    value = np.linalg.eigvalsh(diffusion / scale)[:, 0].reshape(grid.shape)
    points = grid.points().reshape((*grid.shape, grid.ndim))
    for k in range(grid.ndim):
        v, x = np.moveaxis(value, k, 0), np.moveaxis(points, k, 0)
        # A zero between two nodes shows as a deep local minimum: quadratic zeros have ratios of 9 or more.
        dip = (
            (v[1:-1] <= v[:-2] * (1 + 1e-9))
            & (v[1:-1] <= v[2:] * (1 + 1e-9))
            & (3 * v[1:-1] < np.maximum(v[:-2], v[2:]))
        )
        found = np.nonzero(dip)
        if not len(found[0]):
            continue
        low, high = x[:-2][found], x[2:][found]
        low, high = low[:MOST_DIPS], high[:MOST_DIPS]
        start = np.maximum(smallest(low), smallest(high))
        for _ in range(60):
            a, b = low + (high - low) * GOLDEN, high - (high - low) * GOLDEN
            left = (smallest(a) <= smallest(b))[:, None]
            low, high = np.where(left, low, a), np.where(left, b, high)
        depth = smallest(0.5 * (low + high)) / start
        if depth.min() < SINGULAR:
            raise NotValidHere(_vanishes(_name(grid, (0.5 * (low + high))[int(np.argmin(depth))])))


def _vanishes(where: str) -> str:
    return (
        f"the noise vanishes in some direction at {where}: this generator needs a nonsingular diffusion "
        "tensor. Where the noise vanishes on a whole line the law collapses onto it and has no density; "
        "simulate instead"
    )


def check_periodic(grid: Grid, coefficients: Coefficients) -> None:
    """Drift and diffusion must match at the two ends of a periodic axis."""
    points = grid.points()
    for k, axis in enumerate(grid.axes):
        if not axis.periodic:
            continue
        low, high = points.copy(), points.copy()
        low[:, k], high[:, k] = axis.low, axis.high
        for name, a, b in zip(("drift", "diffusion"), coefficients(low), coefficients(high), strict=True):
            mismatch = np.abs(a - b).reshape(len(points), -1).max(axis=1)
            i = int(np.argmax(mismatch))
            if mismatch[i] > 1e-8 * max(1e-300, float(np.abs(a).max())):
                raise ValueError(
                    f"{axis.name} is periodic, but the {name} differs at its two ends, {axis.low:.4g} and "
                    f"{axis.high:.4g}, by {mismatch[i]:.3g}; make the box one period long or the end open"
                )


def _order(grid: Grid, directions: Directions) -> int:
    """No clean order (0) where a wall drops links that are not parallel to an axis, else second."""
    slanted = (directions.weight > 0) & ((directions.offset != 0).sum(axis=2) > 1)
    walls = any("reflecting" in a.ends for a in grid.axes)
    return 0 if walls and bool(slanted.any()) else 2


def _name(grid: Grid, point: Array) -> str:
    return ", ".join(f"{n} = {x:.4g}" for n, x in zip(grid.names, point, strict=True))
