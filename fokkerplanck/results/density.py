"""A probability density on a grid."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from fokkerplanck.estimate import Estimate, combine_status, quietly
from fokkerplanck.grid import Grid, pointwise
from fokkerplanck.results._interpolate import contract, interpolate
from fokkerplanck.results._portions import mass_inside
from fokkerplanck.results._tails import beyond
from fokkerplanck.results.diagnostics import MOST_ADDED, Diagnostics

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
        The twin on ``grid.coarsen()``: every functional is evaluated on both and differenced, and if the twin
        has one too, on that as well, to see how clean the order is.
    order : int
        Order of the scheme in the cell width.
    constants : mapping
        Numbers that formulas given to `mean` may use.
    status : str
        ``"ok"`` or a sentence, for example that the box is too small.
    info : Diagnostics
        What is known about its quality: ``info.residual``, ``info.added_diffusion`` and more.
    wider : Density, optional
        The coarse twin with what an elongated D was widened by taken twice: what that changes is an error.

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
    info: Diagnostics = field(default_factory=Diagnostics)
    assumptions: tuple[str, ...] = ()
    wider: Density | None = None

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
        ratio, twin = self.grid.ratio(self.coarse.grid), self.coarse.coarse
        third = None if twin is None else quietly(lambda: float(functional(twin)))
        coarse = float(functional(self.coarse))
        facts = (self.order, ratio, False, third)
        found = Estimate.from_refinement(fine, coarse, *facts, **common)
        if self.wider is None:
            return found
        return found.with_(disc=max(found.disc, abs(float(functional(self.wider)) - coarse)))

    def mean(self, expression: str | Callable[..., Any], unit: str = "") -> Estimate:
        """Mean of a formula such as ``"x**2"``, or of a function that takes one array a coordinate."""
        f = pointwise(expression, self.grid.names, self.constants)
        found = self.estimate(lambda p: float(f(p.grid.points()) @ p.masses), unit)
        return self._completed(found, f(self.grid.points()))

    def probability(self, region: str | Callable[..., Any]) -> Estimate:
        """Probability of a region such as ``"x > 1"``, whose edge is placed inside the cells."""
        level = pointwise(region, self.grid.names, self.constants, region=True)
        within = (level(self.grid.points()) > 0).astype(float)
        found = self._completed(self.estimate(lambda p: mass_inside(p.grid, level, p.masses)), within)
        return found.with_(value=min(max(found.value, 0.0), 1.0))

    @property
    def l1_error(self) -> float:
        """Distance in L1 to be expected between `values` and the exact cell averages, at most 2."""
        if self.coarse is None:
            return self.info.left + self._doubtful
        twin, ratio = self.coarse, self.grid.ratio(self.coarse.grid)
        moved = _moved(self, twin)
        before = None if twin.coarse is None else moved + _moved(twin, twin.coarse)
        found = Estimate.from_refinement(0.0, moved, self.order, ratio, coarsest=before)
        return min(found.disc + self.info.left + self._doubtful, 2.0)

    @property
    def _doubtful(self) -> float:
        """Share of all spreading that the stencil adds and that is not known to vanish with the cells."""
        added = self.info.added_diffusion or 0.0
        resolved = self.order == 1 or self.info.solver == "potential" or added <= MOST_ADDED
        return max(self.info.widened or 0.0, 0.0 if resolved else added)

    def _completed(self, found: Estimate, values: Array) -> Estimate:
        """The mean of a function of these values (size,) with what else its error holds."""
        info = self.info
        if info.replicas is not None or self._doubtful:
            variance = float(values**2 @ self.masses) - float(values @ self.masses) ** 2
            spread = float(np.sqrt(max(variance, 0.0)))
            if info.replicas is not None:
                found = found.with_(stat=spread / np.sqrt(max(info.replicas, 1)))
            # Where D was widened much, the law may fill the box, and taking that twice no longer shows.
            found = found.with_(disc=found.disc + self._doubtful * spread)
        if info.left > 0.0:
            # What time stepping or solver leave in L1, times what the function may be where there is mass.
            reached = self.masses > 1e-9 * self.masses.max()
            farthest = float(np.abs(values[reached] - found.value).max(initial=0.0))
            found = found.with_(disc=found.disc + info.left * farthest)
        if info.mass_beyond_open_ends is not None:
            # What lies beyond an open end counts with the function as it grows there.
            weight = np.abs(values).reshape(self.grid.shape) * self.values
            cut = beyond(self.grid, weight, int(bool(info.piled)))
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
            self.assumptions,
            None if self.wider is None else self.wider.marginal(*names),
        )

    def at(self, **point: float) -> Estimate:
        """Density at a point, by local interpolation."""
        x = _point(self.grid, point)
        self.grid.require_inside(x)

        def there(y: Array) -> Estimate:
            return self.estimate(lambda p: float(interpolate(p.grid, p.values, y)[0]))

        # Two densities cross somewhere: what counts is by how much they differ within a coarse cell.
        around = [x + 2.0 * s * self.grid.spacing * e for e in np.eye(self.grid.ndim) for s in (-1, 1)]
        found, ends = there(x), [(a.low, a.high) for a in self.grid.axes]
        inside = [np.where(self.grid.periodic, y, np.clip(y, *np.transpose(ends))) for y in around]
        return found.with_(disc=max(e.disc for e in (found, *map(there, inside))))

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
        attrs |= {k: v if isinstance(v, str) else float(v) for k, v in self.info.items() if k != "counts"}
        return xarray.DataArray(
            self.values, dims=self.grid.names, coords={a.name: a.centres for a in self.grid.axes}, attrs=attrs
        )

    def plot(self, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw a curve in one dimension, a map in two."""
        from fokkerplanck import plotting

        return plotting.draw_on_grid(self.grid, self.values, "density", ax=ax, **options)


def _moved(fine: Density, coarse: Density) -> float:
    """Distance in L1 between a density and its twin, on the cells of the twin."""
    masses = fine.masses.reshape(fine.grid.shape)
    for k, (a, b) in enumerate(zip(fine.grid.axes, coarse.grid.axes, strict=True)):
        zero = np.zeros_like(masses.take([0], axis=k))
        summed = np.concatenate([zero, np.cumsum(masses, axis=k)], axis=k)
        masses = np.diff(CubicSpline(a.faces, summed, axis=k)(b.faces), axis=k)
    return float(np.abs(masses.ravel() - coarse.masses).sum())


def _point(grid: Grid, point: Mapping[str, float]) -> Array:
    if set(point) != set(grid.names):
        raise ValueError(
            f"give one value for each of {', '.join(grid.names)}; got {', '.join(point) or 'none'}"
        )
    return np.array([[float(point[n]) for n in grid.names]])
