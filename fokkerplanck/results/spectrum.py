"""Slowest relaxation rates and their modes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.estimate import Estimate, combine_status
from fokkerplanck.grid import Grid
from fokkerplanck.results.field import Field

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Spectrum:
    """The slowest rates of relaxation, by real part; ``rates[0]`` is 0 for a chain without killing.

    Conjugate pairs are kept whole, positive frequency first, so that one more than asked may be here.

    Parameters
    ----------
    rates : tuple of Estimate
        Real parts.
    frequencies : tuple of Estimate
        Imaginary parts, in radians a unit of time.
    modes : (k, grid.shape)
        Right eigenfunctions, scaled to 1 where their modulus is largest.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> spiral = fp.SDE(variables=("x", "y"), drift=["-x + 3*y", "-y - 3*x"], diffusion="1")
    >>> slow = spiral.generator(fp.Grid(x=(-6, 6, 64), y=(-6, 6, 64))).spectrum(k=3)
    >>> [round(r.value, 2) for r in slow.rates], [round(f.value, 1) for f in slow.frequencies]
    ([0.0, 1.0, 1.0], [0.0, 3.0, -3.0])
    """

    grid: Grid
    rates: tuple[Estimate, ...]
    frequencies: tuple[Estimate, ...]
    modes: NDArray[np.complex128]

    def mode(self, k: int) -> Field:
        """Real part of an eigenfunction, to be drawn."""
        rate, values = self.rates[k], self.modes[k].real
        return Field(self.grid, values, f"mode of rate {rate}", "", rate.method, status=rate.status)

    def to_xarray(self) -> xarray.Dataset:
        """Return rates, frequencies, their errors and the modes."""
        import xarray

        columns: dict[str, Any] = {}
        for name, found in (("rate", self.rates), ("frequency", self.frequencies)):
            columns[name] = ("k", [e.value for e in found], {"units": found[0].unit})
            columns[f"{name}_error"] = ("k", [e.error for e in found], {"units": found[0].unit})
        columns["mode_real"] = (("k", *self.grid.names), self.modes.real)
        columns["mode_imag"] = (("k", *self.grid.names), self.modes.imag)
        attrs = {"method": self.rates[0].method, "status": combine_status([r.status for r in self.rates])}
        return xarray.Dataset(columns, {a.name: a.centres for a in self.grid.axes}, attrs)

    def plot(self, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw the rates in the complex plane."""
        from fokkerplanck import plotting

        return plotting.draw_spectrum(self, ax=ax, **options)
