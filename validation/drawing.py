"""What all pictures of claims share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from fokkerplanck import Estimate
from fokkerplanck.plotting import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WITH_ERROR = "± 1 standard error"


def points(ax: Axes, x: ArrayLike, found: Sequence[Estimate], label: str = "", **style: Any) -> None:
    """Measured values, as dots in the colour of SGD, with one standard error."""
    bars(ax, x, [e.value for e in found], [e.stat for e in found], label, **style)


def bars(ax: Axes, x: ArrayLike, y: ArrayLike, error: ArrayLike, label: str = "", **style: Any) -> None:
    """The same of arrays."""
    common: dict[str, Any] = {"fmt": "o", "ms": 4, "capsize": 2, "color": COLOURS["SGD"]}
    ax.errorbar(x, y, error, label=label or None, **(common | style))
