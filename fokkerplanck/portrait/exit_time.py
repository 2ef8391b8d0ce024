"""The mean exit time of a region from everywhere, and the rate at which survivors leave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.comparison.result import Picture
from fokkerplanck.comparison.setting import Setting
from fokkerplanck.estimate import Estimate, format_value
from fokkerplanck.plotting import COLOURS
from fokkerplanck.portrait import canvas
from fokkerplanck.portrait.panel import Panel, region_level, row
from fokkerplanck.results import Density

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from fokkerplanck.grid import Level

Array = NDArray[np.float64]


def panel(setting: Setting) -> Panel:
    """Field of the mean exit time, its value at the start, and the rate of exit."""
    lr, region, x0 = setting.sgd.lr, setting.region, setting.x0
    field = setting.generator.exit_time(region)
    law, rate = setting.survivors
    time = field.at(**x0).scaled(1 / lr, "steps")
    level = region_level(setting)
    solved = np.isfinite(field.values) if field.solved is None else field.solved
    steps = np.where(solved, field.values / lr, np.nan)
    picture = Picture(
        "exit_field",
        "Mean exit time from everywhere",
        f"Mean number of steps in which the SDE leaves {region}; hatched: outside, star: the start.",
        lambda ax: _draw(law, steps, level, x0, time, ax),
    )
    rows = (
        row("sde-exit-time", "mean exit time from the start", time),
        row("sde-exit-rate", "exit rate of those that have stayed long", rate.scaled(lr, "1/step")),
    )
    return Panel(rows, (), (picture,), {"exit_time_field": field})


def _draw(
    law: Density, steps: Array, level: Level, x0: Mapping[str, float], time: Estimate, ax: Axes
) -> None:
    label, told = "mean exit time (steps)", f"start: {format_value(time.value, time.error)} steps"
    grid, shown = canvas.cropped(law.grid, steps, canvas.about(law, np.isfinite(steps)))
    if grid.ndim == 1:
        axis = grid.axes[0]
        ax.plot(axis.centres, shown, color=COLOURS["density"])
        canvas.hatch_outside(ax, axis, level)
        canvas.start(ax, (x0[axis.name], time.value), told)
        ax.set_xlim(axis.low, axis.high)
        ax.set_ylim(bottom=0)
        canvas.name_axes(ax, grid)
        ax.set_ylabel(label)
    else:
        flat, shown = canvas.plane(grid, shown, x0)
        mesh = canvas.heat(ax, flat, shown, cmap="viridis")
        figure: Any = ax.figure
        figure.colorbar(mesh, ax=ax, label=label)
        centres = [a.centres for a in flat.axes]
        lines = ax.contour(*centres, np.ma.masked_invalid(shown.T), levels=6, colors="w", linewidths=0.6)
        ax.clabel(lines, fontsize=6.5, fmt=canvas.count)
        canvas.region_edge(ax, flat, canvas.lifted(level, grid, x0))
        canvas.start(ax, [x0[n] for n in flat.names], told)
    canvas.legend_above(ax)
