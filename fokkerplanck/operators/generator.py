r"""The Fokker–Planck generator on a grid.

.. math:: \partial_t p = -\nabla\cdot(b\,p) + \nabla\nabla : (D\,p)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.grid import Grid, Level
from fokkerplanck.operators.between import Between, of_generator
from fokkerplanck.operators.checks import Coefficients, Survey, check_periodic
from fokkerplanck.operators.collapse import check_collapse, noise_vanishes
from fokkerplanck.operators.equilibrium import Law
from fokkerplanck.operators.lattice import Lattice
from fokkerplanck.operators.markov import MarkovOperator
from fokkerplanck.operators.restriction import Restriction, restrict
from fokkerplanck.operators.selling import Directions, added_share, added_to, directions
from fokkerplanck.operators.stencil import Sink, rates, recut

Array = NDArray[np.float64]
Index = NDArray[np.int32]


class Generator(MarkovOperator):
    r"""Generator of :math:`dX = b\,dt + \sqrt{2D}\,dW` (Itô) as the rates of a Markov chain on cells.

    The diffusion tensor of every cell is written as a sum of one-dimensional ones along lattice
    directions (Selling), each with exponentially fitted weights: rates are non-negative, mass is
    conserved, and the scheme is of second order inside and at the ends. Where a potential is known,
    :math:`p = e^{-U}` is exact to rounding.

    D may be singular, as for momentum, D = diag(0, D_v), or for mini-batches that drive all coordinates by
    one number. Drift that no noise goes along is then taken upwind, which is of first order: see `order` and
    `added_diffusion`.

    Parameters
    ----------
    grid : Grid
    coefficients : callable
        Points (n, d) to Itô drift (n, d) and diffusion (n, d, d).
    potential : callable, optional
        Grid to :math:`U` at its cell centres (n,), if :math:`b = -D\nabla U + \nabla\cdot D`.
    constants : mapping
        Numbers that regions and observables may name.
    vanishes : bool, optional
        Whether D becomes singular on a surface, if that is known; otherwise such surfaces are looked for.

    Attributes
    ----------
    order : int
        2: second order. 1: clean first order, because drift is taken upwind nearly everywhere; values are
        extrapolated. 0: no clean order, at a wall that links of an elongated D cross by more than a cell,
        around a surface on which the noise vanishes, or where a nearly singular D would need longer links
        than the grid bears.

    Raises
    ------
    ValueError
        If D is not positive semidefinite at some cell (the point is named), a coefficient is not finite, or
        drift or diffusion do not match at a periodic end.
    NotValidHere
        If neither noise nor drift acts across some surface: the law collapses onto it or falls in two.

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
        *,
        vanishes: bool | None = None,
    ):
        self._coefficients, self._potential = coefficients, potential
        self._lattice = Lattice.of(grid)
        check_periodic(grid, coefficients)
        survey = Survey(grid)

        def looked_at(cells: Index, points: Array) -> Directions:
            drift, diffusion = coefficients(points)
            survey.look(cells, drift, diffusion)
            found = self._directions(drift, diffusion)
            survey.count(found, cells)
            return found

        self._u = None if potential is None else potential(grid)
        found = rates(grid, looked_at, self._u)
        if vanishes is None:
            # Where D is singular anyway its smallest eigenvalue is rounding.
            smallest = np.where(survey.singular, 0.0, survey.smallest)
            vanishes = noise_vanishes(grid, coefficients, smallest)
            if survey.singular.any():
                check_collapse(grid, coefficients)
        if self._u is not None and (vanishes or survey.singular.any()):
            # There the potential is infinite, and what was integrated across it means nothing.
            self._u = None
            found = rates(grid, self._links)
        self._widens, self._vanishes = survey.widens, vanishes
        super().__init__(grid, found, constants, survey.order(vanishes))

    @cached_property
    def added_diffusion(self) -> Array:
        r"""What the stencil spreads beyond D, relative to all that spreads, (grid.shape), from 0 to 1.

        With :math:`M = \frac12\sum_j w_j\, r_j r_j^\top` over the links of a cell, along each principal axis
        u of D: :math:`A = u\cdot(M - D)u` over :math:`A + u\cdot D u + (b\cdot u)^2/r`, the largest of the
        axes. The last term is what drift spreads that changes at the rate r at which D mixes across the box
        along another axis, :math:`r = 12\, w\cdot D w/\ell_w^2`: a velocity spreads a coordinate. The share
        falls with the cells where drift is resolved, or upwind. Where a nearly singular D was widened to
        shorten its links (`_widened_share`), it need not, and nears 1 if nothing but D acts along u.
        """
        return np.asarray(self._shares[0])

    @property
    def _widened_share(self) -> Array | None:
        return np.asarray(self._shares[1]) if self._widens else None

    @cached_property
    def _shares(self) -> Array:
        """Shares of what is added, and of what is added to D to shorten links, (2, grid.shape)."""
        share = np.empty((2, self.grid.size))
        for cells in self._lattice.batches():
            drift, diffusion = self._coefficients(self._lattice.points(cells))
            found = self._directions(drift, diffusion)
            share[:, cells] = added_share(drift, diffusion, self.grid, found)
        return share.reshape(2, *self.grid.shape)

    @cached_property
    def _wider(self) -> Generator | None:
        # The walk that shortens links stops where D + t needs no longer ones; D + 2 t does not either.
        twin = self.coarse
        if not isinstance(twin, Generator) or not twin._widens:
            return None

        def widened(points: Array) -> tuple[Array, Array]:
            drift, diffusion = self._coefficients(points)
            found = twin._directions(drift, diffusion)
            return drift, diffusion + 2.0 * added_to(diffusion, twin._lattice.spacing, found)

        return Generator(twin.grid, widened, None, self.constants, vanishes=self._vanishes)

    def _build(self, grid: Grid) -> Generator:
        # Surfaces on which the noise vanishes do not depend on the grid.
        found = self._vanishes
        return Generator(grid, self._coefficients, self._potential, self.constants, vanishes=found)

    @cached_property
    def _law(self) -> Law:
        # With a potential the law needs no solve, and is exact however high its barriers are.
        if self._u is None:
            return super()._law
        p = np.exp(self._u.min() - self._u)
        return Law(p / p.sum(), "potential")

    def _restriction(self, level: Level | None, sink: Sink | None, sinks: int) -> Restriction:
        cut = recut(self.rates, self.grid, self._links, level, sink, sinks)
        return restrict(level, self.grid, cut)

    def _between(self, source: Level, target: Level, mass: Array) -> Between:
        return of_generator(self.grid, self.rates.links, self.killing, mass, source, target)

    def _links(self, cells: Index, points: Array) -> Directions:
        return self._directions(*self._coefficients(points))

    def _directions(self, drift: Array, diffusion: Array) -> Directions:
        return directions(drift, diffusion, self._lattice.spacing, self._lattice.reach)
