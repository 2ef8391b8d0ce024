"""One coordinate by itself: exit times, committors and decay rates by quadrature and collocation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import cumulative_simpson

Array = NDArray[np.float64]

POINTS = 40_001
MODES = 60


@dataclass(frozen=True)
class Line:
    """``du = b(u) dt + sqrt(2 D(u)) dW``."""

    drift: Callable[[Array], Array]
    diffusion: Callable[[Array], Array]

    def exit_time(self, start: float, low: float, high: float, natural: bool) -> float:
        """Mean time to leave (low, high); through the upper end only if the lower is far out or a wall."""
        u, phi = self._exponent(low, high)
        inner = cumulative_simpson(np.exp(phi) / self.diffusion(u), x=u, initial=0)
        outer = cumulative_simpson(np.exp(-phi) * inner, x=u, initial=0)
        if natural:
            return float(outer[-1] - np.interp(start, u, outer))
        scale = cumulative_simpson(np.exp(-phi), x=u, initial=0)
        here, so_far = np.interp(start, u, scale), np.interp(start, u, outer)
        return float(here / scale[-1] * outer[-1] - so_far)

    def committor(self, start: float, low: float, high: float) -> float:
        """Chance to reach `high` before `low`."""
        u, phi = self._exponent(low, high)
        scale = cumulative_simpson(np.exp(-phi), x=u, initial=0)
        return float(np.interp(start, u, scale) / scale[-1])

    def decay_rate(self, low: float, high: float) -> float:
        """Slowest rate at which the process leaves (low, high) for good."""
        d, t = _chebyshev(MODES)
        u, d = 0.5 * (low + high) + 0.5 * (high - low) * t, 2.0 / (high - low) * d
        backward = self.diffusion(u)[:, None] * (d @ d) + self.drift(u)[:, None] * d
        return float(np.sort(np.linalg.eigvals(-backward[1:-1, 1:-1]).real)[0])

    def reach(self, depth: float) -> tuple[float, float]:
        """Where the stationary law is exp(-depth) of its largest."""
        u, phi = self._exponent(-20.0, 20.0)
        inside = u[phi > phi.max() - depth]
        return float(inside[0]), float(inside[-1])

    def _exponent(self, low: float, high: float) -> tuple[Array, Array]:
        u = np.linspace(low, high, POINTS)
        return u, cumulative_simpson(self.drift(u) / self.diffusion(u), x=u, initial=0)


def _chebyshev(n: int) -> tuple[Array, Array]:
    """Differentiation matrix and nodes on [-1, 1] (Trefethen, Spectral Methods in MATLAB, 2000)."""
    t = np.cos(np.pi * np.arange(n + 1) / n)
    c = np.where((np.arange(n + 1) % n) == 0, 2.0, 1.0) * (-1.0) ** np.arange(n + 1)
    gap = t[:, None] - t + np.eye(n + 1)
    d = np.multiply.outer(c, 1 / c) / gap
    return d - np.diag(d.sum(axis=1)), t
