"""Small chains, and how evolutions of them are compared with matrix exponentials."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from fokkerplanck.solvers.evolution import Evolved

Array = NDArray[np.float64]


def random_chain(seed: int, killed: bool = False) -> tuple[sparse.csr_array, Array, Array]:
    """Rates spread over up to six decades on a connected chain, killing (n, 2), and a start in one cell."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(4, 40))
    rates = rng.random((n, n)) * (rng.random((n, n)) < 0.3) * 10 ** rng.uniform(-3, 3, (n, n))
    rates += np.roll(np.eye(n), 1, axis=1) * rng.random() * 10
    np.fill_diagonal(rates, 0.0)
    killing = killed * rng.random((n, 2)) * (rng.random((n, 2)) < 0.3)
    return sparse.csr_array(rates), killing, np.eye(n)[rng.integers(n)]


def generator(links: sparse.csr_array, killing: Array) -> Array:
    """Q with the sinks as cells of their own, which nothing leaves."""
    n, s = killing.shape
    q = np.zeros((n + s, n + s))
    q[:n, :n], q[:n, n:] = links.toarray(), killing
    return q - np.diag(q.sum(axis=1))


def joined(run: Evolved) -> Array:
    return np.concatenate([run.masses, run.absorbed], axis=1)
