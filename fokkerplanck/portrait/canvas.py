"""What all portraits share: maps, blank parts, edges of regions, starts, and axes in parts of pi."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.grid import Axis, Grid, Level

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.gridspec import GridSpecFromSubplotSpec

    from fokkerplanck.results import Density

Array = NDArray[np.float64]

BLANK = "#eceae4"  # where nothing is defined
HATCH = "#d9d6cd"
EDGE = "#1b1b1b"
START = "#ffffff"
FINE = 400  # points an axis at which the edge of a region is looked at


def parts(
    ax: Axes, size: tuple[float, float], rows: int, columns: int, **layout: Any
) -> GridSpecFromSubplotSpec:
    """Room for several axes in the place of one; the figure gets a `size` if that one is alone on it."""
    figure: Any = ax.figure
    if figure.axes == [ax]:
        figure.set_size_inches(*size)
    place: Any = ax.get_subplotspec()
    ax.set_axis_off()
    return place.subgridspec(rows, columns, **layout)  # type: ignore[no-any-return]


def heat(ax: Axes, grid: Grid, values: Array, **options: Any) -> QuadMesh:
    """A map of values (two axes); hatched where they are not finite."""
    a, b = grid.axes
    ax.set_facecolor(BLANK)
    ax.patch.set(hatch="////", edgecolor=HATCH, linewidth=0.0)
    shown = np.ma.masked_invalid(values.T)
    mesh = ax.pcolormesh(a.faces, b.faces, shown, shading="flat", rasterized=True, **options)
    ax.set_xlim(a.low, a.high)
    ax.set_ylim(b.low, b.high)
    name_axes(ax, grid)
    return mesh


def name_axes(ax: Axes, grid: Grid) -> None:
    """Names of the variables, and ticks at parts of pi along an axis that is a multiple of pi long."""
    for k, axis in enumerate(grid.axes[:2]):
        which = ax.yaxis if k else ax.xaxis
        which.set_label_text(axis.name)
        ends = np.array([axis.low, axis.high]) / math.pi
        if axis.periodic and np.allclose(ends, np.round(ends), atol=1e-9):
            low, high = np.round(ends).astype(int)
            halves = np.arange(2 * low, 2 * high + 1, max(1, (high - low) // 2))
            which.set_ticks(list(halves * math.pi / 2), labels=[_of_pi(int(h)) for h in halves])


def region_edge(ax: Axes, grid: Grid, level: Level, **options: Any) -> None:
    """The line on which a level is 0, from finer points than the cells."""
    x, y = (np.linspace(a.low, a.high, FINE) for a in grid.axes)
    points = np.stack([m.ravel() for m in np.meshgrid(x, y, indexing="ij")], axis=1)
    values = level(points).reshape(FINE, FINE).T
    if np.nanmin(values) < 0 < np.nanmax(values):
        style: dict[str, Any] = {"colors": EDGE, "linewidths": 1.3, **options}
        ax.contour(x, y, values, levels=[0.0], **style)


def start(ax: Axes, at: Sequence[float], label: str) -> None:
    """A star at a point of the picture."""
    ax.plot(*([c] for c in at), "*", ms=11, mfc=START, mec=EDGE, mew=0.9, label=label, zorder=5, ls="none")


def hatch_outside(ax: Axes, axis: Axis, level: Level) -> None:
    """Hatch the stretches of a line where a level is not positive, and draw the edges."""
    x = np.linspace(axis.low, axis.high, 10 * FINE)
    hidden = ~(level(x[:, None]) > 0)
    change = np.flatnonzero(np.diff(np.concatenate([[False], hidden, [False]]).astype(int)))
    for first, last in zip(change[::2], change[1::2], strict=True):
        low, high = x[first], x[last - 1]
        ax.axvspan(low, high, facecolor=BLANK, edgecolor=HATCH, hatch="////", lw=0.0, zorder=0)
        for edge in (low, high):
            if axis.low < edge < axis.high:
                ax.axvline(edge, color=EDGE, lw=1.3)


def seen(density: Density, share: float = 1e-4) -> tuple[slice, ...]:
    """The cells of each axis on which a density is to be seen, all of a periodic one."""
    window = []
    for axis in density.grid.axes:
        m = (density.marginal(axis.name) if density.grid.ndim > 1 else density).values
        window.append(slice(None) if axis.periodic else _stretch(m > share * m.max()))
    return tuple(window)


def about(density: Density, inside: NDArray[np.bool_]) -> tuple[slice, ...]:
    """The cells of each axis on which a density is to be seen, and a little beyond the edge of a region."""
    window = []
    for k, (axis, shown) in enumerate(zip(density.grid.axes, seen(density), strict=True)):
        others = tuple(j for j in range(density.grid.ndim) if j != k)
        within = _stretch(np.asarray(inside.any(axis=others)))
        more = max(2, axis.cells // 16)
        low, high = shown.start or 0, shown.stop or axis.cells
        # Where the region ends inside the box its edge belongs into the picture.
        low = within.start if 0 < within.start < low else low
        high = within.stop if high < within.stop < axis.cells else high
        window.append(
            slice(None) if axis.periodic else slice(max(low - more, 0), min(high + more, axis.cells))
        )
    return tuple(window)


def cropped(grid: Grid, values: Array, window: tuple[slice, ...]) -> tuple[Grid, Array]:
    """A part of a grid, and of the values on it."""
    axes = []
    for a, part in zip(grid.axes, window, strict=True):
        first, last, _ = part.indices(a.cells)
        axes.append(a if (first, last) == (0, a.cells) else _cut(a, first, last))
    return Grid.from_axes(axes), values[window]


def plane(grid: Grid, values: Array, at: Mapping[str, float]) -> tuple[Grid, Array]:
    """The layer of cells through a point in which only the first two axes vary."""
    index: list[Any] = [slice(None), slice(None)]
    for a in grid.axes[2:]:
        cell = int((at.get(a.name, 0.5 * (a.low + a.high)) - a.low) / a.spacing)
        index.append(min(max(cell, 0), a.cells - 1))
    return Grid.from_axes(grid.axes[:2]), values[tuple(index)]


def lifted(level: Level, grid: Grid, at: Mapping[str, float]) -> Level:
    """The same level on that plane: its other coordinates are those of the point."""

    def on_plane(points: Array) -> Array:
        rest = np.tile([at[n] for n in grid.names[2:]], (len(points), 1))
        return level(np.concatenate([points, rest], axis=1))

    return on_plane


def count(value: float) -> str:
    """A number on a line of a map: thousands apart, no exponent before it must be."""
    return f"{value:,.0f}".replace(",", "\u2009") if 100 <= value < 1e7 else f"{value:.3g}"


def legend_above(ax: Axes) -> None:
    """A legend above the axes, where it hides nothing."""
    ax.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), frameon=False, borderaxespad=0.1)


def _stretch(reached: NDArray[np.bool_]) -> slice:
    found = np.flatnonzero(reached)
    return slice(int(found[0]), int(found[-1]) + 1)


def _cut(axis: Axis, first: int, last: int) -> Axis:
    low, high = float(axis.faces[first]), float(axis.faces[last])
    return replace(axis, low=low, high=high, cells=last - first, ends=("open", "open"))


def _of_pi(halves: int) -> str:
    if halves == 0:
        return "0"
    sign, size = "−" if halves < 0 else "", abs(halves)
    if size % 2:
        return f"{sign}{size if size > 1 else ''}π/2"
    return f"{sign}{size // 2 if size > 2 else ''}π"
