"""A function on the cells of a grid: exit time, committor, mode."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.estimate import Estimate
from fokkerplanck.grid import Grid
from fokkerplanck.results._interpolate import interpolate
from fokkerplanck.results.density import _point

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Field:
    """A function on a grid, with its twin on a coarser one.

    ``values`` (grid.shape) hold nan where the function was not asked for (outside the region), and
    `outside` is what it is known to be there. ``.at(x=..)`` gives an `Estimate`.
    """

    grid: Grid
    values: Array
    quantity: str = ""
    unit: str = ""
    method: str = ""
    outside: float = 0.0
    coarse: Field | None = None
    order: int = 2
    status: str = "ok"
    info: Mapping[str, Any] = field(default_factory=dict)

    def at(self, **point: float) -> Estimate:
        """Value at a point by local interpolation from the cells inside, extrapolated from both grids."""
        x = _point(self.grid, point)
        common: dict[str, Any] = {"unit": self.unit, "method": self.method, "status": self.status}
        fine = self._value(x)
        if self.coarse is None:
            return Estimate(fine, **common)
        ratio = self.grid.ratio(self.coarse.grid)
        return Estimate.from_refinement(fine, self.coarse._value(x), self.order, ratio, **common)

    def _value(self, x: Array) -> float:
        return float(interpolate(self.grid, np.nan_to_num(self.values), x, np.isfinite(self.values))[0])

    def to_xarray(self) -> xarray.DataArray:
        """Return a labelled array; nan outside the region."""
        import xarray

        return xarray.DataArray(
            self.values,
            dims=self.grid.names,
            coords={a.name: a.centres for a in self.grid.axes},
            attrs={
                "long_name": self.quantity,
                "units": self.unit,
                "method": self.method,
                "status": self.status,
            },
        )

    def plot(self, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw a curve in one dimension, a map in two; blank outside the region."""
        from fokkerplanck import plotting

        label = self.quantity + (f" ({self.unit})" if self.unit else "")
        return plotting.draw_on_grid(self.grid, self.values, label, ax=ax, **options)
