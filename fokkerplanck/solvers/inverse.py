r"""Inverse of the generator of a Markov chain without killing, on what changes: without the modes known.

One of these is the constant, with the stationary law. On functions of mean 0 (densities of mass 0) the chain
is inverted by holding one cell at 0: a killed chain, whose solution lacks but a constant. That keeps the
relative accuracy of rates many orders below the fastest, which a shift by any number would lose.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.solvers.killed import Chain, KilledSolver

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Inverse:
    """The inverse on functions (`backward`) and densities (`forward`), without the known modes.

    Parameters
    ----------
    solver : KilledSolver
        Of the chain on the cells `keep`.
    keep : (m,)
        The cells that are not held at 0.
    right, left : (n, p), (n, p)
        Functions and densities of the known modes, ``left.T @ right = 1``.
    """

    solver: KilledSolver
    keep: NDArray[np.int64]
    right: Array
    left: Array

    def backward(self, f: Array) -> Array:
        """Solve for a function."""
        return self._apply(self.solver.backward, f, self.right, self.left)

    def forward(self, p: Array) -> Array:
        """Solve for a density."""
        return self._apply(self.solver.forward, p, self.left, self.right)

    def _apply(self, solve: Callable[[Array], Array], f: Array, right: Array, left: Array) -> Array:
        x = np.zeros(len(f))
        x[self.keep] = solve((f - right @ (left.T @ f))[self.keep])
        return x - right @ (left.T @ x)


def inverse(chain: Chain, held: int) -> Inverse:
    """Inverse of A; `held` is a cell of much mass."""
    keep = np.flatnonzero(np.arange(chain.size) != held)
    solver = chain.within(keep).solver
    law = np.ones(chain.size)
    law[keep] = solver.forward(chain.links[[held], :].toarray().ravel()[keep])
    return Inverse(solver, keep, np.ones((chain.size, 1)), (law / law.sum())[:, None])


def shifted(chain: Chain, shift: float, right: Array, left: Array) -> Inverse:
    """``(A + shift)^-1`` without the known modes."""
    return Inverse(chain.killed(shift).solver, np.arange(chain.size), right, left)
