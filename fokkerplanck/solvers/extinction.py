"""A killed Markov chain before its extinction, and as it looks to the survivors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from fokkerplanck.solvers.arnoldi import arnoldi
from fokkerplanck.solvers.killed import Chain
from fokkerplanck.solvers.linear import SolverError

Array = NDArray[np.float64]

TURNS = 200
FIRST = 3  # turns after which it is seen how fast they converge
VECTORS = 20  # solutions that Arnoldi's method takes at least
RTOL, ATOL = 1e-12, 1e-9  # of the rate; of the masses in L1
LOOSE = 1e3  # how much less is asked of a solver that is not exact


def before_extinction(chain: Chain) -> tuple[float, Array]:
    """Rate of extinction and quasi-stationary masses (n,), the positive left eigenvector."""
    q = _positive_mode(chain.solver.forward, chain)
    # The rate as the flux out of the region keeps its relative accuracy however small it is.
    return float(chain.killing @ q), q


def survivors(chain: Chain) -> tuple[float, Array, Chain, int]:
    r"""Rate of extinction, relative chance to survive from each cell (n,), the chain of survivors, its
    heaviest cell.

    Doob's transform, :math:`w_{ij} f_j / f_i` where :math:`A f = \lambda_0 f`, is a chain without killing,
    whose spectrum is that of A less :math:`\lambda_0`. Source: J. L. Doob, Bull. SMF 85, 431 (1957).
    """
    rate, q = before_extinction(chain)
    f = _positive_mode(chain.solver.backward, chain)

    def transformed(links: sparse.csr_array) -> sparse.csr_array:
        return (sparse.diags_array(1.0 / f) @ links @ sparse.diags_array(f)).tocsr()

    nothing = np.zeros(chain.size)
    near = chain.companion and (transformed(chain.companion[0]), nothing)
    return (
        rate,
        f,
        replace(chain, links=transformed(chain.links), killing=nothing, companion=near),
        int(np.argmax(q * f)),
    )


def _positive_mode(solve: Callable[[Array], Array], chain: Chain) -> Array:
    """The positive eigenvector, summing to 1, by inverse iteration, which keeps it positive and its small
    parts accurate. Where another mode is nearly as slow, Arnoldi's method comes near it first."""
    p = np.full(chain.size, 1.0 / chain.size)
    slack = 1.0 if chain.solver.exact else LOOSE
    time, change, helped = 0.0, 1.0, False
    for turn in range(TURNS):
        q = solve(p)
        time, before = float(q.sum()), time
        q /= time
        change, last = float(np.abs(q - p).sum()), change
        if abs(time - before) <= slack * RTOL * time and change <= slack * ATOL:
            return q
        p = q
        if turn >= FIRST and not helped and change > last * (slack * ATOL / change) ** (1.0 / VECTORS):
            _, near = arnoldi(solve, chain.size, 1, "LM", VECTORS)
            p, helped = np.abs(near[:, 0]) if near.size else p, True
            p /= p.sum()
    raise SolverError(
        f"the quasi-stationary law did not settle in {TURNS} inverse iterations: two laws are equally slow"
    )
