r"""What coarser grids of the same box tell about a law that is nearly stationary.

Masses p on a fine grid leave cells out of balance by r. Summed over the cells of a coarser grid, whose chain
:math:`A` has the law :math:`\pi`, that is mended by masses x, :math:`A^\top x = -r`; and p is multiplied by
:math:`1 + x/\pi`, interpolated. Errors that are smooth between the cells of the coarser grid, slow exchange
between wells above all, nearly vanish at once, which aggregates, whose flow is stiffer than that of the grid,
only bring down by half. x comes from one V-cycle of the same kind down to a grid that is eliminated. Source:
U. Trottenberg, C. Oosterlee, A. Schüller, Multigrid (2001), chapters 2 and 7.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fokkerplanck._kernels import balance, nested, refinement
from fokkerplanck.solvers.incoming import NOTHING, Incoming

Array = NDArray[np.float64]

LEAST = 1e-250  # relative to the largest: masses below tell nothing
MOST = 0.3  # share by which masses are changed at once: what is off by more, in the tails, aggregates mend


@dataclass(frozen=True)
class Overlay:
    """How a fine grid lies over a coarser one of the `shape`.

    Along every axis the fine centres lie at the parts ``x`` (m,) of the way between the coarser centres
    ``node`` (m, 2).
    """

    shape: tuple[int, ...]
    node: tuple[NDArray[np.int64], ...]
    x: tuple[Array, ...]

    def lift(self, values: Array) -> Array:
        """Values (n,) between those of the coarser cells."""
        shape = list(self.shape)
        for k in range(len(shape) - 1, -1, -1):
            before, after = int(np.prod(shape[:k])), int(np.prod(shape[k + 1 :]))
            finer = np.empty((before, self.x[k].size, after))
            refinement.linear(values.reshape(before, shape[k], after), self.node[k], self.x[k], finer)
            values, shape[k] = finer, self.x[k].size
        return values.ravel()

    def lower(self, values: Array) -> Array:
        """The transpose of `lift`: values (n,) summed over the coarser cells that they belong to."""
        shape = [x.size for x in self.x]
        for k in range(len(shape)):
            before, after = int(np.prod(shape[:k])), int(np.prod(shape[k + 1 :]))
            coarser = np.empty((before, self.shape[k], after))
            refinement.linear_transposed(
                values.reshape(before, shape[k], after), self.node[k], self.x[k], coarser
            )
            values, shape[k] = coarser, self.shape[k]
        return values.ravel()


@dataclass(frozen=True)
class Coarser:
    """A coarser grid below a fine one: its chain, the law of that, and who solves on it: for masses x with
    ``A' x = f`` (m,), where f sums to zero, up to a multiple of the law."""

    overlay: Overlay
    law: Array
    solve: Callable[[Array], Array]

    def correct(self, chain: Incoming, p: Array) -> None:
        """Change masses p (n,) on the fine grid by what is out of balance, in place."""
        nested.add_share(self._share(chain, NOTHING, p), p, p)

    def add(self, chain: Incoming, f: Array, law: Array, x: Array) -> None:
        """Add to x (n,) what it lacks to solve for f (n,) on the fine grid, in place."""
        nested.add_share(self._share(chain, f, x), law, x)

    def _share(self, chain: Incoming, f: Array, x: Array) -> Array:
        rest = np.empty(chain.size)
        nested.rest(chain.start, chain.source, chain.rate, chain.total, f, x, rest)
        found = self.solve(self.overlay.lower(rest))
        found -= found.sum() * self.law
        share = np.empty(self.law.size)
        nested.share(found, self.law, LEAST * self.law.max(), MOST, share)
        return self.overlay.lift(share)


@dataclass(frozen=True)
class VCycle:
    """Solves on a grid that has another below it, roughly."""

    chain: Incoming
    law: Array
    below: Coarser

    def __call__(self, f: Array) -> Array:
        """Masses x (n,) with ``A' x = f``."""
        x = np.zeros(f.size)
        balance.sweep(*self.chain.graph, f, x, True)
        self.below.add(self.chain, f, self.law, x)
        balance.sweep(*self.chain.graph, f, x, False)
        return x
