"""A function on the cells of a grid: exit time, committor, mode."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.estimate import Estimate, combine_status
from fokkerplanck.grid import Grid
from fokkerplanck.results._interpolate import interpolate
from fokkerplanck.results.density import _point

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

Array = NDArray[np.float64]


MATTERS = 1e-3  # change by the open ends above which a value is flagged
OPEN_ENDS = (
    "the open ends of the box matter: absorbing there instead changes the value by {:.2g}; "
    "widen the box, or say reflecting if there is a wall"
)


@dataclass(frozen=True)
class Field:
    """A function on a grid, with its twin on a coarser one.

    Parameters
    ----------
    values : (grid.shape)
        The function at the cell centres; nan where it is not defined.
    known : callable, optional
        Points (n, d) to the value where it is known beforehand (outside a region), nan elsewhere.
    solved : (grid.shape), optional
        The cells whose values were solved for; only these are interpolated.
    coarse : Field, optional
        The twin from which errors are estimated.
    shadow : Field, optional
        The coarse twin with absorbing ends in place of open ones: where it differs, the box matters.
    positive : bool
        Whether values may be extrapolated by their logarithm, as times and chances to cross a barrier are.
    """

    grid: Grid
    values: Array
    quantity: str = ""
    unit: str = ""
    method: str = ""
    coarse: Field | None = None
    order: int = 2
    status: str = "ok"
    known: Callable[[Array], Array] | None = None
    solved: NDArray[np.bool_] | None = None
    shadow: Field | None = None
    assumptions: tuple[str, ...] = ()
    positive: bool = False

    def at(self, **point: float) -> Estimate:
        """Value at a point: known beforehand outside the region, else interpolated from the cells inside."""
        x = _point(self.grid, point)
        self.grid.require_inside(x)
        common: dict[str, Any] = {"unit": self.unit, "method": self.method, "assumptions": self.assumptions}
        if self.known is not None:
            outside = float(self.known(self.grid.wrap(x))[0])
            if np.isfinite(outside):
                return Estimate(outside, **common)
        fine = self._value(x)
        if self.coarse is None:
            return Estimate(fine, status=self.status, **common)
        twin = self.coarse._value(x)
        status = combine_status([self.status, self._influence(x, twin)])
        ratio = self.grid.ratio(self.coarse.grid)
        return Estimate.from_refinement(
            fine, twin, self.order, ratio, positive=self.positive, status=status, **common
        )

    def _influence(self, x: Array, twin: float) -> str:
        """Whether the open ends of the box change the value."""
        if self.shadow is None:
            return "ok"
        change = abs(self.shadow._value(x) - twin)
        if change <= MATTERS * max(abs(twin), 1e-300):
            return "ok"
        return OPEN_ENDS.format(change)

    def _value(self, x: Array) -> float:
        valid = np.isfinite(self.values) if self.solved is None else self.solved
        return float(interpolate(self.grid, np.nan_to_num(self.values), x, valid)[0])

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
        """Draw a curve in one dimension, a map in two; blank where nothing was solved for."""
        from fokkerplanck import plotting

        label = self.quantity + (f" ({self.unit})" if self.unit else "")
        shown = self.values if self.solved is None else np.where(self.solved, self.values, np.nan)
        return plotting.draw_on_grid(self.grid, shown, label, ax=ax, **options)
