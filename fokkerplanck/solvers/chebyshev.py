r"""Evolution by Chebyshev series of the uniformised chain: no time error but rounding.

.. math:: e^{tQ^\top}p = \sum_k c_k\,T_k(P)\,p, \qquad c_k = 2e^{-x}I_k(x), \quad x = \Lambda t,

with half of it at k = 0. Some :math:`6\sqrt{2x}` products reach rounding, where the Poisson series needs x.
Source: H. Tal-Ezer, SIAM J. Numer. Anal. 26, 1 (1989). Whole steps of a chain in discrete time are the same
with :math:`P^N = \sum_k 2^{1-N}\binom{N}{(N-k)/2}\,T_k(P)`: S. Sachdeva and N. K. Vishnoi, Found. Trends
Theor. Comput. Sci. 9, 125 (2014), section 3.

Where a density drifts more than it spreads, the :math:`T_k(P)p` grow before they cancel. Their 1-norms tell
what rounding does, and limit the step.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fokkerplanck._kernels import series
from fokkerplanck.solvers.state import State
from fokkerplanck.solvers.uniformised import Sums, Uniformised

Array = NDArray[np.float64]

EPS = float(np.finfo(float).eps)
TRUNCATED = 1e-15  # what is left off, relative to the mass
SMALLEST = 115.0  # -ln of the last coefficient: against norms of up to e^80
LEFT = 1e-3  # of the mass at least stays in a step, so that small remains keep their digits
# A step is given up where a norm, or their weighted sum, passes the first number; it aims at the second.
NORM = (1e8, 1e6)
SUM = (1e6, 1e3)


def expand(chain: Uniformised, state: State, ticks: Array, whole: bool) -> Sums:
    """States after as many of the `ticks` as converge, and by how much a step may be longer."""
    weight = _weights(ticks, whole)
    tail = np.zeros_like(weight)
    tail[:-1] = np.cumsum(weight[:0:-1], axis=0)[::-1]
    mass = float(state.masses.sum())
    start = chain.pad(state.masses / mass)
    out, size = np.zeros((len(ticks), len(start))), np.zeros(len(ticks))
    flux = np.zeros((len(weight), chain.leaving.shape[1]))
    limits = TRUNCATED, NORM[0], SUM[0]
    degree, converged, norm = series.expand(
        chain.blocks, chain.exits, chain.leaving, start, weight, tail, *limits, out, flux, size
    )
    # The sinks are cells too, that only gain: their T_k follow from what the others send.
    rise = 2.0 * np.cumsum(flux, axis=0) - flux[0]
    sunk = np.vstack([np.zeros_like(flux[:1]), np.cumsum(rise, axis=0)[:-1]])
    gained = weight[: degree + 1].T @ sunk[: degree + 1]
    # Rounding errors may grow as the norm does and not be seen yet: then this is their weighted sum.
    hidden = EPS**0.75 * norm**0.25
    states = [
        state.moved(mass * chain.cut(out[i]), mass * gained[i], mass * (EPS * size[i] + hidden))
        for i in range(converged)
    ]
    left = float(states[-1].masses.sum()) / mass if states else 1.0
    room = np.log(LEFT) / np.log(min(left, 0.999))
    room = min(room, np.log(SUM[1]) / np.log(max(size[-1], 1.001)))
    return Sums(states, degree, min(room, (np.log(NORM[1]) / np.log(max(norm, 1.001))) ** 2))


def products(ticks: float) -> float:
    """Products that a series of one step takes, about."""
    return 8.5 * float(np.sqrt(ticks))


def _weights(ticks: Array, whole: bool) -> Array:
    """Chebyshev coefficients (degrees, ticks) of the exponential, or of the power; an even number."""
    degree = _degree(float(ticks[-1]), whole)
    weight = np.zeros((degree + 1 + (degree + 1) % 2, len(ticks)))
    for i, x in enumerate(ticks):
        c = _power(int(x)) if whole else series.bessel(float(x), _degree(float(x), whole))
        weight[: len(c), i] = c
    return weight


def _degree(x: float, whole: bool) -> int:
    r"""Where :math:`\ln c_k \approx \sqrt{k^2+x^2} - x - k\sinh^{-1}(k/x)` is low enough, by Newton."""
    k = max(np.sqrt(2.0 * SMALLEST * x), SMALLEST)
    for _ in range(8):
        slope = np.arcsinh(k / x)
        k += (np.hypot(k, x) - x - k * slope + SMALLEST) / slope
    degree = int(np.ceil(k))
    return min(degree, int(x)) if whole else degree


def _power(steps: int) -> Array:
    """Chebyshev coefficients of ``s**steps``, from the ratios of the binomials."""
    degree = _degree(float(steps), True)
    k = np.arange(steps % 2, degree - 1, 2)
    c = np.zeros(degree + 1)
    c[steps % 2 :: 2] = np.cumprod(np.append(1.0, (steps - k) / (steps + k + 2.0)))
    if steps % 2 == 0:
        c[0] *= 0.5
    normalised: Array = c / c.sum()
    return normalised
