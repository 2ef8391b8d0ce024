"""Slowest relaxation rates and their modes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.estimate import Estimate
from fokkerplanck.grid import Grid

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Spectrum:
    """The slowest rates of relaxation, by real part; ``rates[0]`` is 0 for a chain without killing.

    ``rates`` are the real parts as Estimates, ``frequencies`` the imaginary ones, ``modes``
    (k, grid.shape) the right eigenfunctions, scaled to a largest modulus of 1.
    """

    grid: Grid
    rates: tuple[Estimate, ...]
    frequencies: tuple[Estimate, ...]
    modes: NDArray[np.complex128]

    def plot(self, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw the rates in the complex plane."""
        from fokkerplanck import plotting

        return plotting.draw_spectrum(self, ax=ax, **options)
