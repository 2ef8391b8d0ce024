"""A set of modes of a Markov chain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]

SAME = 1e-6  # relative difference of rates within which their modes are compared


@dataclass(frozen=True)
class Modes:
    """Eigenvalues of A (k,), by real part, and eigenfunctions (n, k)."""

    rates: Complex
    functions: Complex

    def first(self, k: int) -> Modes:
        """The k slowest; k + 1 where a pair would be cut in two."""
        r = self.rates
        k += int(k < len(r) and r[k].imag < 0 and r[k].conj() == r[k - 1])
        return Modes(r[:k], self.functions[:, :k])

    def join(self, rates: Complex, functions: Complex) -> Modes:
        """With more modes, each once; of a pair only that with positive frequency is looked at."""
        new = [r.imag >= 0 and not self._holds(r, f) for r, f in zip(rates, functions.T, strict=True)]
        pair = rates[new].imag > 0
        rates = np.concatenate([self.rates, rates[new], rates[new][pair].conj()])
        half = functions[:, new]
        return Modes(rates, np.hstack([self.functions, half, half[:, pair].conj()])).sorted()

    def sorted(self) -> Modes:
        """By real part, of a pair positive frequency first."""
        order = np.lexsort((-self.rates.imag, self.rates.real))
        return Modes(self.rates[order], self.functions[:, order])

    def _holds(self, rate: complex, function: Complex) -> bool:
        close = self.functions[:, np.abs(self.rates - rate) <= SAME * max(abs(rate), 1e-300)]
        left = function - close @ np.linalg.lstsq(close, function, rcond=None)[0]
        return bool(np.linalg.norm(left) < 1e-3 * np.linalg.norm(function))
