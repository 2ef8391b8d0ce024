"""Linear systems of a killed Markov chain, by elimination of its states or, if that is too much, nearly."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import linalg

from fokkerplanck.solvers.elimination import Elimination
from fokkerplanck.solvers.linear import Factored, SolverError, matrix

Array = NDArray[np.float64]

Killed = tuple[sparse.csr_array, Array]  # links (n, n) and killing (n,)
Side = Literal["backward", "forward"]

FEW = 4000  # cells up to which a chain of wide rows is eliminated at once
MANY = 10_000_000  # links up to which that is affordable
TRIES = 3  # solutions by GMRES before it pays
RTOL = 1e-10  # of GMRES, relative to the right-hand side
ACCEPTED = 1e-8  # where there is no other way


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


class KilledSolver:
    """Solves ``A x = f`` (`backward`: functions) and ``A' x = f`` (`forward`: densities) of a `Chain`.

    The chain is eliminated. One with wide rows and a companion G is first tried with GMRES, preconditioned by
    ``G^-1 + 0.6``: a mode that G damps at the rate g the chain damps by ``1 - exp(-g)`` a step, whose inverse
    that is to within a third, from g = 0 to infinity. It is eliminated, unless it is too large, once that
    does not converge or many solutions are wanted.
    """

    def __init__(
        self,
        links: sparse.csr_array,
        killing: Array,
        companion: Killed | None = None,
        position: NDArray[np.int64] | None = None,
    ):
        self._chain, self._companion, self._position = (links, killing), companion, position
        self._too_large = position is None or links.nnz > MANY
        few = companion is None or (len(killing) <= FEW and not self._too_large)
        self._tries = 0 if few else sys.maxsize if self._too_large else TRIES

    @property
    def exact(self) -> bool:
        """Whether every component is accurate to rounding (for f >= 0), however long the times are."""
        return self._tries == 0 and self._position is not None

    def backward(self, f: Array) -> Array:
        """Solve for a function on the cells, such as a mean exit time."""
        return self._solve(f, "backward")

    def forward(self, f: Array) -> Array:
        """Solve for a density on the cells."""
        return self._solve(f, "forward")

    def _solve(self, f: Array, side: Side) -> Array:
        if self._tries:
            self._tries -= 1
            a = self._matrix if side == "backward" else self._transposed
            x, residual = _gmres(a, getattr(self._near, side), f)
            if residual <= (ACCEPTED if self._too_large else RTOL):
                return x
            if self._too_large:
                raise SolverError(f"GMRES stopped at a relative residual of {residual:.1e}; use fewer cells")
            self._tries = 0
        return np.asarray(getattr(self._direct, side)(f))

    @cached_property
    def _direct(self) -> Factored | Elimination:
        return _direct(*self._chain, self._position)

    @cached_property
    def _near(self) -> Factored | Elimination:
        return _direct(*(self._companion or self._chain), self._position)

    @cached_property
    def _matrix(self) -> sparse.csr_array:
        return matrix(*self._chain).tocsr()

    @cached_property
    def _transposed(self) -> sparse.csr_array:
        return self._matrix.T.tocsr()


def _direct(
    links: sparse.csr_array, killing: Array, position: NDArray[np.int64] | None
) -> Factored | Elimination:
    return Factored(links, killing) if position is None else Elimination(links, killing, position)


def _gmres(a: sparse.csr_array, approximately: Callable[[Array], Array], f: Array) -> tuple[Array, float]:
    """Solution and relative residual."""
    inverse = linalg.LinearOperator(a.shape, matvec=lambda r: approximately(r) + 0.6 * r, dtype=np.float64)
    start = approximately(f)
    x, info = linalg.gmres(a, f, x0=start, rtol=RTOL, atol=0.0, M=inverse, restart=60, maxiter=3)
    return np.asarray(x), 0.0 if info == 0 else float(np.linalg.norm(f - a @ x) / np.linalg.norm(f))
