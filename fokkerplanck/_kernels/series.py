"""Series of a matrix in its powers or its Chebyshev polynomials, applied to a vector."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fokkerplanck._kernels._jit import inline, serial
from fokkerplanck._kernels.diagonals import Blocks, advance


@serial
def bessel(x: float, degree: int) -> NDArray[np.float64]:
    r"""Chebyshev coefficients of :math:`e^{x(s-1)}` up to `degree`, :math:`2e^{-x}I_k(x)` (half of it at 0).

    By the backward recurrence (J. C. P. Miller), normalised by their sum, which is 1.
    """
    c = np.zeros(degree + 1)
    above, here, total = 0.0, 1e-250, 0.0
    for k in range(degree, 0, -1):
        c[k] = 2.0 * here
        total += c[k]
        above, here = here, above + 2.0 * k / x * here
    c[0] = here
    return c / (total + here)


@serial
def change(p: Blocks, x: NDArray[np.float64]) -> float:
    """1-norm of ``P x - x``, for a padded vector."""
    norm: float = advance(p, 1.0, x, x.copy(), np.empty(p.block))
    return norm


@inline
def _collect(
    a: float, s: NDArray[np.float64], b: float, t: NDArray[np.float64], out: NDArray[np.float64]
) -> None:
    for r in range(len(out)):
        out[r] += a * s[r] + b * t[r]


@inline
def _leave(
    exits: NDArray[np.int64], leaving: NDArray[np.float64], t: NDArray[np.float64], flux: NDArray[np.float64]
) -> None:
    for e in range(len(exits)):
        for s in range(len(flux)):
            flux[s] += leaving[e, s] * t[exits[e]]


@serial
def powers(
    p: Blocks,
    exits: NDArray[np.int64],
    leaving: NDArray[np.float64],
    start: NDArray[np.float64],
    weight: NDArray[np.float64],
    out: NDArray[np.float64],
    flux: NDArray[np.float64],
) -> None:
    """Add ``sum_k weight[k, i] P^k start`` to ``out[i]``; the number of weights is even.

    ``flux[k]`` (sinks,) gets what ``P^k start`` sends to the sinks: from the cells `exits`, of which a
    fraction ``leaving`` (exits, sinks) leaves.
    """
    even, odd, sums = start.copy(), np.zeros_like(start), np.empty(p.block)
    even_cells, odd_cells = even[p.pad :], odd[p.pad :]
    for k in range(0, weight.shape[0], 2):
        if k > 0:
            even[:] = 0.0
            advance(p, 1.0, odd, even, sums)
        odd[:] = 0.0
        advance(p, 1.0, even, odd, sums)
        _leave(exits, leaving, even_cells, flux[k])
        _leave(exits, leaving, odd_cells, flux[k + 1])
        for i in range(out.shape[0]):
            if weight[k, i] + weight[k + 1, i] > 0.0:
                _collect(weight[k, i], even, weight[k + 1, i], odd, out[i])


@serial
def expand(
    p: Blocks,
    exits: NDArray[np.int64],
    leaving: NDArray[np.float64],
    start: NDArray[np.float64],
    weight: NDArray[np.float64],
    tail: NDArray[np.float64],
    tolerance: float,
    most_norm: float,
    most_sum: float,
    out: NDArray[np.float64],
    flux: NDArray[np.float64],
    size: NDArray[np.float64],
) -> tuple[int, int, float]:
    """Add ``sum_k weight[k, i] T_k(P) start`` to ``out[i]``; outputs converge in ascending order.

    An output has converged when ``tail[k, i]``, its weights beyond k, times the largest 1-norm of a T_k so
    far is at most `tolerance`. ``size[i]`` gets the weighted sum of these norms: how much cancels, and what
    rounding does. It ends where a norm passes `most_norm` or a sum `most_sum`. The rest as in `powers`.

    Returns the degree reached, how many outputs have converged, and the largest norm.
    """
    outputs = weight.shape[1]
    even, odd, sums = start.copy(), np.zeros_like(start), np.empty(p.block)
    even_cells, odd_cells = even[p.pad :], odd[p.pad :]
    largest = max(1.0, advance(p, 1.0, even, odd, sums))
    _leave(exits, leaving, even_cells, flux[0])
    _leave(exits, leaving, odd_cells, flux[1])
    for i in range(outputs):
        _collect(weight[0, i], even, weight[1, i], odd, out[i])
        size[i] = weight[0, i] + weight[1, i]
    k, converged = 1, 0
    while True:
        while converged < outputs and tail[k, converged] * largest <= tolerance:
            converged += 1
        grown = largest > most_norm or size[outputs - 1] > most_sum
        if converged == outputs or grown or k + 2 >= weight.shape[0]:
            return k, converged, largest
        norm = advance(p, 2.0, odd, even, sums)
        norm = max(norm, advance(p, 2.0, even, odd, sums))
        largest = max(largest, norm)
        _leave(exits, leaving, even_cells, flux[k + 1])
        _leave(exits, leaving, odd_cells, flux[k + 2])
        for i in range(converged, outputs):
            # T_k two at a time: half the reading and writing of the sums.
            _collect(weight[k + 1, i], even, weight[k + 2, i], odd, out[i])
            size[i] += (weight[k + 1, i] + weight[k + 2, i]) * norm
        k += 2
