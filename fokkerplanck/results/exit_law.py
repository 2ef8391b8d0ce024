"""The law of an exit time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.estimate import Estimate, quietly
from fokkerplanck.solvers.matrix_exponential import MatrixExponential

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

SHOWN = 160  # times of a table or a curve, if none are given
TAILS = (1e-3, 0.999)  # the quantiles between which they lie


@dataclass(frozen=True)
class ExitLaw:
    r"""Law of the time :math:`\tau` at which a process that starts at a point leaves a region.

    Every answer is found on two grids, extrapolated and given with its error. The chance of survival is
    extrapolated by its logarithm, the cumulated hazard, so that late times keep their relative accuracy.

    Parameters
    ----------
    start : mapping
        The starting point.
    fine, coarse, coarsest : MatrixExponential
        The law on the grid, on its coarse twin and on the twin of that: of the form
        :math:`\alpha^\top e^{-tG}\beta` with a small matrix G, so that every time can be asked for.
    wanted : (k,), optional
        Times of the table and the curve.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> sde = fp.SDE(variables=("x",), drift=["0"], diffusion="1")
    >>> law = sde.generator(fp.Grid(x=(-2, 2, 256))).exit_law("abs(x) < 1", x0={"x": 0})
    >>> round(law.survival(0.5).value, 4), round(law.quantile(0.5).value, 3)
    (0.3708, 0.379)
    """

    start: Mapping[str, float]
    fine: MatrixExponential
    coarse: MatrixExponential | None = None
    coarsest: MatrixExponential | None = None
    unit: str = ""
    method: str = ""
    order: int = 2
    ratio: float = 2.0
    status: str = "ok"
    assumptions: tuple[str, ...] = ()
    wanted: Array | None = None

    def survival(self, t: float) -> Estimate:
        r"""Chance :math:`P(\tau > t)`."""
        by_log = self.order == 1
        cumulated = self._refined(lambda law: -float(np.log(_positive(law.survival(_later(t))))), "", by_log)
        value = float(np.exp(-max(cumulated.value, 0.0)))
        disc = min(value * cumulated.disc + self.fine.error(t), 1.0)
        return cumulated.with_(value=value, disc=disc)

    def density(self, t: float) -> Estimate:
        r"""Density of :math:`\tau` at t; for a chain the chance to leave in the step that ends at t."""
        before = max(float(np.ceil(_later(t))) - 1.0, 0.0) if self.fine.steps else _later(t)
        # Hazard times survival: both are smooth, and neither falls off in the tail.
        unit, by_log = f"1/{self.unit}", self.order == 1
        hazard = self._refined(lambda law: law.density(t) / _positive(law.survival(before)), unit, by_log)
        alive = self.survival(before)
        disc = alive.value * hazard.disc + abs(hazard.value) * alive.disc + self.fine.error(t, density=True)
        return hazard.with_(value=max(hazard.value * alive.value, 0.0), disc=disc)

    def quantile(self, p: float) -> Estimate:
        r"""Time by which the process has left with probability p."""
        if not 0 <= p < 1:
            raise ValueError(f"p is {p!r}: give a probability of at least 0 and below 1")
        return self._refined(lambda law: law.quantile(p) if p else 0.0, self.unit)

    @property
    def mean(self) -> Estimate:
        r"""Mean of :math:`\tau`."""
        return self._refined(lambda law: law.mean, self.unit)

    @property
    def rate(self) -> Estimate:
        r"""Rate at which the survivors leave in the end, :math:`-\lim \ln P(\tau > t)/t`."""
        return self._refined(lambda law: law.rate, f"1/{self.unit}")

    @cached_property
    def times(self) -> Array:
        """Times (k,) of the table and the curve: those asked for, else from the first exits to the last."""
        if self.wanted is not None:
            return self.wanted
        times = np.geomspace(self.fine.quantile(TAILS[0]), self.fine.quantile(TAILS[1]), SHOWN)
        return np.unique(np.ceil(times)) if self.fine.steps else times

    def to_xarray(self) -> xarray.Dataset:
        """Return survival and density at `times`, each with its error."""
        import xarray

        columns: dict[str, Any] = {}
        for name, ask in (("survival", self.survival), ("density", self.density)):
            found = [ask(float(t)) for t in self.times]
            columns[name] = ("time", [e.value for e in found], {"units": found[0].unit})
            columns[f"{name}_error"] = ("time", [e.error for e in found], {"units": found[0].unit})
        attrs = {"method": self.method, "status": self.status} | {f"x0_{k}": v for k, v in self.start.items()}
        return xarray.Dataset(columns, {"time": ("time", self.times, {"units": self.unit})}, attrs)

    def plot(self, ax: Axes | None = None, quantity: str = "survival", **options: Any) -> Axes:
        """Draw the chance of survival, or the ``"density"``, over a logarithmic time, with its error."""
        from fokkerplanck import plotting

        return plotting.draw_exit_law(self, quantity, ax=ax, **options)

    def _refined(
        self, functional: Callable[[MatrixExponential], float], unit: str, by_log: bool = True
    ) -> Estimate:
        """Evaluate on all grids: times and rates are extrapolated by their logarithm, hazards, which begin
        at 0, only where the scheme is of first order and what it adds stands in an exponent."""
        fine, last = functional(self.fine), self.coarsest
        common: dict[str, Any] = {
            "unit": unit,
            "method": self.method,
            "status": self.status,
            "assumptions": self.assumptions,
        }
        if self.coarse is None:
            return Estimate(fine, **common)
        third = None if last is None else quietly(lambda: functional(last))
        facts = (self.order, self.ratio, by_log, third)
        return Estimate.from_refinement(fine, functional(self.coarse), *facts, **common)


def _later(t: float) -> float:
    if not t >= 0:
        raise ValueError(f"t is {t!r}: give a time from 0 on")
    return float(t)


def _positive(chance: float) -> float:
    """A chance of survival, which rounding may take below 0."""
    return max(chance, 1e-300)
