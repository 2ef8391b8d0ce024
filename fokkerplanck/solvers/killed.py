"""Linear systems of a killed Markov chain: eliminated where that is affordable, else by multigrid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from fokkerplanck.solvers.companion import WithCompanion
from fokkerplanck.solvers.elimination import LARGEST, Elimination, Pattern
from fokkerplanck.solvers.iteration import Iteration
from fokkerplanck.solvers.linear import Factored, Killed, SolverError, matrix

Array = NDArray[np.float64]

AT_ONCE = 50_000  # products a link that elimination may cost to be done at once
CYCLE = 250  # products a link in the time of a multigrid cycle


@dataclass(frozen=True)
class Chain:
    """A killed Markov chain, minus whose generator is ``A = diag(row sums + killing) - links``.

    Parameters
    ----------
    links, killing : csr (n, n), (n,)
        Off-diagonal rates and killing.
    position : (n, d)
        Coordinates of the cells on the grid, in cells: they order the elimination.
    companion : (links, killing), optional
        For a chain in discrete time: the generator of a sparser one with the same slow dynamics.
    """

    links: sparse.csr_array
    killing: Array
    position: NDArray[np.int64]
    companion: Killed | None = None

    @property
    def size(self) -> int:
        """Number of cells."""
        return len(self.killing)

    @cached_property
    def matrix(self) -> sparse.csr_array:
        """A itself."""
        return matrix(self.links, self.killing).tocsr()

    @cached_property
    def solver(self) -> KilledSolver:
        """Solver of ``A x = f`` and ``A' x = f``."""
        return KilledSolver(self.links, self.killing, self.companion, self.position)

    def killed(self, rate: float) -> Chain:
        """Return the chain killed everywhere at one more rate: A shifted."""
        near = self.companion and (self.companion[0], self.companion[1] + rate)
        return replace(self, killing=self.killing + rate, companion=near)

    def within(self, keep: NDArray[np.int64]) -> Chain:
        """Return the chain on some of its cells, killed where it leaves them."""
        near = self.companion and _within(*self.companion, keep)
        return Chain(*_within(self.links, self.killing, keep), self.position[keep], near)


def _within(links: sparse.csr_array, killing: Array, keep: NDArray[np.int64]) -> Killed:
    lost = np.setdiff1d(np.arange(len(killing)), keep)
    rows = links[keep, :].tocsc()
    return rows[:, keep].tocsr(), killing[keep] + np.asarray(rows[:, lost].sum(axis=1)).ravel()


class Solver(Protocol):
    """What solves ``A x = f`` and ``A' x = f``."""

    def backward(self, f: Array) -> Array:
        """Solve for a function."""

    def forward(self, f: Array) -> Array:
        """Solve for a density."""


class KilledSolver:
    """Solves ``A x = f`` (`backward`: functions) and ``A' x = f`` (`forward`: densities) of a `Chain`.

    The chain is eliminated, which is exact, where that is affordable. Where it is far more work than a
    solution by multigrid (in three dimensions, from some 40 cells an axis on) some solutions are found that
    way; the chain is eliminated once that fails, or has cost as much, unless there is no memory for it.
    Chains with wide rows and a companion: see `WithCompanion`.
    """

    def __init__(
        self,
        links: sparse.csr_array,
        killing: Array,
        companion: Killed | None = None,
        position: NDArray[np.int64] | None = None,
    ):
        chain = (links, killing)
        self._way: WithCompanion | _Narrow | _Direct
        if companion is not None:
            self._way = WithCompanion(chain, companion, position)
        else:
            self._way = _Direct(chain) if position is None else _Narrow(chain, position)

    @property
    def error(self) -> float:
        """Bound of the relative error of the solutions so far, where f >= 0; 0 if cells are eliminated."""
        return self._way.error

    @property
    def exact(self) -> bool:
        """Whether the next solution is by elimination: accurate to rounding, however long the times are."""
        return self._way.exact

    def backward(self, f: Array) -> Array:
        """Solve for a function on the cells, such as a mean exit time."""
        return self._way.backward(f)

    def forward(self, f: Array) -> Array:
        """Solve for a density on the cells."""
        return self._way.forward(f)


class _Direct:
    """By the usual factors, which subtract."""

    error, exact = 0.0, False

    def __init__(self, chain: Killed):
        self._factored = Factored(*chain)
        self.backward, self.forward = self._factored.backward, self._factored.forward


class _Narrow:
    """Elimination, or multigrid."""

    def __init__(self, chain: Killed, position: NDArray[np.int64]):
        self._chain, self._position, self._failed = chain, position, False
        self.error = 0.0

    @property
    def exact(self) -> bool:
        return not self._iterates

    def backward(self, f: Array) -> Array:
        return self._solve(f, lambda s: s.backward)

    def forward(self, f: Array) -> Array:
        return self._solve(f, lambda s: s.forward)

    def _solve(self, f: Array, side: Callable[[Solver], Callable[[Array], Array]]) -> Array:
        if self._iterates:
            try:
                x = side(self._iteration)(f)
                self.error = self._iteration.error
                return x
            except SolverError:
                if not self._affordable:
                    raise
                self._failed = True
        return side(self._direct)(f)

    @property
    def _iterates(self) -> bool:
        """Whether the next solution is by multigrid."""
        if self._failed or not self._affordable:
            return not self._failed
        links, products = self._chain[0].nnz, self._pattern.order.products
        return bool(products > AT_ONCE * links and self._iteration.cycles * CYCLE * links < products)

    @cached_property
    def _affordable(self) -> bool:
        """Whether there is memory to eliminate the chain."""
        # A cut in two has about so many cells at least, and all of these are linked when they are eliminated.
        cut = len(self._position) / (np.ptp(self._position, axis=0).max() + 1)
        return bool(cut**2 <= LARGEST and self._pattern.order.numbers <= LARGEST)

    @cached_property
    def _pattern(self) -> Pattern:
        return Pattern.of(self._chain[0], self._position)

    @cached_property
    def _direct(self) -> Elimination:
        return Elimination(*self._chain, self._position, pattern=self._pattern)

    @cached_property
    def _iteration(self) -> Iteration:
        return Iteration(*self._chain)


__all__ = ["Chain", "Killed", "KilledSolver"]
