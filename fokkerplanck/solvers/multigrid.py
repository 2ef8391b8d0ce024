r"""Stationary law of a Markov chain without killing, by multigrid from a guess.

Each cycle of `hierarchy` maps masses p to better ones, :math:`p \to p\,\phi(p)`, and keeps them positive; it
mends tails and balances metastable parts against each other without subtractions. Anderson mixing of
:math:`\ln\phi` over the last few cycles, in the norm of :math:`L^2(p)`, which sees slow modes as well as fast
ones, turns a rate of 0.7 a cycle into 0.4. With a coarser grid at hand two sweeps around a correction on it
come first, and aggregates only where that is slow. Wells that exchange mass more slowly than rounding are
left as the guess weighs them. Sources: H. De Sterck et al., SIAM J. Sci. Comput. 32, 40 (2010), for
multigrid and its acceleration on Markov chains; D. G. Anderson, J. ACM 12, 547 (1965).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from fokkerplanck._kernels import balance, mixing
from fokkerplanck.solvers.coarser import Coarser
from fokkerplanck.solvers.hierarchy import Hierarchy
from fokkerplanck.solvers.incoming import NOTHING, Incoming
from fokkerplanck.solvers.linear import SolverError

Array = NDArray[np.float64]
Short = NDArray[np.float32]

TOLERANCE = 3e-7  # of the masses in L1, far below the error of any grid
CYCLES, LEAST_CYCLES = 80, 3
PATIENCE = 4  # cycles on coarser grids that may still be needed, before aggregates are made
MEMORY = 5  # cycles that are mixed
FAST, SLOW = 0.3, 0.99  # rates of convergence that are believed
FLOOR = 1e-280  # smallest mass carried, relative to the largest


@dataclass(frozen=True)
class Balanced:
    """Masses (n,) summing to 1, their estimated error in L1, and the cycles it took."""

    masses: Array
    error: float
    cycles: int


def stationary(
    links: sparse.csr_array, guess: Array, tolerance: float = TOLERANCE, coarser: Coarser | None = None
) -> Balanced:
    """Masses of the stationary law from a positive guess of them (n,), helped by a coarser grid if any.

    Raises
    ------
    SolverError
        If cells cannot reach each other, or the cycles do not converge.
    """
    chain = Incoming.of(links)
    p = np.maximum(guess, FLOOR * guess.max())
    p /= p.sum()
    hierarchy = None if coarser else Hierarchy(chain, p)
    mixer, q = _Mixer(p, cautious=coarser is None), np.empty_like(p)
    for count in range(1, CYCLES + 1):
        np.copyto(q, p)
        if hierarchy:
            hierarchy.improve(q)
        else:
            balance.sweep(*chain.graph, NOTHING, q, True)
        if coarser:
            coarser.correct(chain, q)
        if not hierarchy:
            balance.sweep(*chain.graph, NOTHING, q, False)
        elif hierarchy.stuck and count == 1:
            require_one_law(links)
        mixer.advance(p, q)
        if mixer.error < tolerance and mixer.count >= LEAST_CYCLES:
            return Balanced(p, mixer.error, count)
        if not hierarchy and mixer.needs(tolerance) > PATIENCE:
            hierarchy, mixer = Hierarchy(chain, p), _Mixer(p, cautious=False)
        elif hierarchy and mixer.diverges:
            coarser = None
    raise SolverError(f"multigrid stopped at a relative error of {mixer.error:.1e} after {CYCLES} cycles")


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
    """What the last steps did to the correction (`change`), and the steps and changes together (`shift`).

    The first step goes all the way. Without a coarser grid it may have far to go, and tells nothing of the
    others; nor does one small correction (`cautious`): an error next to a saddle, where there is no mass, can
    stop the flow between wells for a cycle, so that the last two count.
    """

    def __init__(self, p: Array, cautious: bool):
        self._shift, self._change = np.empty((2, MEMORY, p.size), np.float32)
        self._last, self._floor = np.empty(p.size, np.float32), FLOOR * p.max()
        self._cautious, self._first = cautious, True
        self._sizes: list[float] = []
        self._share = 1.0  # least part of a step that a cycle has made good

    def advance(self, p: Array, q: Array) -> None:
        """Take the mixed step from p towards q, in place."""
        f = np.empty(p.size, np.float32)
        size = float(mixing.logarithms(q, p, f))
        if not np.isfinite(size):
            raise SolverError("some cells can hardly be left: the drift points out of the box")
        if self._first:
            np.maximum(q, self._floor, out=p)
            p /= p.sum()
            self._first = False
            if self._cautious:
                return
            self._last[:] = f
        else:
            self._mix(p, f)
        self._shift[self.count % MEMORY] = f
        self._sizes.append(size)

    def _mix(self, p: Array, f: Short) -> None:
        """Step from p by what is left of f once the steps before have made of it what they can."""
        m = min(self.count, MEMORY)
        gram, weight = np.empty((m, m)), np.empty(m)
        if m:
            newest = (self.count - 1) % MEMORY
            made_good = mixing.note(p, f, self._last, self._shift[newest], self._change[newest])
            self._share = min(self._share, made_good)
            mixing.products(p, self._change[:m], f, gram, weight)
            weight[:] = np.linalg.lstsq(gram, weight, rcond=1e-12)[0]
        self._last[:] = f
        mixing.advance(p, f, self._shift[:m], weight, self._floor)

    @property
    def count(self) -> int:
        """Steps that tell of the others."""
        return len(self._sizes)

    @property
    def error(self) -> float:
        r"""Estimated error of p in L1 before the last step.

        A cycle changes p by the share :math:`\varepsilon` of the error in its slowest mode. Mixing at best
        converges at the rate :math:`\rho = (1 - \sqrt\varepsilon)/(1 + \sqrt\varepsilon)` of Chebyshev: what
        is seen of it tells the share, unless a step has shown a smaller one.
        """
        if not self._sizes:
            return np.inf
        size = self._sizes[-1]
        if self._cautious and self.count > 1:
            size = float(np.sqrt(size * self._sizes[-2]))
        return size * max(((1.0 + self._rate) / (1.0 - self._rate)) ** 2, 1.0 / self._share)

    def needs(self, tolerance: float) -> float:
        """How many more steps to expect."""
        return float(np.log(self.error / tolerance) / -np.log(self._rate)) if self.count > 1 else 0.0

    @property
    def diverges(self) -> bool:
        """Whether the last two corrections were each larger than the one before."""
        return self.count > 2 and self._sizes[-1] > self._sizes[-2] > self._sizes[-3]

    @property
    def _rate(self) -> float:
        """Mean rate of the last steps, or that of the very last if it is slower."""
        recent = self._sizes[-1 - MEMORY :]
        if len(recent) < 2 or recent[0] == 0.0:
            return SLOW
        mean = (recent[-1] / recent[0]) ** (1.0 / (len(recent) - 1))
        last = recent[-1] / recent[-2] if recent[-2] else 0.0
        return float(min(max(mean, last, FAST), SLOW))
