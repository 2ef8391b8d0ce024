"""Slow modes that a gap of many orders parts from all others, as those of metastable states."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.solvers.inverse import Inverse

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]

GAP = 1e5  # ratio of two rates; each turn of the iteration gains as much
TURNS = 3


@dataclass(frozen=True)
class Group:
    """Modes of the p slowest rates; ``right``, ``left`` (n, p): dual bases of functions and densities."""

    rates: Complex
    functions: Complex
    right: Array
    left: Array


def slow_group(inverse: Inverse, n: int, most: int) -> Group | None:
    """The slowest modes up to a gap, if one comes before `most`: by subspace iteration with the inverse."""
    x, sizes = _iterate(inverse.backward, n, most + 1)
    ratios = sizes[:-1] / np.maximum(sizes[1:], np.finfo(float).tiny)
    gaps = np.flatnonzero(ratios > GAP)
    if not len(gaps):
        return None
    p = int(gaps[0]) + 1
    right, left = x[:, :p], _iterate(inverse.forward, n, p)[0]
    left = left @ np.linalg.inv(right.T @ left)
    small = left.T @ np.array([inverse.backward(f) for f in right.T]).T
    times, combine = np.linalg.eig(small.astype(complex))
    functions = np.asarray(right @ combine, dtype=complex)
    return Group(np.asarray(1.0 / times, dtype=complex), functions, right, left)


def _iterate(apply: Callable[[Array], Array], n: int, p: int) -> tuple[Array, Array]:
    """Orthonormal basis (n, p) of what the inverse makes largest, and how large it makes each."""
    # Fixed and without symmetry: the same bits every time.
    x, sizes = np.cos(np.outer(np.arange(n) + 1.0, np.sqrt(np.arange(p) + 2.0))), np.ones(p)
    for _ in range(TURNS):
        x, sizes, _ = np.linalg.svd(np.array([apply(f) for f in x.T]).T, full_matrices=False)
    return x, sizes
