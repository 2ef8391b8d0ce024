r"""The law of an exit time, from a small model of the killed chain.

The chance to survive until t is :math:`S(t) = e^{-tA}\,1`. A is projected on the Krylov vectors of its
inverse, :math:`1, A^{-1}1, A^{-2}1, \dots`, whose convergence does not depend on the width of the cells.
The projection is orthogonal in the weights of the time that the process spends in each cell before it
leaves; in their norm no chain grows, and so neither does the small model G.
Source: I. Moret and P. Novati, BIT 44, 595 (2004); J. van den Eshof and M. Hochbruck, SIAM J. Sci. Comput.
27, 1438 (2006). Their pole is of the size of the time wanted; here it is 0, for the late times.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from fokkerplanck.solvers.killed import Chain
from fokkerplanck.solvers.matrix_exponential import Block, MatrixExponential

Array = NDArray[np.float64]

TOLERANCE = 1e-8  # change by more vectors that ends the search
MORE, MOST = 12, 120
STALLED = 0.3  # what is left of a change that more vectors no longer reduce
SLOW = 1e-6  # rates below this share of the norm of G drown in its rounding and come from the inverse
DEPENDENT = 1e-14  # what is left of a vector that adds nothing to the basis


def exit_law(
    chain: Chain, cells: NDArray[np.int64], weights: Array, steps: bool = False
) -> MatrixExponential:
    """Law of the exit time from a point, where a function has the value ``f[cells] @ weights``."""
    basis = _Basis(chain, cells, weights)
    law, shape, added = basis.law(steps), np.inf, MORE
    while len(basis.vectors) < MOST and added == MORE:
        added = basis.grow(MORE)
        law = replace(basis.law(steps), smaller=replace(law, smaller=None))
        before, (chance, shape) = shape, law.change()
        # The density of a rare exit soon stands at rounding, which its error tells.
        stalled = shape > STALLED * before and len(basis.vectors) > MOST / 2
        if chance < TOLERANCE and (shape < TOLERANCE or stalled):
            break
    return law


class _Basis:
    """Vectors (m, n), a row each, orthonormal in the weights ``spent`` (n,), and A applied to them."""

    def __init__(self, chain: Chain, cells: NDArray[np.int64], weights: Array):
        self._a, self._solver = chain.matrix, chain.solver
        self._cells, self._weights = cells, weights
        start = np.zeros(chain.size)
        start[cells] = np.abs(weights)
        spent = np.maximum(self._solver.forward(start), 0.0)
        self._spent = spent / spent.sum()
        self.vectors = np.ones((1, len(spent)))
        self._images = chain.killing[None, :].copy()  # A 1, free of the rounding of its diagonal

    def grow(self, most: int) -> int:
        """Add up to `most` vectors; returns how many were not yet in the span."""
        for count in range(most):
            new, size = self._solver.backward(self.vectors[-1]), 0.0
            for _ in range(3):
                new = new / np.sqrt((self._spent * new) @ new)
                new = new - (self.vectors @ (self._spent * new)) @ self.vectors
                size = float(np.sqrt((self._spent * new) @ new))
                if size < DEPENDENT:
                    return count
            self.vectors = np.vstack([self.vectors, new / size])
            self._images = np.vstack([self._images, self._a @ self.vectors[-1]])
        return most

    def law(self, steps: bool) -> MatrixExponential:
        """Law of the exit time in the span."""
        weighted = self.vectors * self._spent
        g = weighted @ self._images.T
        end, start = self.vectors[:, self._cells] @ self._weights, weighted.sum(axis=1)
        right, left, k = _separate(g)
        if not k:
            return MatrixExponential((Block(g, end, start, steps),))
        times = np.array([self._solver.backward(f) for f in right[:, :k].T @ self.vectors])
        slow = np.linalg.inv(left[:k] @ (weighted @ times.T))
        fast = left[k:] @ g @ right[:, k:]
        return MatrixExponential(
            (
                Block(slow, end @ right[:, :k], left[:k] @ start, steps),
                Block(fast, end @ right[:, k:], left[k:] @ start, steps),
            )
        )


def _separate(g: Array) -> tuple[Array, Array, int]:
    """Right and left bases (m, m), inverse to each other, in which G falls into two blocks: the k slowest
    modes, if a gap parts them from the rest and rounding would spoil them, and the rest."""
    rates = np.sort(np.linalg.eigvals(g).real)
    few = int((rates < SLOW * np.abs(g).max()).sum())
    if few in (0, len(g)):
        return np.eye(len(g)), np.eye(len(g)), 0
    gaps = rates[1 : few + 1] / np.maximum(rates[:few], np.finfo(float).tiny)
    k = int(np.argmax(gaps)) + 1
    between = np.sqrt(max(rates[k - 1], 1e-3 * rates[k]) * rates[k])
    shift = between * np.eye(len(g))
    t, z, k = linalg.schur(g - shift, output="real", sort="lhp")
    mix = linalg.solve_sylvester(t[:k, :k], -t[k:, k:], -t[:k, k:])
    right = np.hstack([z[:, :k], z[:, :k] @ mix + z[:, k:]])
    left = np.vstack([z[:, :k].T - mix @ z[:, k:].T, z[:, k:].T])
    return right, left, k
