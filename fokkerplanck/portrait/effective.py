"""The effective loss along one variable: what the stationary law amounts to, beside the mean loss."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.comparison.result import Picture
from fokkerplanck.comparison.setting import Setting
from fokkerplanck.estimate import NotValidHere
from fokkerplanck.plotting import COLOURS
from fokkerplanck.portrait import canvas
from fokkerplanck.portrait.panel import Panel
from fokkerplanck.results import Density

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]
Curve = tuple[Array, str, dict[str, Any]]

SEEN = 1e-8  # of the largest density: below it a logarithm says nothing to the eye


def panel(setting: Setting) -> Panel:
    r"""The curve :math:`-D \ln p(x)`, with D the mean diffusion along x: where D is constant and x is slow,
    the potential of its drift.

    Along the slow variable, or the only one; with two of equal rank the map of :math:`-\ln p`.
    """
    names = setting.sgd.names
    along = setting.slow or (names[0] if len(names) == 1 else None)
    if along is None and len(names) > 2:
        return Panel()
    density = setting.generator.stationary()
    if along is None:
        picture = Picture(
            "effective_loss",
            "Effective loss over noise",
            f"What SGD sees: −ln p({', '.join(names)}) of the SDE, its loss over its noise were its law "
            "exp(−loss/noise). Dashed: lines of equal mean loss; noise that is not the same everywhere and "
            "in all directions parts the two.",
            lambda ax: _draw_map(setting, density, ax),
        )
    else:
        name = along
        picture = Picture(
            "effective_loss",
            f"Effective loss along {name}",
            f"What SGD sees along {name}: −D ln p({name}) of the SDE, with D its mean diffusion there, "
            "beside the mean loss alone and, where theory has one, the potential V of the slow drift.",
            lambda ax: _draw_along(setting, density, name, ax),
        )
    return Panel((), (), (picture,), {})


def _draw_along(setting: Setting, density: Density, name: str, ax: Axes) -> None:
    m = density.marginal(name) if density.grid.ndim > 1 else density
    k = density.grid.names.index(name)
    d = float(setting.sgd.sde().coefficients(density.grid.points())[1][:, k, k] @ density.masses)
    grid, p = canvas.cropped(m.grid, m.values, canvas.seen(m, SEEN))
    x = grid.axes[0].centres
    own = -d * np.log(np.maximum(p, 1e-300))
    lowest, top = int(np.argmin(own)), float(np.ptp(own))
    curves: list[Curve] = [(own, f"SDE: −D ln p({name})", {"color": COLOURS["density"], "lw": 2.2})]
    for values, label, style in (*curves, *_others(setting, x)):
        ax.plot(x, values - values[lowest], label=label, **style)
    ax.set_ylim(-0.08 * top, 1.3 * top)
    ax.set_xlim(grid.axes[0].low, grid.axes[0].high)
    canvas.name_axes(ax, grid)
    ax.set_ylabel(f"effective loss along {name} (units of the loss)")
    ax.legend(loc="upper center", ncols=2)


def _draw_map(setting: Setting, density: Density, ax: Axes) -> None:
    grid, p = canvas.cropped(density.grid, density.values, canvas.seen(density, 1e-6))
    height = np.where(p > SEEN * p.max(), np.log(p.max()) - np.log(np.maximum(p, 1e-300)), np.nan)
    mesh = canvas.heat(ax, grid, height, cmap="viridis_r")
    figure: Any = ax.figure
    figure.colorbar(mesh, ax=ax, label=f"−ln p({', '.join(grid.names)}), above its lowest")
    centres = [a.centres for a in grid.axes]
    levels = np.arange(1.0, float(np.nanmax(height)), 2.0)
    ax.contour(*centres, np.ma.masked_invalid(height.T), levels=levels, colors="w", linewidths=0.6)
    loss = setting.sgd.loss
    mean = np.asarray(loss.evaluate(loss.mean, grid.points()), dtype=float).reshape(grid.shape)
    mean = np.where(np.isfinite(height), mean, np.nan)
    spread = np.nanquantile(mean - np.nanmin(mean), [0.03, 0.1, 0.2, 0.35, 0.55, 0.75]) + np.nanmin(mean)
    black: Any = {"colors": "k", "linewidths": 0.7, "linestyles": "--"}
    ax.contour(*centres, np.ma.masked_invalid(mean.T), levels=np.unique(spread), **black)


def _others(setting: Setting, x: Array) -> Iterator[Curve]:
    """Mean loss, and the potentials of theory."""
    bare = {"color": "#111111", "ls": ":", "lw": 1.8}
    try:
        law = setting.effective
    except NotValidHere:
        if len(setting.sgd.names) == 1:
            loss = setting.sgd.loss
            yield np.asarray(loss.evaluate(loss.mean, x[:, None])), "mean loss", bare
        return
    own = {"color": COLOURS["theory"]}
    yield law.small_lr.evaluate("drift_potential", x), "theory, SDE limit: V", own | {"ls": "--"}
    yield law.evaluate("drift_potential", x), "theory, this lr: V", own
    floor = np.asarray(law.evaluate(law.floor.loss, x), dtype=float)
    yield np.broadcast_to(floor, x.shape), "mean loss on the floor", bare
