r"""Evolution by the Poisson series of the uniformised chain: positive whatever the rates, one product a tick.

.. math:: e^{tQ^\top}p = \sum_k e^{-x}\frac{x^k}{k!}\,P^k p, \qquad x = \Lambda t.

Source: A. Jensen, Skand. Aktuarietidskr. 36, 87 (1953). Whole steps of a chain in discrete time: its powers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from fokkerplanck._kernels import series
from fokkerplanck.solvers.state import State
from fokkerplanck.solvers.uniformised import Sums, Uniformised

Array = NDArray[np.float64]

EPS = float(np.finfo(float).eps)


def expand(chain: Uniformised, state: State, ticks: Array, whole: bool) -> Sums:
    """States after `ticks` of the clock."""
    weight = _weights(ticks, whole)
    start = chain.pad(state.masses)
    out, flux = np.zeros((len(ticks), len(start))), np.zeros((len(weight), chain.leaving.shape[1]))
    series.powers(chain.blocks, chain.exits, chain.leaving, start, weight, out, flux)
    sunk = np.vstack([np.zeros_like(flux[:1]), np.cumsum(flux, axis=0)[:-1]])
    gained = weight.T @ sunk
    error = EPS * len(weight) * float(state.masses.sum())
    states = [state.moved(chain.cut(out[i]), gained[i], error) for i in range(len(ticks))]
    return Sums(states, len(weight), 1.0)


def _weights(ticks: Array, whole: bool) -> Array:
    """Poisson probabilities (counts, ticks), or ones at the ticks themselves; an even number of counts."""
    x = float(ticks[-1])
    most = int(x) if whole else int(np.ceil(x + 9.0 * np.sqrt(x) + 30.0))
    k = np.arange(most + 1 + (most + 1) % 2, dtype=float)[:, None]
    if whole:
        return np.where(k == ticks, 1.0, 0.0)
    weight = np.exp(k * np.log(ticks) - ticks - gammaln(k + 1.0))
    normalised: Array = weight / weight.sum(axis=0)
    return normalised
