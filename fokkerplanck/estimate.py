"""A number with its errors: what every solver that approximates returns."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike

T = TypeVar("T")


class NotValidHere(ValueError):
    """A method that does not apply to what it was asked, with the sentence that says why.

    An outcome, not a mistake: comparisons turn it into an ``invalid`` row and go on.
    """


@dataclass(frozen=True)
class Estimate:
    r"""A value with its statistical, discretization and model error, kept apart.

    Parameters
    ----------
    value : float
        Best value, extrapolated where the order of the method is known.
    stat : float
        One standard error of sampling; 0 for deterministic methods.
    disc : float
        Discretization error (grid spacing, step size, quadrature), as a bound to be expected.
    model : float
        Gap between the level that was solved and the discrete chain, as theory predicts it,
        for example :math:`\eta\lambda/2` for a density quoted for SGD.
    unit : str
        For example ``"time"``, ``"steps"``, ``"lr"``; empty for a pure number.
    method : str
        How the value was found.
    assumptions : tuple of str
        What had to be assumed, a sentence each.
    status : str
        ``"ok"`` or a sentence that says what is wrong with the number.

    Examples
    --------
    >>> print(Estimate(105.6, stat=1.2, unit="time"))
    105.6 ± 1.2 time
    """

    value: float
    stat: float = 0.0
    disc: float = 0.0
    model: float = 0.0
    unit: str = ""
    method: str = ""
    assumptions: tuple[str, ...] = ()
    status: str = "ok"

    @property
    def error(self) -> float:
        """Statistical and discretization error together, ``hypot(stat, disc)``."""
        return math.hypot(self.stat, self.disc)

    @property
    def ok(self) -> bool:
        """Whether nothing is known to be wrong with the number."""
        return self.status == "ok"

    @classmethod
    def from_replicas(cls, values: ArrayLike, **fields: Any) -> Estimate:
        """Mean of independent replicas (m,) and its standard error."""
        x = np.asarray(values, dtype=float).ravel()
        if x.size < 2:
            raise ValueError(f"an error needs at least 2 independent replicas, got {x.size}")
        return cls(float(x.mean()), stat=float(x.std(ddof=1) / math.sqrt(x.size)), **fields)

    @classmethod
    def from_refinement(
        cls,
        fine: float,
        coarse: float,
        order: int = 2,
        ratio: float = 2.0,
        positive: bool = False,
        coarsest: float | None = None,
        **fields: Any,
    ) -> Estimate:
        r"""Richardson extrapolation of two grids whose spacings differ by `ratio`, or of three.

        A clean scheme of order p = 1 or 2 is extrapolated, and the quoted error is that of the value before
        extrapolation, :math:`c = |f_h - f_{rh}|/(r^p - 1)`. One of higher order keeps its value and quotes
        the error of second order. Where no order is clean (``order = 0``: one that is lost at some cells
        only) the error is three times the difference, and where the grids hardly differ (ratio below 1.5)
        at least the whole of it; neither is extrapolated.

        What is `positive`, such as a time to cross a barrier or a rate, is extrapolated by its logarithm:
        diffusion that a grid adds lowers the barrier, so that its error stands in an exponent.

        Two grids may agree by accident. A third value `coarsest`, on a grid coarser once more, tells:
        where the order is clean it predicts the correction, :math:`(f_{rh} - f_{rrh})/(r^p - 1)/r^p`, and by
        how much the prediction fails is added in quadrature. Without a clean order the error is at least what
        three times the difference of the coarser grids becomes at first order.

        Examples
        --------
        Two orders that cancel on the finer grids, though both are 0.008 off:

        >>> f = [1 + h**2 - 20 * h**4 for h in (0.1, 0.2, 0.4)]
        >>> print(Estimate.from_refinement(f[0], f[1], coarsest=f[2]))
        1.008 ± 0.030
        """
        difference = abs(fine - coarse)
        before = math.nan if coarsest is None else coarse - coarsest
        if order == 0:
            halved = abs(before) / ratio if math.isfinite(before) else 0.0
            return cls(float(fine), disc=float(3 * max(difference, halved)), **fields)
        if ratio < 1.5:
            return cls(float(fine), disc=float(difference), **fields)
        gain = ratio ** min(order, 2)
        if positive and order <= 2 and min(fine, coarse) > 0.0:
            value = fine * (fine / coarse) ** (1.0 / (gain - 1.0))
            failed = 0.0
            if coarsest is not None and 0.0 < coarsest < math.inf:
                failed = fine * (coarse / coarsest) ** (1.0 / (gain - 1.0) / gain) - value
            return cls(float(value), disc=math.hypot(value - fine, failed), **fields)
        correction = (fine - coarse) / (gain - 1.0)
        predicted = before / (gain - 1.0) / gain if math.isfinite(before) else correction
        value = fine + correction if order <= 2 else fine
        return cls(float(value), disc=math.hypot(correction, predicted - correction), **fields)

    def with_(self, **fields: Any) -> Estimate:
        """Return a copy with some fields replaced."""
        return replace(self, **fields)

    def scaled(self, factor: float, unit: str | None = None) -> Estimate:
        """The same quantity in another unit: value and every error times a known `factor`."""
        f = abs(factor)
        return replace(
            self,
            value=self.value * factor,
            stat=self.stat * f,
            disc=self.disc * f,
            model=self.model * f,
            unit=self.unit if unit is None else unit,
        )

    def to_dict(self) -> dict[str, Any]:
        """Fields as JSON-able values; a number that is not finite becomes null."""
        numbers = {k: _finite(getattr(self, k)) for k in ("value", "stat", "disc", "model")}
        return {
            **numbers,
            "unit": self.unit,
            "method": self.method,
            "assumptions": list(self.assumptions),
            "status": self.status,
        }

    def __str__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        flag = "" if self.ok else f" [{self.status}]"
        return f"{format_value(self.value, self.error)}{unit}{flag}"


def format_value(value: float, error: float) -> str:
    """Value and error rounded to two digits of the error.

    >>> format_value(4.42231, 0.0298)
    '4.422 ± 0.030'
    """
    if not math.isfinite(value):
        return "infinite" if math.isinf(value) else "undefined"
    if not math.isfinite(error):
        return f"{value:.4g} ± ?"
    if error <= abs(value) * 1e-7:
        return f"{value:.6g}"
    digits = 1 - math.floor(math.log10(error))
    if not -3 <= digits <= 9 or abs(value) >= 1e7:
        significant = math.ceil(math.log10(max(abs(value) / error, 1))) + 2
        return f"{value:.{max(3, min(10, significant))}g} ± {error:.1e}"
    return f"{round(value, digits):.{max(digits, 0)}f} ± {round(error, digits):.{max(digits, 0)}f}"


def combine_status(statuses: Sequence[str]) -> str:
    """One status for several: ``"ok"`` if all are, else the sentences that are not, once each."""
    bad = list(dict.fromkeys(s for s in statuses if s != "ok"))
    return "; ".join(bad) if bad else "ok"


def quietly(ask: Callable[[], T]) -> T | None:
    """What the coarsest grid says; None where it is too coarse to be asked."""
    try:
        with np.errstate(all="ignore"):
            return ask()
    except ValueError:
        return None


def _finite(x: float) -> float | None:
    return float(x) if math.isfinite(x) else None
