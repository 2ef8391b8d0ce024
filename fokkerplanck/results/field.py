"""A function on the cells of a grid: exit time, committor, mode."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.estimate import Estimate, combine_status, quietly
from fokkerplanck.grid import Grid
from fokkerplanck.results._interpolate import interpolate
from fokkerplanck.results.density import _point
from fokkerplanck.results.diagnostics import widening

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
        The twin from which errors are estimated; its own twin tells how clean the order is.
    shadow : Field, optional
        The coarse twin with absorbing ends in place of open ones: what differs is an error, and where it is
        much the box matters.
    positive : bool
        Whether values may be extrapolated by their logarithm, as times and chances to cross a barrier are.
    wider : Field, optional
        The coarse twin with what an elongated D was widened by taken twice: what that changes is an error.
    widened : (grid.shape), optional
        Share of what D was widened by in all that spreads on the way from each cell.
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
    wider: Field | None = None
    widened: Array | None = None

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
        cut = 0.0 if self.shadow is None else abs(self.shadow._value(x) - twin)
        status = combine_status([self.status, self._influence(cut, twin), self._widening(x)])
        ratio, last = self.grid.ratio(self.coarse.grid), self.coarse.coarse
        third = None if last is None else quietly(lambda: last._value(x))
        facts = (self.order, ratio, self.positive, third)
        found = Estimate.from_refinement(fine, twin, *facts, status=status, **common)
        blurred = 0.0 if self.wider is None else abs(self.wider._value(x) - twin)
        return found.with_(disc=max(found.disc, blurred) + cut)

    def _widening(self, x: Array) -> str:
        """Whether the stencil spreads too much on the way."""
        if self.widened is None:
            return "ok"
        here = interpolate(self.grid, np.nan_to_num(self.widened), x, np.isfinite(self.widened))
        return widening(float(here[0]))

    @staticmethod
    def _influence(change: float, twin: float) -> str:
        """Whether the open ends of the box change the value."""
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
