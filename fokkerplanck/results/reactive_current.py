"""The paths from one region to another: their rate, and the current they carry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.estimate import Estimate
from fokkerplanck.grid import Grid
from fokkerplanck.results.density import Density

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Totals:
    """Paths a unit of ``time``, the chance that the process is ``reactive``, and that it was in the source
    last, which its stationary mass there is part of (``from_source``)."""

    rate: float
    reactive: float
    from_source: float


@dataclass(frozen=True)
class ReactiveCurrent:
    r"""Paths on their way from a source region to a target region, in the stationary state.

    A process is reactive from the last time it is in the source until it reaches the target. Transition path
    theory asks where it is then, and what net current it carries: free of divergence between the regions, and
    the same through every surface that parts them.

    Parameters
    ----------
    grid : Grid
    values : (grid.shape, d)
        The net current at the cell centres, per unit of time and of area across it; 0 in the two regions.
    density : Density
        Where the process is while it is reactive, normalised.
    totals : Totals
        The sums over the grid that rates and times are made of.
    coarse : ReactiveCurrent, optional
        The twin on a coarser grid: every number is found on both, and extrapolated by its logarithm.
    info : mapping
        ``arriving``, the rate at the target, and ``imbalance``, the largest net loss of a cell in units of
        the rate: both tell rounding.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> sde = fp.SDE(variables=("x",), drift=["x - x**3"], diffusion="0.1")
    >>> gen = sde.generator(fp.Grid(x=(-2.5, 2.5, 400)))
    >>> paths = gen.reactive_current("x < -1", "x > 1")
    >>> round(paths.rate_constant.value * gen.exit_time("x < 1").at(x=-1).value, 5)
    1.0
    """

    grid: Grid
    values: Array
    density: Density
    totals: Totals
    method: str = ""
    unit: str = ""
    order: int = 2
    coarse: ReactiveCurrent | None = None
    status: str = "ok"
    info: Mapping[str, Any] = field(default_factory=dict)
    assumptions: tuple[str, ...] = ()

    @property
    def rate(self) -> Estimate:
        r"""Paths from source to target a unit of time, :math:`\nu`: the current out of the source."""
        return self._refined(lambda t: t.rate, f"1/{self.unit}")

    @property
    def rate_constant(self) -> Estimate:
        r"""Rate at which one that was in the source last reaches the target: :math:`\nu` over the share of
        time it was. One over it is the mean time from the source to the target, from where paths enter the
        source after they were in the target; in one dimension that is the mean exit time from its edge."""
        return self._refined(lambda t: t.rate / t.from_source, f"1/{self.unit}")

    @property
    def probability(self) -> Estimate:
        """Share of time in which the process is on its way from the source to the target."""
        return self._refined(lambda t: t.reactive, "")

    @property
    def duration(self) -> Estimate:
        """Mean time that a path takes, from the last time in the source on."""
        return self._refined(lambda t: t.reactive / t.rate, self.unit)

    def to_xarray(self) -> xarray.Dataset:
        """Return current and density on the grid, with the rate in the attributes."""
        import xarray

        names = self.grid.names
        columns: dict[str, Any] = {
            "current": ((*names, "component"), self.values, {"units": f"1/{self.unit}"}),
            "density": (names, self.density.values),
        }
        coordinates = {a.name: a.centres for a in self.grid.axes} | {"component": list(names)}
        rate = self.rate
        attrs = {
            "method": self.method,
            "status": self.status,
            "rate": rate.value,
            "rate_error": rate.error,
            "rate_units": rate.unit,
        }
        return xarray.Dataset(columns, coordinates, attrs)

    def plot(self, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw the density of reactive paths, in two dimensions with the lines of their current."""
        from fokkerplanck import plotting

        return plotting.draw_reactive_current(self, ax=ax, **options)

    def _refined(self, functional: Callable[[Totals], float], unit: str) -> Estimate:
        fine = functional(self.totals)
        common: dict[str, Any] = {
            "unit": unit,
            "method": self.method,
            "status": self.status,
            "assumptions": self.assumptions,
        }
        if self.coarse is None:
            return Estimate(fine, **common)
        ratio = self.grid.ratio(self.coarse.grid)
        twin = functional(self.coarse.totals)
        return Estimate.from_refinement(fine, twin, self.order, ratio, positive=True, **common)
