r"""Stationary law of a Markov chain without killing, by multigrid from a guess.

Each cycle of `hierarchy` maps masses p to better ones, :math:`p \to p\,\phi(p)`, and keeps them positive; it
mends tails and balances metastable parts against each other without subtractions. Anderson mixing of
:math:`\ln\phi` over the last few cycles, in the norm of :math:`L^2(p)`, which sees slow modes as well as fast
ones, turns a rate of 0.7 a cycle into 0.4. Wells that exchange mass more slowly than rounding are left as the
guess weighs them. Sources: H. De Sterck et al., SIAM J. Sci. Comput. 32, 40 (2010), for multigrid and its
acceleration on Markov chains; D. G. Anderson, J. ACM 12, 547 (1965).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from fokkerplanck._kernels import aggregation, mixing
from fokkerplanck.solvers.hierarchy import Hierarchy, Level
from fokkerplanck.solvers.linear import SolverError

Array = NDArray[np.float64]

TOLERANCE = 3e-7  # of the masses in L1, far below the error of any grid
CYCLES = 80
MEMORY = 5  # cycles that are mixed
FAST, SLOW = 0.3, 0.99  # rates of convergence that are believed
FLOOR = 1e-280  # smallest mass carried, relative to the largest


@dataclass(frozen=True)
class Balanced:
    """Masses (n,) summing to 1, their estimated error in L1, and the cycles it took."""

    masses: Array
    error: float
    cycles: int


def stationary(links: sparse.csr_array, guess: Array, tolerance: float = TOLERANCE) -> Balanced:
    """Masses of the stationary law from a positive guess of them (n,).

    Raises
    ------
    SolverError
        If cells cannot reach each other, or the cycles do not converge.
    """
    incoming = links.T.tocsr()
    start, source = (
        incoming.indptr.astype(np.int32, copy=False),
        incoming.indices.astype(np.int32, copy=False),
    )
    total = np.asarray(links.sum(axis=1)).ravel()
    level = Level(start, source, np.empty(source.size), np.empty(total.size))

    def renew(p: Array) -> None:
        aggregation.gauge(source, incoming.data, total, p, level.flow, level.outflow)

    p = np.maximum(guess, FLOOR * guess.max())
    p /= p.sum()
    renew(p)
    hierarchy = Hierarchy(level)
    mixer = _Mixer(total.size)
    error = np.inf
    for count in range(1, CYCLES + 1):
        phi = hierarchy.improve()
        if hierarchy.stuck and count == 1:
            require_one_law(links)
        if count == 1:  # far from converged: taken as it is
            p *= phi
            p = np.maximum(p, FLOOR * p.max())
            p /= p.sum()
        else:
            error = mixer.advance(p, phi)
            if error < tolerance:
                return Balanced(p, error, count)
        renew(p)
    raise SolverError(f"multigrid stopped at a relative error of {error:.1e} after {CYCLES} cycles")


def require_one_law(links: sparse.csr_array) -> None:
    """Refuse a chain with several parts that nothing leads out of: each has a stationary law of its own."""
    count, part = sparse.csgraph.connected_components(links, connection="strong")
    row = np.repeat(part, np.diff(links.indptr))
    leads_out = np.zeros(count, dtype=bool)
    leads_out[row[row != part[links.indices]]] = True
    closed = count - int(leads_out.sum())
    if closed > 1:
        raise SolverError(f"the stationary law is not unique: {closed} parts of the box cannot be left")


class _Mixer:
    """What the last steps did to the correction (`change`), and the steps and changes together (`shift`)."""

    def __init__(self, n: int):
        self._shift, self._change = np.empty((MEMORY, n)), np.empty((MEMORY, n))
        self._last: Array | None = None
        self._sizes: list[float] = []

    def advance(self, p: Array, phi: Array) -> float:
        r"""Take the mixed step from p in place; returns the error of p in L1 before it.

        A cycle changes p by the share :math:`\varepsilon` of the error in its slowest mode. Mixing at best
        converges at the rate :math:`\rho = (1 - \sqrt\varepsilon)/(1 + \sqrt\varepsilon)` of Chebyshev: what
        is seen of it tells the share.
        """
        f = np.empty(p.size)
        self._sizes.append(float(mixing.logarithms(phi, p, f)))
        if not np.isfinite(self._sizes[-1]):
            raise SolverError("some cells can hardly be left: the drift points out of the box")
        if self._last is not None:
            newest = (len(self._sizes) - 2) % MEMORY
            np.subtract(f, self._last, out=self._change[newest])
            self._shift[newest] += self._change[newest]
        m = min(len(self._sizes) - 1, MEMORY)
        gram, right = np.empty((m, m)), np.empty(m)
        mixing.products(p, self._change[:m], f, gram, right)
        weight = np.linalg.lstsq(gram, right, rcond=1e-12)[0] if m else right
        self._last = f.copy()
        mixing.advance(p, f, self._shift[:m], weight)
        self._shift[(len(self._sizes) - 1) % MEMORY] = f
        return self._sizes[-1] * ((1.0 + self._rate) / (1.0 - self._rate)) ** 2

    @property
    def _rate(self) -> float:
        recent = self._sizes[-1 - MEMORY :]
        if len(recent) < 2 or recent[-1] == 0.0:
            return 0.0 if self._sizes[-1] == 0.0 else SLOW
        return float(min(max((recent[-1] / recent[0]) ** (1.0 / (len(recent) - 1)), FAST), SLOW))
