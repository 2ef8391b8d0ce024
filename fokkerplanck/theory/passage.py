"""Mean passage times of one-dimensional Ito diffusions by quadrature."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.estimate import Estimate

Array = NDArray[np.float64]
Coefficients = Callable[[Array], tuple[Array, Array]]  # points (n,) -> drift (n,), D (n,)

# Mean overshoot of a Gaussian random walk over a level, in units of its step: -zeta(1/2)/sqrt(2 pi).
OVERSHOOT = 0.5825971579390106
_PANELS = (8, 16, 32, 64, 128, 256, 512, 1024)


def mean_passage_time(
    coefficients: Coefficients,
    start: float,
    low: float,
    high: float,
    *,
    absorbing: tuple[bool, bool],
    method: str = "quadrature",
    assumptions: tuple[str, ...] = (),
) -> Estimate:
    r"""Mean time to leave (low, high) of :math:`dX = b\,dt + \sqrt{2D}\,dW` through its absorbing ends.

    :math:`T(x_0) = \int_{x_0}^{h} dy\,\psi^{-1}(y)\int_l^y dz\,\psi(z)/D(z)` with
    :math:`\psi = \exp\int b/D` and a reflecting end at l; two absorbing ends by Green's function.
    The error is the difference between the last two numbers of panels (Gauss-Legendre, 12 points each).
    """
    if not low <= start <= high:
        raise ValueError(f"x0: got {start:g}; expected a point between {low:g} and {high:g}")
    if not any(absorbing):
        raise ValueError("edge: both ends reflect, so no passage happens; make one of them absorbing")
    previous = value = np.nan
    for panels in _PANELS:
        previous, value = value, _passage(coefficients, start, low, high, absorbing, panels)
        if abs(value - previous) <= 1e-11 * abs(value):
            break
    disc = abs(value - previous) if np.isfinite(previous) else np.inf
    status = "ok"
    if not np.isfinite(value):
        status = "not valid here: drift or noise is singular, or the noise vanishes, between start and edge"
    elif disc > 1e-3 * abs(value):
        status = "not valid here: the quadrature does not converge; a coefficient is not smooth on the way"
    return Estimate(
        float(value), disc=float(disc), unit="time", method=method, assumptions=assumptions, status=status
    )


def _passage(
    coefficients: Coefficients,
    start: float,
    low: float,
    high: float,
    absorbing: tuple[bool, bool],
    panels: int,
) -> float:
    """All sums are over positive terms, so that deep wells and high barriers keep their digits."""
    if absorbing == (True, False):

        def mirrored(x: Array) -> tuple[Array, Array]:
            drift, diffusion = coefficients(-x)
            return -drift, diffusion

        return _passage(mirrored, -start, -high, -low, (False, True), panels)
    if start in (low, high) and absorbing[int(start == high)]:
        return 0.0
    cuts = np.unique(np.r_[np.linspace(low, start, panels + 1), np.linspace(start, high, panels + 1)])
    half = np.diff(cuts) / 2
    nodes = cuts[:-1, None] + half[:, None] * (1 + _NODES)
    drift, diffusion = (c.reshape(nodes.shape) for c in coefficients(nodes.ravel()))
    if not (np.isfinite(drift).all() and np.isfinite(diffusion).all() and (diffusion > 0).all()):
        return float("nan")
    rise = half[:, None] * (drift / diffusion @ _INTEGRATE.T)  # ln psi within the panel, from its start
    total_rise = half * (drift / diffusion @ _WEIGHTS)
    if absorbing[0]:
        return _both_ends(cuts, half, rise, total_rise, diffusion, start)
    with np.errstate(over="ignore"):
        return _one_end(cuts, half, rise, total_rise, diffusion, start)


def _one_end(
    cuts: Array, half: Array, rise: Array, total_rise: Array, diffusion: Array, start: float
) -> float:
    """int_start^high J with J(y) = psi^-1(y) int_low^y psi/D, carried from panel to panel."""
    grown = np.exp(rise) / diffusion
    inside = half[:, None] * (grown @ _INTEGRATE.T)
    whole = half * (grown @ _WEIGHTS)
    carried, time = 0.0, 0.0
    for k in range(len(half)):
        if cuts[k] >= start:
            time += half[k] * float(np.exp(-rise[k]) * (carried + inside[k]) @ _WEIGHTS)
        carried = float(np.exp(-total_rise[k]) * (carried + whole[k]))
    return time


def _both_ends(
    cuts: Array, half: Array, rise: Array, total_rise: Array, diffusion: Array, start: float
) -> float:
    """Green's function between two absorbing ends."""
    exponent = rise + np.concatenate([[0.0], np.cumsum(total_rise)[:-1]])[:, None]
    exponent -= (exponent.max() + exponent.min()) / 2
    if exponent.max() > 600:
        return float("nan")
    scale_density = np.exp(-exponent)
    pieces = half * (scale_density @ _WEIGHTS)
    from_low = np.concatenate([[0.0], np.cumsum(pieces)[:-1]])[:, None] + half[:, None] * (
        scale_density @ _INTEGRATE.T
    )
    total = float(pieces.sum())
    at_start = float(pieces[cuts[:-1] < start].sum())
    speed = half[:, None] * _WEIGHTS * np.exp(exponent) / diffusion
    left = cuts[:-1] < start
    below = float((speed * from_low)[left].sum())
    above = float((speed * (total - from_low))[~left].sum())
    return (total - at_start) / total * below + at_start / total * above


def _integration_matrix(nodes: Array) -> Array:
    """int_{-1}^{node_i} of the interpolant through the nodes, as a matrix on the nodal values."""
    size = len(nodes)
    coefficients = np.linalg.inv(np.polynomial.legendre.legvander(nodes, size - 1))
    primitives = [np.polynomial.legendre.legint(row, lbnd=-1) for row in np.eye(size)]
    table = np.array([np.polynomial.legendre.legval(nodes, p) for p in primitives]).T
    return np.asarray(table @ coefficients)


_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(12)
_INTEGRATE = _integration_matrix(_NODES)
