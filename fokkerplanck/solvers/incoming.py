"""A Markov chain without killing by what leads into its states, as cycles for its stationary law take it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from fokkerplanck._kernels import incoming

Array = NDArray[np.float64]
Index = NDArray[np.uint32]

NOTHING = np.empty(0)  # a supply of none


@dataclass(frozen=True)
class Incoming:
    """Links into state j, ``start[j]:start[j + 1]``, from their ``source`` at their ``rate``; the ``total``
    rate (n,) out of every state, and how long it is ``stay``ed in."""

    start: Index
    source: Index
    rate: Array
    total: Array
    stay: Array

    @classmethod
    def of(cls, links: sparse.csr_array) -> Incoming:
        """The chain of rates (n, n), row by row out of every state."""
        n = links.shape[0]
        start, source = np.empty(n + 1, np.uint32), np.empty(links.nnz, np.uint32)
        rate, total = np.empty(links.nnz), np.empty(n)
        incoming.turn(links.indptr, links.indices, links.data, start, source, rate, total)
        with np.errstate(divide="ignore"):
            return cls(start, source, rate, total, 1.0 / total)

    @property
    def graph(self) -> tuple[Index, Index, Array, Array]:
        """Arguments of sweeps."""
        return self.start, self.source, self.rate, self.stay

    @property
    def size(self) -> int:
        """Number of states."""
        return self.total.size
