"""Where the SDE leaves the region."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.comparison.result import Picture
from fokkerplanck.comparison.setting import Setting
from fokkerplanck.comparison.verdict import Row
from fokkerplanck.plotting import COLOURS
from fokkerplanck.portrait import canvas
from fokkerplanck.portrait.panel import Panel, region_level, row
from fokkerplanck.results import Density, HittingLaw

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from fokkerplanck.grid import Level

Array = NDArray[np.float64]

FAINT = 3.0  # times the largest density at which the grey of the survivors would be black
APART = 1.0  # cells between two ends of a region in one dimension


def panel(setting: Setting) -> Panel:
    """The places of exit; in one dimension the chance of each end."""
    region, x0 = setting.region, setting.x0
    law = setting.generator.hitting_law(region, x0=x0)
    data = {"hitting_law": law}
    if law.grid.ndim == 1:
        return Panel(_ends(law), (), (), data)
    survivors, level = setting.survivors[0], region_level(setting)
    told = f"On the edge of {region}: how densely the SDE leaves, from the start (star)"
    told += ". Grey: the law of those that have stayed long" if law.grid.ndim == 2 else ", a coordinate each"
    picture = Picture(
        "hitting_law",
        "Where it leaves",
        f"{told}.",
        lambda ax: _draw(law, survivors, level, x0, ax) if law.grid.ndim == 2 else _marginals(law, ax),
    )
    return Panel((), (), (picture,), data)


def _ends(law: HittingLaw) -> tuple[Row, ...]:
    """The chance of each end, if there is more than one."""
    (axis,) = law.grid.axes
    places = np.sort(law.points[:, 0])
    groups = np.split(places, np.flatnonzero(np.diff(places) > APART * axis.spacing) + 1)
    if len(groups) < 2:
        return ()
    rows = []
    for k, near in enumerate(groups, start=1):
        low, high = float(near[0] - 0.4 * axis.spacing), float(near[-1] + 0.4 * axis.spacing)
        chance = law.probability(f"{low} < {axis.name} < {high}")
        rows.append(row(f"exit-end-{k}", f"chance to leave at {axis.name} = {near.mean():.4g}", chance))
    return tuple(rows)


def _draw(law: HittingLaw, survivors: Density, level: Level, x0: Mapping[str, float], ax: Axes) -> None:
    figure: Any = ax.figure
    inside = (level(law.grid.points()) > 0).reshape(law.grid.shape)
    grid, shown = canvas.cropped(
        law.grid, np.where(inside, survivors.values, np.nan), canvas.about(survivors, inside)
    )
    upright = _spread(law, 1) >= _spread(law, 0)  # along which axis the exits lie apart
    if upright:
        shares = {"width_ratios": (4, 1), "wspace": 0.04}
        spec = canvas.parts(ax, (6.8, 4.0), 1, 2, **shares)
        middle = figure.add_subplot(spec[0, 0])
        beside = figure.add_subplot(spec[0, 1], sharey=middle)
    else:
        spec = canvas.parts(ax, (6.0, 5.0), 2, 1, height_ratios=(1, 3.5), hspace=0.04)
        middle = figure.add_subplot(spec[1, 0])
        beside = figure.add_subplot(spec[0, 0], sharex=middle)
    canvas.heat(middle, grid, shown, cmap="Greys", vmin=0, vmax=FAINT * float(np.nanmax(shown)))
    canvas.region_edge(middle, grid, level, linewidths=0.8)
    crowding = law.crowding()
    order = np.argsort(crowding)
    x, y = law.points[order].T
    seen = middle.scatter(x, y, s=16, c=crowding[order], cmap="YlOrRd", vmin=0, zorder=4)
    bar = figure.colorbar(
        seen, ax=beside if upright else middle, label="density of exits along the edge", pad=0.1
    )
    bar.outline.set_visible(False)
    canvas.start(middle, [x0[n] for n in grid.names], "start")
    m = law.density(grid.names[int(upright)])
    c, v = m.grid.axes[0].centres, m.values
    (beside.fill_betweenx if upright else beside.fill_between)(
        c, v, color=COLOURS["density"], alpha=0.2, lw=0
    )
    beside.plot(*((v, c) if upright else (c, v)), color=COLOURS["density"], lw=1.2)
    (beside.set_xlim if upright else beside.set_ylim)(0, 1.08 * v.max())
    beside.tick_params(labelbottom=upright, labelleft=not upright)
    name = grid.names[int(upright)]
    (beside.set_xlabel if upright else beside.set_ylabel)(f"p({name}) at exit")
    canvas.legend_above(middle if upright else beside)


def _spread(law: HittingLaw, k: int) -> float:
    """Share of the cells of an axis over which the exits lie."""
    m = law.density(law.grid.names[k]).masses
    return float(1.0 / (m @ m) / len(m))


def _marginals(law: HittingLaw, ax: Axes) -> None:
    """A curve for each coordinate of the place."""
    figure: Any = ax.figure
    names = law.grid.names
    spec = canvas.parts(ax, (2.6 * len(names), 2.8), 1, len(names))
    for k, name in enumerate(names):
        one = figure.add_subplot(spec[0, k])
        m = law.density(name)
        one.fill_between(m.grid.axes[0].centres, m.values, color=COLOURS["density"], alpha=0.2, lw=0)
        one.plot(m.grid.axes[0].centres, m.values, color=COLOURS["density"])
        one.set_ylim(bottom=0)
        one.set_xlabel(name)
        one.set_ylabel(f"p({name}) at exit")
