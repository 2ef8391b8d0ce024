"""Rates in detailed balance with a known potential."""

from __future__ import annotations

import numpy as np
from numba import prange
from numpy.typing import NDArray

from fokkerplanck._kernels._jit import inline, parallel
from fokkerplanck._kernels.links import bernoulli
from fokkerplanck._kernels.tensors import CHUNK

Array = NDArray[np.float64]
Index = NDArray[np.int32]


@inline
def _find(columns: Index, low: int, high: int, target: int) -> int:
    """Where `target` stands among the ascending ``columns[low:high]``, -1 if it does not."""
    end = high
    while low < high:
        middle = (low + high) // 2
        if columns[middle] < target:
            low = middle + 1
        else:
            high = middle
    return low if low < end and columns[low] == target else -1


@parallel
def balanced_rates(
    start: Index, columns: Index, conductance: Array, potential: Array, rate: Array, lone: NDArray[np.bool_]
) -> None:
    """Rates ``(c_ij + c_ji) B(U_j - U_i)`` of a matrix in CSR; marks in `lone` (n) rows with a link whose
    opposite is missing."""
    n = start.shape[0] - 1
    for chunk in prange((n + CHUNK - 1) // CHUNK):
        for i in range(chunk * CHUNK, min(n, (chunk + 1) * CHUNK)):
            lone[i] = False
            for k in range(start[i], start[i + 1]):
                j = columns[k]
                back = _find(columns, start[j], start[j + 1], i)
                if back < 0:
                    lone[i] = True
                else:
                    total = conductance[k] + conductance[back]
                    rate[k] = total * bernoulli(potential[j] - potential[i])
