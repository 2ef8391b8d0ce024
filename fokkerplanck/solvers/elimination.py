r"""Markov chains solved by eliminating one state after another, without a subtraction.

The matrix of a killed chain with rates :math:`w_{ij}` and killing :math:`k_i` is

.. math:: A = \operatorname{diag}\Bigl(\sum_j w_{ij} + k_i\Bigr) - W .

When state m is left out, the flow through it goes straight on:

.. math:: p_m = \sum_{j} w_{mj} + k_m, \qquad
    w_{ij} \leftarrow w_{ij} + \frac{w_{im}}{p_m} w_{mj}, \qquad
    k_i \leftarrow k_i + \frac{w_{im}}{p_m} k_m ,

the sum being over the states still there. This is the LU factorisation of A with every pivot a sum of rates,
where the usual one takes the difference of nearly equal numbers. With a right-hand side :math:`f \ge 0`
only sums, products and quotients of non-negative numbers follow, so each component of the solution has a
small relative error, however long the times and however small the masses are.

Sources: W. K. Grassmann, M. I. Taksar, D. P. Heyman, Oper. Res. 33, 1107 (1985); C. A. O'Cinneide,
Numer. Math. 65, 109 (1993); A. S. Alfa, J. Xue, Q. Ye, Math. Comp. 71, 217 (2002).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from fokkerplanck._kernels import elimination as kernel
from fokkerplanck._kernels.dissection import BLOCK, EDGE, EDGE_STOP, FIRST, LOWER, UPPER
from fokkerplanck.solvers import dense_front
from fokkerplanck.solvers.dense_front import LARGE
from fokkerplanck.solvers.dissection import Dissection, dissect
from fokkerplanck.solvers.linear import SolverError

Array = NDArray[np.float64]

LARGEST = 600_000_000  # numbers in memory: 4.8 GB
HEAVY = 1e100  # times the reference's mass: beyond it rates between the two might underflow
ATTEMPTS = 4  # to find a reference


@dataclass(frozen=True)
class Pattern:
    """Links of a chain both ways, rates ``out`` of the row's cell and ``into`` it, and an order of cells."""

    pointer: NDArray[np.int32]
    out: Array
    into: Array
    order: Dissection

    @classmethod
    def of(
        cls, links: sparse.csr_array, position: NDArray[np.int64], reference: int | None = None
    ) -> Pattern:
        """The pattern of `links` (n, n) between cells at `position` (n, d)."""
        both = sparse.csr_array(links + 1j * links.T)
        pointer, neighbour = both.indptr.astype(np.int32), both.indices.astype(np.int32)
        order = dissect(pointer, neighbour, np.ascontiguousarray(position, dtype=np.int64), reference)
        return cls(pointer, both.data.real.copy(), both.data.imag.copy(), order)


