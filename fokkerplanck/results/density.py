"""A probability density on a grid."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.estimate import Estimate, combine_status
from fokkerplanck.grid import Grid, pointwise
from fokkerplanck.results._interpolate import contract, interpolate
from fokkerplanck.results._tails import beyond

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Density:
    """A density on a grid, with the same density on a coarser grid beside it.

    Parameters
    ----------
    grid : Grid
    values : (grid.shape)
        Cell averages per unit volume.
    method : str
        How it was found.
    coarse : Density, optional
        The twin on ``grid.coarsen()``: every functional is evaluated on both and differenced.
    order : int
        Order of the scheme in the cell width.
    constants : mapping
        Numbers that formulas given to `mean` may use.
    status : str
        ``"ok"`` or a sentence, for example that the box is too small.
    info : mapping
        Diagnostics: ``residual``, ``mass_at_edge``, ``smallest``, ``mass_error``.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> sde = fp.SDE(variables=("x",), drift=["-x"], diffusion="1")
    >>> p = sde.generator(fp.Grid(x=(-8, 8, 128))).stationary()
    >>> round(p.mean("x**2").value, 4)
    1.0
    """

    grid: Grid
    values: Array
    method: str = ""
    coarse: Density | None = None
    order: int = 2
    constants: Mapping[str, float] = field(default_factory=dict)
    status: str = "ok"
    info: Mapping[str, Any] = field(default_factory=dict)
    assumptions: tuple[str, ...] = ()

    def estimate(self, functional: Callable[[Density], float], unit: str = "") -> Estimate:
        """Evaluate a functional on both grids: value extrapolated, error from the difference."""
        fine = float(functional(self))
        common: dict[str, Any] = {
            "unit": unit,
            "method": self.method,
            "status": self.status,
            "assumptions": self.assumptions,
        }
        if self.coarse is None:
            return Estimate(fine, **common)
        ratio = self.grid.ratio(self.coarse.grid)
        return Estimate.from_refinement(fine, float(functional(self.coarse)), self.order, ratio, **common)

    def mean(self, expression: str | Callable[..., Any], unit: str = "") -> Estimate:
        """Mean of a formula such as ``"x**2"``, or of a function that takes one array a coordinate."""
        f = pointwise(expression, self.grid.names, self.constants)
        found = self.estimate(lambda p: float(f(p.grid.points()) @ p.masses), unit)
        values = f(self.grid.points())
        if "replicas" in self.info:
            variance = float(values**2 @ self.masses) - found.value**2
            found = found.with_(stat=float(np.sqrt(max(variance, 0.0) / max(self.info["replicas"], 1.0))))
        left = float(self.info.get("time_error", 0.0)) + float(self.info.get("solver_error", 0.0))
        if left > 0.0:
            # What time stepping or solver leave in L1, times what the function may be where there is mass.
            reached = self.masses > 1e-9 * self.masses.max()
            spread = float(np.abs(values[reached] - found.value).max(initial=0.0))
            found = found.with_(disc=found.disc + left * spread)
        if "mass_beyond_open_ends" in self.info:
            # What lies beyond an open end counts with the function as it grows there.
            cut = beyond(
                self.grid,
                np.abs(values).reshape(self.grid.shape) * self.values,
                int(self.info.get("piled", 0)),
            )
            if np.isinf(cut):
                sentence = (
                    "the mean may be infinite: density times function does not fall off towards an open end"
                )
                return found.with_(status=combine_status([found.status, sentence]))
            found = found.with_(disc=found.disc + cut)
        return found

    @property
    def masses(self) -> Array:
        """Probability of each cell, (size,)."""
        return self.values.ravel() * self.grid.cell_volume

    def marginal(self, *names: str) -> Density:
        """Density of some of the coordinates."""
        axes = [self.grid[n] for n in names]
        drop = tuple(k for k, n in enumerate(self.grid.names) if n not in names)
        volume = float(np.prod([self.grid.axes[k].spacing for k in drop]))
        kept = [n for n in self.grid.names if n in names]
        values = np.moveaxis(
            self.values.sum(axis=drop) * volume, range(len(kept)), [names.index(n) for n in kept]
        )
        coarse = None if self.coarse is None else self.coarse.marginal(*names)
        return Density(
            Grid.from_axes(axes),
            values,
            self.method,
            coarse,
            self.order,
            self.constants,
            self.status,
            self.info,
        )

    def at(self, **point: float) -> Estimate:
        """Density at a point, by local interpolation."""
        x = _point(self.grid, point)
        return self.estimate(lambda p: float(interpolate(p.grid, p.values, x)[0]))

    def slice(self, **fixed: float) -> Array:
        """Density along the remaining axes with the others held, by local interpolation."""
        unknown = set(fixed) - set(self.grid.names)
        if unknown:
            raise ValueError(
                f"the grid has no axis {', '.join(sorted(unknown))}; it has {', '.join(self.grid.names)}"
            )
        return contract(self.grid, self.values, fixed)

    def to_xarray(self) -> xarray.DataArray:
        """Return a labelled array with coordinates, units and diagnostics."""
        import xarray

        attrs: dict[str, Any] = {"method": self.method, "status": self.status}
        attrs["long_name"] = "probability density"
        numeric = int | float | np.integer | np.floating
        attrs |= {k: float(v) for k, v in self.info.items() if isinstance(v, numeric)}
        return xarray.DataArray(
            self.values, dims=self.grid.names, coords={a.name: a.centres for a in self.grid.axes}, attrs=attrs
        )

    def plot(self, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw a curve in one dimension, a map in two."""
        from fokkerplanck import plotting

        return plotting.draw_on_grid(self.grid, self.values, "density", ax=ax, **options)


def _point(grid: Grid, point: Mapping[str, float]) -> Array:
    if set(point) != set(grid.names):
        raise ValueError(
            f"give one value for each of {', '.join(grid.names)}; got {', '.join(point) or 'none'}"
        )
    return np.array([[float(point[n]) for n in grid.names]])
