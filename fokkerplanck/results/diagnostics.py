"""What is known about the quality of a density."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_ADDED = 0.1  # share of all spreading that a stencil may add; measured in docs/theory


@dataclass(frozen=True)
class Diagnostics(Mapping[str, Any]):
    """What a solver found out about a density; ``None`` where it does not apply.

    Also a mapping of what does apply: ``density.info["residual"]``.

    Parameters
    ----------
    solver : str
        ``"potential"`` (the law is known), ``"direct"`` or ``"multigrid"``.
    solver_error : float
        Distance in L1 from the exact law of the same chain, as the solver estimates it.
    residual : float
        Net flow into the cells over the gross flow, both summed.
    mass_error : float
        How far the masses are from summing up to 1.
    smallest : float
        Smallest density of a cell: negative where a scheme is not positive.
    m_matrix : bool
        Whether the chain has only finite, non-negative rates.
    added_diffusion : float
        Share of what the stencil adds in all that spreads, mean over the law (`Generator.added_diffusion`);
        for a scheme of second order on the coarse twin, where it is larger, unless it exceeds a tenth there.
    widened : float
        The part of it that comes from an elongated D, widened to shorten its links, on the grid itself. It
        need not fall with the cells, and is flagged above a tenth.
    mass_beyond_open_ends : float
        Estimate of the mass that the box cuts off.
    piled : bool
        Whether the last cell at an open end holds what a step would have carried beyond it.
    mass : float
        Mass still there at the time of an evolved density.
    time_error : float
        Distance in L1 from the exact evolution of the same chain.
    fallback : float
        Share of the time steps that fell back on a slower scheme that keeps densities positive.
    replicas, outside : int
        Replicas of a histogram, and how many lie outside its box.
    counts : (grid.shape)
        How many lie in each cell.
    """

    solver: str | None = None
    solver_error: float | None = None
    residual: float | None = None
    mass_error: float | None = None
    smallest: float | None = None
    m_matrix: bool | None = None
    added_diffusion: float | None = None
    widened: float | None = None
    mass_beyond_open_ends: float | None = None
    piled: bool | None = None
    mass: float | None = None
    time_error: float | None = None
    fallback: float | None = None
    replicas: int | None = None
    outside: int | None = None
    counts: NDArray[np.float64] | None = field(default=None, compare=False, repr=False)

    def __getitem__(self, name: str) -> Any:
        value = getattr(self, name, None) if name in _NAMES else None
        if value is None:
            raise KeyError(name)
        return value

    def __iter__(self) -> Iterator[str]:
        return (n for n in _NAMES if getattr(self, n) is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @property
    def left(self) -> float:
        """What solver and time stepping leave, in L1."""
        return (self.solver_error or 0.0) + (self.time_error or 0.0)


_NAMES = tuple(f.name for f in fields(Diagnostics))


def spreading(share: float) -> str:
    """``"ok"``, or what is wrong where this is the share of the stencil in all that spreads."""
    if share <= MOST_ADDED:
        return "ok"
    return (
        f"cells too wide: the stencil adds {share:.0%} of what spreads in the direction with the least "
        "noise; use more, or turn the axes into those of D"
    )


def widening(share: float) -> str:
    """``"ok"``, or what is wrong with links of a D that was widened by this share of all that spreads."""
    if share <= MOST_ADDED:
        return "ok"
    return (
        f"cells too wide for so elongated a D: the stencil adds {share:.0%} of what spreads along its "
        "short axis, and more cells need not help; turn the axes into those of D"
    )
