r"""Killed chains on more cells than can be eliminated.

Cycles precondition GMRES (`cycles`, `krylov`). A chain that stays long in some wells is nearly singular, and
no iteration would see its slow modes through the rounding. One cell h at the bottom of each is therefore
held, and eliminated last, in blocks: with :math:`A_{rr}` the chain on the others, which forgets fast,

.. math:: q^h = A_{rr}^{-1} w_{rh}, \quad e = A_{rr}^{-1} k_r, \qquad
    \hat w_{hh'} = w_{hh'} + w_{hr}\,q^{h'}, \quad \hat k_h = k_h + w_{hr}\,e

are chances to reach h first, or to be killed first, and the rates and killing of a chain on the held cells:
sums of products of positive numbers, each accurate relative to itself as q and e are.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from fokkerplanck.solvers import krylov
from fokkerplanck.solvers.cycles import Cycles
from fokkerplanck.solvers.elimination import Elimination
from fokkerplanck.solvers.linear import SolverError

Array = NDArray[np.float64]

PRECISE, SIGNED = 1e-8, 1e-12  # relative error aimed at, for f >= 0 and for others
FLOOR = 2e-15  # residual that rounding leaves
ACCEPTED = 1e-2  # relative error beyond which there is no solution
ROUGH = 1.0  # relative error of times that are not known at all
LONG = 1e7  # jumps before the end beyond which wells are looked for
WELLS = 8
FIRST = 2  # turns of the iteration that tell how long the times are
TURNS = 3  # cycles that tell where the mass is


class Iteration:
    """Solves ``A x = f`` and ``A' x = f``, each component to a small relative error where ``f >= 0``.

    Parameters
    ----------
    links, killing : csr (n, n), (n,)
        Off-diagonal rates and killing of the chain.

    Attributes
    ----------
    error : float
        Bound of the relative error of the solutions so far.
    cycles : int
        Multigrid cycles spent so far.

    Raises
    ------
    SolverError
        If cells are cut off from the rest, or rounding leaves nothing of a solution.
    """

    def __init__(self, links: sparse.csr_array, killing: Array):
        self.error, self.cycles = 0.0, 0
        tries = [_Rest(links, killing, [])]
        while tries[-1].jumps > LONG and len(tries) <= WELLS:
            tries.append(_Rest(links, killing, [*tries[-1].held, tries[-1].bottom()]))
        fewest = min(t.jumps for t in tries)
        self._rest = next(t for t in tries if t.jumps <= max(10 * fewest, LONG))
        self._rest.finish()
        self.cycles = sum(t.spent for t in tries)
        self._held, self._keep = np.array(self._rest.held, dtype=np.int64), self._rest.keep
        if self._held.size:
            columns = links[:, self._held].toarray()
            self._to, self._from = columns[self._keep], links[self._held, :][:, self._keep].tocsr()
            self._between, self._killing = columns[self._held], killing

    def backward(self, f: Array) -> Array:
        """Solve for a function on the cells (n,), such as a mean exit time."""
        first = self._function(f[self._keep])
        if not self._held.size:
            return first
        x = np.empty(len(f))
        x[self._held] = self._wells.backward(f[self._held] + self._from @ first)
        x[self._keep] = first + self._chances @ x[self._held]
        return x

    def forward(self, f: Array) -> Array:
        """Solve for a density on the cells (n,)."""
        first = self._density(f[self._keep])
        if not self._held.size:
            return first
        x = np.empty(len(f))
        x[self._held] = self._wells.forward(f[self._held] + self._to.T @ first)
        x[self._keep] = first + self._stays @ x[self._held]
        return x

    @cached_property
    def _chances(self) -> Array:
        """To reach each held cell before the others and the end (cells, held)."""
        return np.stack([self._function(w) for w in self._to.T], axis=1)

    @cached_property
    def _escape(self) -> Array:
        """Chance of the end before any held cell is reached (cells,)."""
        return self._function(self._killing[self._keep])

    @cached_property
    def _stays(self) -> Array:
        """Times in the cells on the way from each held cell to the next, per time there (cells, held)."""
        return np.stack([self._density(w) for w in self._from.toarray()], axis=1)

    @cached_property
    def _wells(self) -> Elimination:
        """The chain on the held cells."""
        rates = sparse.csr_array(self._between + self._from @ self._chances)
        killing = self._killing[self._held] + self._from @ self._escape
        return Elimination(rates, killing, np.arange(len(killing))[:, None])

    def _function(self, f: Array) -> Array:
        if not f.any():
            return np.zeros(len(f))
        if (f == 1.0).all() and self._rest.error < ACCEPTED:
            self.error = max(self.error, self._rest.error)
            return self._rest.times
        precise = PRECISE if (f >= 0.0).all() else SIGNED
        side, jumps = self._rest.cycles.backward, self._rest.jumps
        return self._checked(krylov.function(side, f, max(precise / jumps, FLOOR)), jumps)

    def _density(self, f: Array) -> Array:
        if not f.any():
            return np.zeros(len(f))
        functions = [np.ones(len(f)), self._rest.times]
        if self._held.size:
            functions += [self._escape, *self._chances.T]
        return self._checked(krylov.density(self._rest.cycles.forward, f, functions, PRECISE), 1.0)

    def _checked(self, found: krylov.Solution, factor: float) -> Array:
        self.cycles += found.cycles
        error = factor * found.rest
        if not error < ACCEPTED:
            raise SolverError(
                f"multigrid left a relative residual of {found.rest:.1e} on {found.x.size} cells: some times "
                "are so long, or some chances so small, that rounding hides them; take fewer cells, so that "
                "they can be eliminated, or a region with a lower barrier"
            )
        self.error = max(self.error, error)
        return found.x


class _Rest:
    """The chain while the cells `held` are held: cycles, mean times before it reaches one or is killed."""

    def __init__(self, links: sparse.csr_array, killing: Array, held: list[int]):
        self.held = held
        self.keep = np.setdiff1d(np.arange(len(killing)), held)
        if held:
            rows = links[self.keep, :].tocsc()
            killing = killing[self.keep] + np.asarray(rows[:, held].sum(axis=1)).ravel()
            links = rows[:, self.keep].tocsr()
        self.cycles = Cycles(links, killing)
        self.times, self.spent, self.error = np.empty(0), 0, np.inf
        self._solve(FIRST)

    @property
    def jumps(self) -> float:
        """How often the process jumps at most before it reaches a held cell or is killed; inf if unknown."""
        if not self.error < ROUGH:
            return np.inf
        return max(1.0, float((self.cycles.backward.diagonal * np.abs(self.times)).max()))

    def finish(self) -> None:
        """Solve for the times as well as can be."""
        self._solve(krylov.TURNS, self.times)

    def _solve(self, turns: int, start: Array | None = None) -> None:
        side, ones = self.cycles.backward, np.ones(len(self.keep))
        found = krylov.function(side, ones, FLOOR, start, turns)
        self.times, self.spent = found.x, self.spent + found.cycles
        # With |1 - A x| <= e no time is wrong by more than e of itself.
        self.error = float(np.abs(side.rest(ones, self.times)).max())

    def bottom(self) -> int:
        """A cell at the bottom of the well that is left last."""
        start = np.zeros(len(self.keep))
        start[np.argmax(self.times)] = 1.0
        side = self.cycles.forward
        law = side.cycle(start)
        for _ in range(TURNS):
            law = law + side.cycle(side.rest(start, law))
        return int(self.keep[np.argmax(law)])
