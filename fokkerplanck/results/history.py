"""What an ensemble looked like on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.estimate import Estimate
from fokkerplanck.grid import Grid
from fokkerplanck.results.density import Density
from fokkerplanck.results.diagnostics import Diagnostics

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

Array = NDArray[np.float64]


@dataclass(frozen=True)
class History:
    """Moments of independent replicas at some times, their averages over time, and where they have been.

    Parameters
    ----------
    names : tuple of str
        Coordinates.
    times : (k,)
        When the replicas were looked at, in `unit`.
    observables : tuple of str
        Formulas, m of them.
    means, errors : (k, m)
        Mean over the replicas and its standard error; without those that had diverged by then.
    biases : (k, m)
        What the time step adds to the mean, from the coupled run at twice the step; 0 for chains.
    averages : (n, m)
        Average of each replica over the times from `after` on; nan where it diverged.
    average_biases : (m,)
        What the time step adds to these averages.
    states : (k, r, d)
        States of the first r replicas at each time.
    diverged : (k,)
        How many replicas had diverged by then.
    counts : (blocks, *grid.shape), optional
        Visits to each cell from `after` on, of blocks of replicas.
    visits : float
        Visits in all, inside the box or outside.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> sde = fp.SDE(variables=("x",), drift=["-x"], diffusion="1")
    >>> record = fp.Record(every=0.5, observables=("x**2",), after=3.0)
    >>> run = sde.simulate(n=500, t=20.0, x0=(0,), rng=0, record=record)
    >>> abs(run.history.average("x**2").value - 1) < 0.1
    True
    """

    names: tuple[str, ...]
    times: Array
    unit: str
    observables: tuple[str, ...]
    means: Array
    errors: Array
    biases: Array
    averages: Array
    average_biases: Array
    after: float
    states: Array
    diverged: NDArray[np.int64]
    grid: Grid | None = None
    counts: Array | None = None
    visits: float = 0.0
    method: str = ""
    constants: Mapping[str, float] = field(default_factory=dict)

    def mean(self, observable: str) -> list[Estimate]:
        """Mean over the replicas at each of the times, free of the step bias to first order."""
        j = self._number(observable)
        found = zip(self.means[:, j], self.errors[:, j], self.biases[:, j], self.diverged, strict=True)
        return [self._estimate(value, stat, bias, int(lost)) for value, stat, bias, lost in found]

    def average(self, observable: str) -> Estimate:
        """Mean over the replicas and over the times from `after` on; the error is that between replicas."""
        j = self._number(observable)
        values, lost = self.averages[:, j], int(self.diverged[-1])
        if lost:
            return self._estimate(np.nan, 0.0, 0.0, lost)
        found = Estimate.from_replicas(values)
        return self._estimate(found.value, found.stat, float(self.average_biases[j]), 0)

    def density(self) -> Density:
        """Histogram over the replicas and the times from `after` on.

        Its errors count every replica once, however often it was looked at: they are too large rather than
        too small. See `density_error` for those of the cells.
        """
        grid, counts = self._histogram()
        replicas = len(self.averages) - int(self.diverged[-1])
        outside = self.visits - counts.sum()
        share = outside / max(self.visits, 1.0)
        status = f"{share:.1%} of the visits lie outside the box" if outside else "ok"
        # A share of the replicas, so that they count as often as there are.
        each = counts.sum(axis=0) / max(self.visits, 1.0)
        info = Diagnostics(replicas=replicas, outside=round(share * replicas), counts=each * replicas)
        values = each / grid.cell_volume
        return Density(grid, values, self.method, constants=self.constants, status=status, info=info)

    @property
    def density_error(self) -> Array:
        """Standard error of the histogram in each cell (grid.shape), from independent blocks of replicas."""
        grid, counts = self._histogram()
        blocks = len(counts)
        each = counts * blocks / max(self.visits, 1.0) / grid.cell_volume
        return np.asarray(each.std(axis=0, ddof=1) / np.sqrt(blocks))

    def to_xarray(self) -> xarray.Dataset:
        """Means with their errors, and the states that were kept."""
        import xarray

        over = ("time", "observable")
        return xarray.Dataset(
            {
                "mean": (over, self.means + self.biases),
                "stat": (over, self.errors),
                "disc": (over, np.abs(self.biases)),
                "diverged": ("time", self.diverged),
                "state": (("time", "replica", "coordinate"), self.states),
            },
            coords={
                "time": ("time", self.times, {"units": self.unit}),
                "observable": list(self.observables),
                "coordinate": list(self.names),
            },
            attrs={"method": self.method, "replicas": len(self.averages)},
        )

    def plot(self, observable: str | None = None, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw the mean against time with three standard errors; by default of the first observable."""
        from fokkerplanck import plotting

        name = self.observables[0] if observable is None else observable
        return plotting.draw_history(self, self._number(name), ax=ax, **options)

    def _histogram(self) -> tuple[Grid, Array]:
        if self.grid is None or self.counts is None:
            raise ValueError("no histogram was kept: give the record a grid")
        return self.grid, self.counts

    def _number(self, observable: str) -> int:
        if observable not in self.observables:
            known = ", ".join(self.observables)
            raise ValueError(f"observable is {observable!r}, which was not recorded; recorded are {known}")
        return self.observables.index(observable)

    def _estimate(self, value: float, stat: float, bias: float, lost: int) -> Estimate:
        if lost:
            status = f"{lost} of {len(self.averages)} replicas diverged"
            return Estimate(float("nan"), method=self.method, status=status)
        if np.isnan(bias):
            status = "replicas are lost at twice the time step, so its bias is unknown: give a smaller dt"
            return Estimate(float(value), float(stat), float("inf"), method=self.method, status=status)
        return Estimate(float(value + bias), float(stat), abs(float(bias)), method=self.method)
