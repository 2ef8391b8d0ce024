"""Many independent replicas of a path or a chain."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.estimate import Estimate, combine_status
from fokkerplanck.grid import Grid, pointwise
from fokkerplanck.results.density import Density
from fokkerplanck.results.diagnostics import Diagnostics
from fokkerplanck.results.history import History

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

TAIL_SHARE = 0.005  # of the values, the largest ones, that say how fast they fall off
FEWEST_IN_TAIL = 20


def heavy_tail(values: Array) -> str:
    """``"ok"``, or that the values have no finite variance, so that no error bar means anything.

    Hill's estimator a of ``P(|v| > r) ~ r^-a`` over the largest values: flagged if a is below 2 by three of
    its standard errors. Moments of a normal up to the fourth are never flagged; the eighth is, for its error
    bar means nothing either at the usual numbers of replicas.
    """
    k = int(TAIL_SHARE * len(values))
    if k < FEWEST_IN_TAIL:
        return "ok"
    largest = np.sort(np.partition(np.abs(values), -k - 1)[-k - 1 :])
    if not largest[0] > 0:
        return "ok"
    growth = float(np.log(largest[1:] / largest[0]).mean())
    if growth * 2 <= 1 + 3 / np.sqrt(k):
        return "ok"
    return (
        f"the tail is heavy: the largest {k} of {len(values)} values fall off like r^-{1 / growth:.2g}; "
        "up to r^-2 the variance is infinite, so that neither this mean nor its error bar settles"
    )


@dataclass(frozen=True)
class Ensemble:
    """Final states of independent replicas.

    Parameters
    ----------
    names : tuple of str
        Coordinates, in the order of the columns.
    final : (n, d)
        Where each replica ended; nan where it diverged.
    coarse : (n, d), optional
        The same replicas at twice the step with the same noise (paths): their difference is the step bias.
    diverged : (n,)
        Which replicas left every bound.
    seed : int
        Seed of the streams; the same seed gives the same bits.
    order : int
        Weak order in the step, by which means are extrapolated with the coarse run.
    history : History, optional
        What was noted on the way, if a record was asked for.
    buffer : (n, d), optional
        The momentum's buffer (chains with momentum): give it to the run that goes on from here.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> sde = fp.SDE(variables=("x",), drift=["-x"], diffusion="1")
    >>> paths = sde.simulate(n=2000, t=4.0, x0=(0,), rng=0)
    >>> abs(paths.mean("x**2").value - 1) < 0.2
    True
    """

    names: tuple[str, ...]
    final: Array
    diverged: NDArray[np.bool_]
    coarse: Array | None = None
    method: str = ""
    time: float = 0.0
    unit: str = "time"
    seed: int = 0
    constants: Mapping[str, float] = field(default_factory=dict)
    order: int = 1
    history: History | None = None
    buffer: Array | None = None

    @property
    def status(self) -> str:
        """``"ok"``, or how many replicas diverged."""
        bad = int(self.diverged.sum())
        when = f"{self.unit.removesuffix('s')} {self.time:g}"
        return "ok" if bad == 0 else f"{bad} of {len(self.diverged)} replicas diverged by {when}"

    def mean(self, expression: str | Callable[..., Any], unit: str = "") -> Estimate:
        """Mean of a formula in the coordinates over the replicas; nan, with the count, if any diverged.

        Where the values fall off so slowly that their variance is infinite, the status says so.
        """
        f = pointwise(expression, self.names, self.constants)
        common: dict[str, Any] = {"unit": unit, "method": self.method, "status": self.status}
        if self.diverged.any():
            return Estimate(float("nan"), **common)
        fine = f(self.final)
        undefined = int((~np.isfinite(fine)).sum())
        if undefined:
            common["status"] = f"not finite at {undefined} of {len(fine)} replicas: {expression}"
            return Estimate(float("nan"), **common)
        common["status"] = heavy_tail(fine)
        if self.coarse is None:
            return Estimate.from_replicas(fine, **common)
        coarse = f(self.coarse)
        lost = int((~np.isfinite(coarse)).sum())
        if lost:
            sentence = (
                f"{lost} of {len(fine)} replicas are not finite at twice the time step, so the step bias is "
                "unknown: give a smaller dt"
            )
            common["status"] = combine_status([common["status"], sentence])
            return Estimate.from_replicas(fine, disc=float("inf"), **common)
        # The bias of the fine run is a known part of the coupled difference and removed; quoted is the whole
        # difference, which still covers it where the order is lost, as at a kink of the coefficients.
        difference = fine - coarse
        value = fine + difference / (2**self.order - 1)
        return Estimate.from_replicas(value, disc=abs(float(difference.mean())), **common)

    def histogram(self, grid: Grid) -> Density:
        """Histogram of the replicas on a grid; their number and that outside the box are in ``.info``."""
        points = grid.wrap(self.final[~self.diverged][:, [self.names.index(n) for n in grid.names]])
        counts, _ = np.histogramdd(points, bins=[a.faces for a in grid.axes])
        outside = len(points) - int(counts.sum())
        status = f"{outside} of {len(points)} replicas lie outside the box" if outside else "ok"
        status = combine_status([self.status, status])
        info = Diagnostics(replicas=len(points), outside=outside, counts=counts)
        values = counts / max(len(points), 1) / grid.cell_volume
        return Density(grid, values, self.method, constants=self.constants, status=status, info=info)

    def to_xarray(self) -> xarray.DataArray:
        """Final states, replica by coordinate."""
        import xarray

        attrs = {"method": self.method, "status": self.status, "seed": str(self.seed), self.unit: self.time}
        return xarray.DataArray(
            self.final, dims=("replica", "coordinate"), coords={"coordinate": list(self.names)}, attrs=attrs
        )

    def plot(self, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw a histogram with error bars in one dimension, a cloud in two."""
        from fokkerplanck import plotting

        return plotting.draw_ensemble(self, ax=ax, **options)
