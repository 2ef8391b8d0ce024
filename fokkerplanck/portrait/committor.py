"""The committor between a core about the start and the outside of a region, and the current of escapes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.comparison.result import Picture
from fokkerplanck.comparison.setting import Setting
from fokkerplanck.plotting import COLOURS, draw_current
from fokkerplanck.portrait import canvas
from fokkerplanck.portrait.panel import Panel, region_level, row
from fokkerplanck.results import Density, ReactiveCurrent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from fokkerplanck.grid import Level

Array = NDArray[np.float64]

CORE = 0.5  # half axes of the core, in standard deviations of the law of those that have stayed
LEAST = 1.5  # and in cells
LINES = {0.1: 0.6, 0.25: 0.6, 0.5: 1.5, 0.75: 0.6, 0.9: 0.6}  # probabilities, and widths of their lines


def panel(setting: Setting) -> Panel:
    """Field of the committor, and how fast and which way escapes go."""
    law, _ = setting.survivors
    start = np.array([setting.x0[n] for n in setting.sgd.names])
    half = _half_axes(law)
    level = region_level(setting)

    def core(points: Array) -> Array:
        # No further than the region itself reaches.
        return np.asarray(np.minimum(1.0 - (((points - start) / half) ** 2).sum(axis=-1), level(points)))

    sets: tuple[Any, Any] = (lambda *x: core(np.stack(x, axis=-1)), lambda *x: -level(np.stack(x, axis=-1)))
    field = setting.generator.committor(*sets)
    values = np.where((level(field.grid.points()) > 0).reshape(field.grid.shape), field.values, np.nan)
    paths = _paths(setting, sets)
    told = "" if paths is None or len(setting.sgd.names) < 2 else " Orange: the net current of its escapes."
    if paths is not None and len(setting.sgd.names) == 1:
        told = " Orange: where it is while it escapes."
    size = ", ".join(f"{n} ± {w:.2g}" for n, w in zip(setting.sgd.names, half, strict=True))
    picture = Picture(
        "committor",
        "Committor",
        f"Probability that the SDE leaves {setting.region} before it comes back to the core about its start "
        f"(dashed: {size}). Where it is 1/2 the escape is decided.{told}",
        lambda ax: _draw(law, values, paths, level, core, setting.x0, ax),
    )
    if paths is None:
        return Panel((), (), (picture,), {"committor": field})
    lr = setting.sgd.lr
    rows = (
        row(
            "sde-escape-rate",
            "escape rate of those last in the core",
            paths.rate_constant.scaled(lr, "1/step"),
        ),
        row(
            "sde-escape-duration",
            "time that an escape takes from the core",
            paths.duration.scaled(1 / lr, "steps"),
        ),
    )
    return Panel(rows, (), (picture,), {"committor": field, "reactive_current": paths})


def _paths(setting: Setting, sets: tuple[Any, Any]) -> ReactiveCurrent | None:
    """Paths from the core to the outside; None where there is no stationary law for them to be part of."""
    try:
        return setting.generator.reactive_current(*sets)
    except ValueError:
        return None


def _half_axes(law: Density) -> Array:
    """Half axes of the core (d,): no smaller than the cells can show."""
    points, masses = law.grid.points(), law.masses
    spread = np.sqrt(masses @ (points - masses @ points) ** 2)
    return np.asarray(np.maximum(CORE * spread, LEAST * law.grid.spacing))


def _draw(
    law: Density,
    values: Array,
    paths: ReactiveCurrent | None,
    level: Level,
    core: Level,
    x0: Mapping[str, float],
    ax: Axes,
) -> None:
    label = "probability to leave before coming back"
    window = canvas.about(law, np.isfinite(values))
    grid, shown = canvas.cropped(law.grid, values, window)
    if grid.ndim == 1:
        axis = grid.axes[0]
        ax.plot(axis.centres, shown, color=COLOURS["density"])
        canvas.hatch_outside(ax, axis, level)
        held = axis.centres[core(axis.centres[:, None]) > 0]
        ax.axvspan(held[0], held[-1], color=COLOURS["theory"], alpha=0.3, lw=0, label="core about the start")
        ax.axhline(0.5, color="#888888", lw=0.6)
        ax.set_xlim(axis.low, axis.high)
        ax.set_ylim(0, 1)
        canvas.name_axes(ax, grid)
        ax.set_ylabel(label)
        if paths is not None:
            _, there = canvas.cropped(law.grid, paths.density.values, window)
            beside: Any = ax.twinx()
            beside.fill_between(axis.centres, there, color=COLOURS["SGD"], alpha=0.25, lw=0)
            beside.set_ylim(0, 1.6 * float(there.max()))
            beside.set_ylabel("density of escapes on their way", color=COLOURS["SGD"])
    else:
        flat, shown = canvas.plane(grid, shown, x0)
        mesh = canvas.heat(ax, flat, shown, cmap="cividis", vmin=0, vmax=1)
        figure: Any = ax.figure
        figure.colorbar(mesh, ax=ax, label=label)
        centres, widths = [a.centres for a in flat.axes], list(LINES.values())
        masked = np.ma.masked_invalid(shown.T)
        lines = ax.contour(*centres, masked, levels=list(LINES), colors="w", linewidths=widths)
        ax.clabel(lines, fontsize=6.5)
        if paths is not None:
            _, current = canvas.plane(*canvas.cropped(law.grid, paths.values, window), x0)
            draw_current(ax, flat, current[..., :2], color=COLOURS["SGD"], density=0.8)
        canvas.region_edge(ax, flat, canvas.lifted(level, grid, x0))
        canvas.region_edge(ax, flat, canvas.lifted(core, grid, x0), linestyles="dashed", colors="w")
        canvas.start(ax, [x0[n] for n in flat.names], "start, and the core about it")
    canvas.legend_above(ax)
