r"""Slowest modes of a Markov chain, whose generator is -A.

Modes near 0 come from the inverse of A: those below a gap of many orders first (`slow_group`), because they
dominate it so much that others would drown in its rounding, then the rest by Arnoldi's method. Fast rotation
hides slow modes far up the imaginary axis: :math:`\theta = 1/(s + \lambda)` maps the half plane of decaying
modes on a disk, and such modes on the top of it, where :math:`\operatorname{Im}\theta` is largest.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from fokkerplanck.solvers.arnoldi import arnoldi
from fokkerplanck.solvers.extinction import survivors
from fokkerplanck.solvers.inverse import Inverse, inverse, shifted
from fokkerplanck.solvers.killed import Chain
from fokkerplanck.solvers.modes import Modes
from fokkerplanck.solvers.slow_group import slow_group

Array = NDArray[np.float64]
Search = Callable[[Chain, int, int], Modes]  # chain without killing, k, heavy cell

SPARE = 4  # modes looked for beyond those wanted: the last ones may belong to a pair
SLOW = 1e-9  # rate, in units of the fastest, that parts the slow group from the rest
SHIFTS = 1.0, 16.0  # in units of the k-th rate found so far: for frequencies up to some hundreds of it
TURNS = 8  # restarts in the search for rotation, which need not converge: there may be none


def slowest(chain: Chain, k: int, heavy: int | None, search: Search | None = None) -> Modes:
    """Slowest modes, k or more; `heavy` is a cell with much of the mass of a chain without killing."""
    search = search or near_zero_or_rotating
    if heavy is not None:
        return search(chain, k, heavy)
    rate, chance, rest, heavy = survivors(chain)
    found = search(rest, k, heavy)
    return Modes(found.rates + rate, found.functions * chance[:, None])


def near_zero_or_rotating(chain: Chain, k: int, heavy: int) -> Modes:
    """Slowest modes of a chain without killing."""
    found, known = near_zero(chain, k, heavy)
    if _reversible(chain.links, known.left[:, 0]):
        return found
    for factor in SHIFTS:
        shift = factor * float(found.first(k).rates[-1].real)
        rotating = shifted(chain, shift, known.right, known.left)
        times, functions = arnoldi(rotating.backward, chain.size, k + SPARE, "LI", TURNS)
        found = found.join(1.0 / times - shift, functions)
    return found


def near_zero(chain: Chain, k: int, heavy: int) -> tuple[Modes, Inverse]:
    """Modes of the smallest eigenvalues, k or more, and an inverse without those below a gap."""
    known, shift = inverse(chain, heavy), 0.0
    found = Modes(np.zeros(1, dtype=complex), known.right.astype(complex))
    if group := slow_group(known, chain.size, k - 1):
        found = found.join(group.rates, group.functions)
        # Far below what comes next, so that it is accurate, and far above what has been found.
        shift = SLOW * float(np.asarray(chain.links.sum(axis=1)).max())
        bases = np.hstack([known.right, group.right]), np.hstack([known.left, group.left])
        known = shifted(chain, shift, *bases)
    times, functions = arnoldi(known.backward, chain.size, max(k - len(found.rates), 1) + SPARE, "LM")
    return found.join(1.0 / times - shift, functions), known


def _reversible(links: sparse.csr_array, law: Array) -> bool:
    """Whether nothing flows around, so that all rates are real."""
    flow = sparse.diags_array(law) @ links
    return bool(np.abs(flow - flow.T).max() <= 1e-9 * flow.max())
