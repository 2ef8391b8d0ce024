"""The stationary density: a map with its marginals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.comparison.result import Picture
from fokkerplanck.comparison.setting import Setting
from fokkerplanck.plotting import COLOURS
from fokkerplanck.portrait import canvas
from fokkerplanck.portrait.panel import Panel, row
from fokkerplanck.results import Density

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

CONTENT = {0.99: "#5b5b5b", 0.9: "#5b5b5b", 0.5: "#ffffff"}  # probability inside the lines, and their colours


def panel(setting: Setting) -> Panel:
    """The density, and the mean loss under it."""
    p, loss, names = setting.generator.stationary(), setting.sgd.loss, setting.sgd.names

    def mean_loss(*coordinates: Array) -> Array:
        return np.asarray(loss.evaluate(loss.mean, np.stack(coordinates, axis=-1)), dtype=float)

    shown = p.marginal(*_two(setting)) if len(names) > 2 else p
    told = f"Stationary density of the SDE in {' and '.join(shown.grid.names)}"
    if len(names) > 1:
        told += "; the lines hold 50, 90 and 99 % of it. Above and beside: the marginal of each variable"
    picture = Picture(
        "stationary_density", "Where its SDE spends the time", f"{told}.", lambda ax: _draw(shown, ax)
    )
    excess = row("mean-loss", "mean loss under the stationary law", p.mean(mean_loss))
    return Panel((excess,), (), (picture,), {"stationary_density": p})


def _two(setting: Setting) -> tuple[str, ...]:
    """Two axes of a map: the slow one where it is named, and the first of the others."""
    names = setting.sgd.names
    slow = setting.slow or names[0]
    return tuple(n for n in names if n in (slow, next(m for m in names if m != slow)))


def _draw(p: Density, ax: Axes) -> None:
    grid, values = canvas.cropped(p.grid, p.values, canvas.seen(p))
    if grid.ndim == 1:
        axis = grid.axes[0]
        ax.fill_between(axis.centres, values, color=COLOURS["density"], alpha=0.2, lw=0)
        ax.plot(axis.centres, values, color=COLOURS["density"])
        ax.set_ylim(bottom=0)
        ax.set_xlim(axis.low, axis.high)
        canvas.name_axes(ax, grid)
        ax.set_ylabel(f"density p({axis.name})")
        return
    figure: Any = ax.figure
    shares = {"width_ratios": (4, 1), "height_ratios": (1, 3.2), "wspace": 0.04, "hspace": 0.04}
    spec = canvas.parts(ax, (6.4, 5.0), 2, 2, **shares)
    middle = figure.add_subplot(spec[1, 0])
    above = figure.add_subplot(spec[0, 0], sharex=middle)
    beside = figure.add_subplot(spec[1, 1], sharey=middle)
    mesh = canvas.heat(middle, grid, values, cmap="magma_r")
    figure.colorbar(mesh, ax=beside, label=f"density p({', '.join(grid.names)})", fraction=0.25, pad=0.08)
    centres = [a.centres for a in grid.axes]
    colours = list(CONTENT.values())
    lines = middle.contour(*centres, values.T, levels=_levels(p), colors=colours, linewidths=0.8)
    middle.clabel(lines, fmt=dict(zip(lines.levels, (f"{c:.0%}" for c in CONTENT), strict=True)), fontsize=7)
    for axis, name, flat in ((above, grid.names[0], False), (beside, grid.names[1], True)):
        m = p.marginal(name)
        c, v = m.grid.axes[0].centres, m.values
        (axis.fill_betweenx if flat else axis.fill_between)(c, v, color=COLOURS["density"], alpha=0.2, lw=0)
        axis.plot(*((v, c) if flat else (c, v)), color=COLOURS["density"], lw=1.2)
        (axis.set_xlim if flat else axis.set_ylim)(0, 1.08 * v.max())
        axis.tick_params(labelbottom=flat, labelleft=not flat)
        (axis.set_xlabel if flat else axis.set_ylabel)(f"p({name})")


def _levels(p: Density) -> list[float]:
    """Densities above which a given share of the probability lies, ascending."""
    order = np.sort(p.values.ravel())[::-1]
    held = np.cumsum(order) / order.sum()
    return [float(order[min(int(np.searchsorted(held, c)), len(order) - 1)]) for c in CONTENT]