class Elimination:
    """Solves ``A x = f`` and ``A' x = f``, each component to a small relative error where ``f >= 0``.

    Parameters
    ----------
    links : csr (n, n)
        Rates >= 0 between cells; what stands on the diagonal does not count.
    killing : (n,)
        Rates >= 0.
    position : (n, d)
        Coordinates of the cells on the grid, in cells. They only serve to order them.
    reference : int, optional
        The cell to be eliminated last: for `stationary`, where that one has no way out.
    pattern : Pattern, optional
        `Pattern.of` these arguments, if that is known already.

    Attributes
    ----------
    fill : int
        Numbers kept.
    front : int
        Rows of the largest dense matrix on the way.
    trap : int or None
        A cell from which nothing leads to those eliminated after it; only with a `reference`.

    Examples
    --------
    >>> links = sparse.csr_array(np.diag([1.0, 1.0], 1) + np.diag([1.0, 1.0], -1))
    >>> Elimination(links, np.array([1e-30, 0.0, 0.0]), np.arange(3)[:, None]).backward(np.ones(3))
    array([3.e+30, 3.e+30, 3.e+30])
    """

    def __init__(
        self,
        links: sparse.csr_array,
        killing: Array,
        position: NDArray[np.int64],
        reference: int | None = None,
        pattern: Pattern | None = None,
    ):
        pattern = pattern or Pattern.of(links, position, reference)
        order, pointer = pattern.order, pattern.pointer
        self.fill, self.front = sum(order.kept), order.largest
        if order.numbers > LARGEST:
            raise SolverError(
                f"to eliminate {len(killing)} cells takes {order.numbers:.1e} numbers in memory, more than "
                f"{LARGEST:.1e}; use fewer cells or an iterative solver"
            )
        self._order = order
        self._upper, self._lower = np.zeros(order.kept[0]), np.zeros(order.kept[1])
        killing = np.ascontiguousarray(killing, dtype=np.float64)
        rates = pattern.out, pattern.into, killing
        stuck = np.full(order.fronts.shape[0], -1)
        # Two arrays take turns: fresh memory costs more than clearing it.
        below, blocks = np.empty(order.block), np.empty(order.block)
        for begin, end, size, strips in order.levels():
            below, blocks = blocks, below
            blocks[:size] = 0.0
            kernel.eliminate(
                begin, end, order.fronts, strips, order.cells, pointer, order.place, order.slot,
                *rates, self._upper, self._lower, below, blocks, stuck, LARGE,
            )  # fmt: skip
            for t in range(begin, end):
                if order.pivots[t] >= LARGE:
                    self._eliminate(t, blocks, stuck)
        traps = stuck[(stuck >= 0) & (order.cells[stuck] != reference)]
        self.trap = int(order.cells[traps.min()]) if traps.size else None
        if self.trap is not None and reference is None:
            raise SolverError("some cells are cut off from the rest and never killed; use more cells")

    def backward(self, f: Array) -> Array:
        """Solve ``A x = f`` (n,) or (n, m) for functions: mean times, committors, moments."""
        return self._solve(f, (kernel.lower_sweep, kernel.upper_sweep))

    def forward(self, f: Array) -> Array:
        """Solve ``A' x = f`` (n,) or (n, m) for densities."""
        return self._solve(f, (kernel.upper_sweep_transposed, kernel.lower_sweep_transposed))

    def visits(self) -> Array:
        """Mean times in the cells between visits to the reference, as multiples of the time there."""
        last = np.zeros(self._order.cells.size)
        last[self._order.cells[-1]] = 1.0
        return self._solve(last, (kernel.lower_sweep_transposed,))

    def _eliminate(self, t: int, blocks: Array, stuck: NDArray[np.int64]) -> None:
        """Eliminate the pivots of the large front t."""
        front = self._order.fronts[t]
        s, b = self._order.pivots[t], front[EDGE_STOP] - front[EDGE]
        width = s + b + 1
        upper, lower, block = front[UPPER], front[LOWER], front[BLOCK]
        rows = self._upper[upper : upper + s * width].reshape(s, width)
        edges = blocks[block : block + b * width].reshape(b, width)
        k = dense_front.eliminate(rows, edges)
        stuck[t] = k if k < 0 else front[FIRST] + k
        self._lower[lower : lower + b * s].reshape(b, s)[:] = edges[:, :s]

    def mend(self, f: Array) -> Array:
        """`forward` at half the cost where f (n,) changes its sign, and small only as rounding goes."""
        return self._swept(f, (kernel.upper_sweep_transposed, kernel.lower_sweep_transposed))

    def _solve(self, f: Array, sweeps: tuple[Callable[..., None], ...]) -> Array:
        f = np.asarray(f, dtype=np.float64)
        if f.ndim == 2:
            return np.stack([self._solve(column, sweeps) for column in f.T], axis=1)
        if (f < 0.0).any():
            return self._solve(np.maximum(f, 0.0), sweeps) - self._solve(np.maximum(-f, 0.0), sweeps)
        return self._swept(f, sweeps)

    def _swept(self, f: Array, sweeps: tuple[Callable[..., None], ...]) -> Array:
        x = f[self._order.cells]
        for sweep in sweeps:
            sweep(self._order.fronts, self._order.edge, self._upper, self._lower, x)
        solution = np.empty_like(x)
        solution[self._order.cells] = x
        return solution


def stationary(links: sparse.csr_array, position: NDArray[np.int64]) -> Array:
    """Masses (n,), summing to 1, of the stationary law of a chain without killing.

    Each has a small relative error; those below the smallest number come out as 0. The cell eliminated last
    has to carry some of the mass. Where the middle of the grid does not, the elimination tells which does.

    Raises
    ------
    SolverError
        If the chain falls into parts that do not reach each other.

    Examples
    --------
    >>> links = sparse.csr_array(np.diag([1.0, 1.0], 1) + np.diag([4.0, 4.0], -1))
    >>> stationary(links, np.arange(3)[:, None]) * 21
    array([16.,  4.,  1.])
    """
    return factored(links, position)[0]


def factored(links: sparse.csr_array, position: NDArray[np.int64]) -> tuple[Array, Elimination]:
    """`stationary`, and the factors: of the chain that is killed at the cell eliminated last.

    Where f sums to zero nothing is killed on balance: ``mend(f)`` solves ``A' x = f`` for the chain itself.
    """
    position = np.asarray(position)
    reference = int(np.argmin(np.square(position - position.mean(axis=0)).sum(axis=1)))
    trapped = False
    for _ in range(ATTEMPTS):
        killing = np.zeros(position.shape[0])
        killing[reference] = 1.0
        chain = Elimination(links, killing, position, reference)
        if chain.trap is not None:
            if trapped:  # two sets of cells without a way out
                break
            trapped, reference = True, chain.trap
            continue
        masses = chain.visits()
        if masses.max() < HEAVY:
            return np.asarray(masses / masses.sum()), chain
        reference = int(np.nanargmax(masses))
    raise SolverError(
        "the chain falls into parts that do not reach each other in floating-point numbers, so that its "
        "stationary law is not unique; use more cells, or a region that holds one part"
    )
