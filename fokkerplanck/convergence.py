"""Convergence studies: one answer on finer and finer grids, and the order at which it settles."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.estimate import Estimate
from fokkerplanck.grid import Grid, is_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]
Problem = Callable[[Grid], float | Estimate]

ROUNDING = 1e-13  # share of the value below which an error is rounding and has no order
CLEAN = 0.2  # by how much orders may differ from each other and from a whole number and still be one


@dataclass(frozen=True)
class ConvergenceStudy:
    r"""An answer on a family of grids, and what it says about the scheme.

    Attributes
    ----------
    grids : tuple of Grid
        From coarse to fine.
    estimates : tuple of Estimate
        The answer on each.
    reference : float
        What errors are taken against: the exact value, or the limit extrapolated from the three finest grids.
    exact : bool
        Whether the reference is known rather than extrapolated.

    Notes
    -----
    An order is :math:`\ln(e_{k-1}/e_k) / \ln(h_{k-1}/h_k)`. Values that come as an Estimate are extrapolated
    already where their order is clean: their errors fall faster than those of the scheme, which shows in the
    error that each one quotes. `order` is therefore that of the quoted errors where there are any.
    """

    grids: tuple[Grid, ...]
    estimates: tuple[Estimate, ...]
    reference: float
    exact: bool

    @property
    def cells(self) -> tuple[tuple[int, ...], ...]:
        """Cells an axis of every grid."""
        return tuple(g.shape for g in self.grids)

    @property
    def spacing(self) -> Array:
        """Cell width of every grid, the geometric mean over its axes."""
        return np.array([g.cell_volume ** (1 / g.ndim) for g in self.grids])

    @property
    def values(self) -> Array:
        """The answers."""
        return np.array([e.value for e in self.estimates])

    @property
    def errors(self) -> Array:
        """Distance of the values from the reference; nan for a value that had to serve as one."""
        away = np.abs(self.values - self.reference)
        return np.asarray(away if self.exact else np.where(away > 0, away, np.nan))

    @property
    def quoted(self) -> Array:
        """The error that each answer quotes of itself; 0 for plain numbers."""
        return np.array([e.error for e in self.estimates])

    @property
    def ratios(self) -> Array:
        """True error over quoted error: of an honest estimate at most about 1; nan where none is quoted."""
        none = np.full(len(self.quoted), np.nan)
        return np.asarray(np.divide(self.errors, self.quoted, out=none, where=self.quoted > 0))

    @property
    def orders(self) -> Array:
        """Observed order of the errors between each grid and the next; nan where they are rounding."""
        return self._observed(self.errors)

    @property
    def quoted_orders(self) -> Array:
        """Observed order of the quoted errors: that of the scheme behind an extrapolated value."""
        return self._observed(self.quoted)

    @property
    def order(self) -> float:
        """Observed order of the scheme between the two finest grids."""
        return float(self._of_the_scheme[-1])

    @property
    def clean(self) -> bool:
        """Whether the last two observed orders agree with each other and with one whole number."""
        last = self._of_the_scheme[-2:]
        whole = np.round(last[-1])
        return bool(whole >= 1 and np.all(np.abs(last - whole) < CLEAN))

    @property
    def status(self) -> str:
        """``"ok"``, or why no order is to be read off."""
        if self.clean:
            return "ok"
        last = self._of_the_scheme[-2:]
        if not np.isfinite(last).all():
            return "no order to be seen: errors are rounding"
        return f"no clean order: {' and '.join(f'{p:.2f}' for p in last)} between the last grids"

    @property
    def _of_the_scheme(self) -> Array:
        return self.quoted_orders if self.quoted.any() else self.orders

    def _observed(self, errors: Array) -> Array:
        seen = np.where(errors > ROUNDING * np.abs(self.values).max(), errors, np.nan)
        return np.asarray(np.log(seen[:-1] / seen[1:]) / np.log(self.spacing[:-1] / self.spacing[1:]))

    def table(self) -> str:
        """Return cells, values, errors and orders as text."""
        known = "exact" if self.exact else "extrapolated"
        unit = f" {self.estimates[-1].unit}".rstrip()
        head = ["cells", "value", "error", "order"]
        columns = [
            ["x".join(map(str, c)) for c in self.cells],
            [f"{v:.10g}" for v in self.values],
            ["-" if math.isnan(e) else f"{e:.1e}" for e in self.errors],
            ["", *map(_order, self.orders)],
        ]
        if self.quoted.any():
            head += ["quoted", "order", "error/quoted"]
            columns += [
                [f"{e:.1e}" for e in self.quoted],
                ["", *map(_order, self.quoted_orders)],
                ["-" if math.isnan(r) else f"{r:.2g}" for r in self.ratios],
            ]
        widths = [max(map(len, [h, *c])) for h, c in zip(head, columns, strict=True)]
        lines = [
            "  ".join(text.rjust(w) for text, w in zip(row, widths, strict=True))
            for row in (head, *zip(*columns, strict=True))
        ]
        verdict = f"order {self.order:.2f}" if self.clean else self.status
        return "\n".join([*lines, f"{known}: {self.reference:.10g}{unit}; {verdict}"])

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw errors against the cell width, with a triangle of the slope between the finest grids."""
        from fokkerplanck import plotting

        ax = plotting.new_axes() if ax is None else ax
        lines = [(self.errors, "error", "o-", plotting.COLOURS["density"])]
        if self.quoted.any():
            lines.append((self.quoted, "quoted error", "s--", plotting.COLOURS["theory"]))
        for errors, label, style, colour in lines:
            seen = errors > 0
            ax.loglog(self.spacing[seen], errors[seen], style, color=colour, label=label, mfc="white")
            orders = self._observed(errors)
            if np.isfinite(orders[-1]):
                _triangle(ax, self.spacing[-2:], errors[-2:], float(orders[-1]))
        plotting.log_axis(ax.xaxis, self.spacing)
        ax.set_xlabel("cell width")
        unit = self.estimates[-1].unit
        ax.set_ylabel(f"error ({unit})" if unit else "error")
        ax.legend(frameon=False)
        return ax

    def __str__(self) -> str:
        return self.table()


