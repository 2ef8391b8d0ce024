"""How slowly the heavy parts of a Markov chain exchange mass."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Array = NDArray[np.float64]

HEAVY = 1e-6  # share of the mass above which a part matters


def slowest_exchange(links: sparse.csr_array, p: Array) -> float:
    """Rate at which the most weakly joined heavy parts exchange mass, relative to the fastest rate.

    Links are added from the largest flow ``p_i w_ij`` down: where two heavy parts meet first is the saddle
    between them, and its flow over the lighter mass is their rate, up to the width of the saddle.
    """
    flow = links.copy()
    flow.data = links.data * np.repeat(p, np.diff(links.indptr))
    both = flow + flow.T
    cost = both.tocoo()
    cost.data = 1.0 + np.log(both.data.max()) - np.log(np.maximum(cost.data, np.finfo(float).tiny))
    tree = sparse.csgraph.minimum_spanning_tree(cost).tocoo()
    order = np.argsort(tree.data, kind="stable")
    flows = both.data.max() * np.exp(1.0 - tree.data[order])
    part, mass, slowest = list(range(p.size)), p.tolist(), np.inf
    for i, j, most in zip(tree.row[order].tolist(), tree.col[order].tolist(), flows.tolist(), strict=True):
        a, b = _root(part, i), _root(part, j)
        lighter = min(mass[a], mass[b])
        if lighter > HEAVY:
            slowest = min(slowest, most / lighter)
        part[b] = a
        mass[a] += mass[b]
    return float(slowest / np.asarray(links.sum(axis=1)).max())


def _root(part: list[int], i: int) -> int:
    while part[i] != i:
        part[i] = part[part[i]]
        i = part[i]
    return i