def convergence_study(
    problem: Problem, grid: Grid, exact: float | None = None, levels: int = 4, factor: float = 2.0
) -> ConvergenceStudy:
    """Ask for one number on finer and finer grids, and measure the order at which it settles.

    Parameters
    ----------
    problem : callable
        A grid to a number or an Estimate. For the distance between densities give it as the number,
        with ``exact=0``.
    grid : Grid
        The coarsest one.
    exact : float, optional
        The value to be met. Without it errors are taken against the limit that the three finest grids
        extrapolate to.
    levels : int
        Number of grids, at least 3.
    factor : float
        How many times more cells an axis each grid has than the one before.

    Raises
    ------
    ValueError
        If there are fewer than 3 levels, the factor does not refine, or the problem returns no number.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> sde = fp.SDE(variables=("x",), drift=["-x"], diffusion="1")
    >>> study = fp.convergence_study(
    ...     lambda grid: sde.generator(grid).exit_time("x < 1").at(x=0), fp.Grid(x=(-8, 8, 64)), levels=3
    ... )
    >>> round(study.order, 1), study.clean
    (2.0, True)
    """
    if not is_whole(levels, 3):
        raise ValueError(f"levels is {levels!r}: an order that can be judged needs at least 3 grids")
    if not 1.0 < factor < math.inf:
        raise ValueError(f"factor is {factor!r}: give how many times finer each grid is, a number > 1")
    grids = tuple(_refined(grid, factor**k) for k in range(int(levels)))
    estimates = tuple(_answer(problem, g) for g in grids)
    reference = _limit(estimates, grids) if exact is None else float(exact)
    return ConvergenceStudy(grids, estimates, reference, exact is not None)


def _refined(grid: Grid, factor: float) -> Grid:
    return Grid.from_axes(replace(a, cells=round(a.cells * factor)) for a in grid.axes)


def _answer(problem: Problem, grid: Grid) -> Estimate:
    found = problem(grid)
    if isinstance(found, Estimate):
        answer = found
    else:
        try:
            answer = Estimate(float(found))
        except (TypeError, ValueError):
            raise ValueError(
                f"problem returned a {type(found).__name__}: give a number or an Estimate of it, such as "
                "density.mean('x**2') or field.at(x=0)"
            ) from None
    if not math.isfinite(answer.value):
        raise ValueError(f"problem returned {answer.value} on {grid!r}, which has no order; {answer.status}")
    return answer


def _limit(estimates: Sequence[Estimate], grids: Sequence[Grid]) -> float:
    """Aitken's limit of the three finest values; the last one where they do not settle."""
    a, b, c = (e.value for e in estimates[-3:])
    ratio = grids[-1].ratio(grids[-2])
    if (c - b) * (b - a) <= 0 or abs(c - b) >= abs(b - a):
        return c
    order = math.log((b - a) / (c - b)) / math.log(ratio)
    return float(c + (c - b) / (ratio**order - 1.0))


def _order(p: float) -> str:
    return "-" if math.isnan(p) else f"{p:.2f}"


def _triangle(ax: Axes, spacing: Sequence[float] | Array, errors: Array, order: float) -> None:
    """The slope between two points, below the line and named."""
    (wide, narrow), low = spacing, 0.6
    high, foot = low * errors[0], low * errors[0] * (narrow / wide) ** order
    ax.plot([narrow, wide, wide, narrow], [foot, foot, high, foot], color="#888888", linewidth=0.8)
    ax.annotate(
        f"{order:.1f}", (wide, math.sqrt(foot * high)), (3, 0), textcoords="offset points", fontsize=8
    )


__all__ = ["ConvergenceStudy", "convergence_study"]
