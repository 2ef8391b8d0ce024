"""How results are drawn; every function takes plain results and an optional axis."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

    from fokkerplanck.grid import Grid
    from fokkerplanck.results import Ensemble, ExitLaw, History, HittingLaw, ReactiveCurrent, Spectrum

# One colour a level of description, everywhere (Okabe and Ito's palette: safe for the colour-blind).
COLOURS = {
    "theory": "#E69F00",
    "density": "#0072B2",
    "paths": "#009E73",
    "transition": "#56B4E9",
    "SGD": "#D55E00",
}


FAINTEST = 0.02  # share of the strongest current below which no line is drawn


def new_axes(**options: Any) -> Axes:
    """Return a fresh axis on a figure of its own, without any window."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.0, 4.0), layout="constrained", dpi=150)
    ax: Axes = figure.add_subplot(**options)
    return ax


def draw_on_grid(
    grid: Grid, values: NDArray[np.float64], label: str, /, ax: Axes | None = None, **options: Any
) -> Axes:
    """Draw a curve in one dimension, a map with a colour bar in two."""
    ax = new_axes() if ax is None else ax
    if grid.ndim == 1:
        ax.plot(grid.axes[0].centres, values, **options)
        ax.set_xlabel(grid.names[0])
        ax.set_ylabel(label)
        return ax
    if grid.ndim != 2:
        raise ValueError(f"a plot needs one or two axes, this has {grid.ndim}; take a marginal first")
    a, b = grid.axes
    mesh = ax.pcolormesh(a.faces, b.faces, values.T, shading="flat", rasterized=True, **options)
    ax.set_xlabel(a.name)
    ax.set_ylabel(b.name)
    ax.figure.colorbar(mesh, ax=ax, label=label)
    return ax


def draw_spectrum(spectrum: Spectrum, ax: Axes | None = None, **options: Any) -> Axes:
    """Draw rates and frequencies in the complex plane, with their errors."""
    ax = new_axes() if ax is None else ax
    x = [r.value for r in spectrum.rates]
    y = [f.value for f in spectrum.frequencies]
    ax.errorbar(x, y, xerr=[r.error for r in spectrum.rates], fmt="o", capsize=2, **options)
    ax.set_xlabel(f"relaxation rate ({spectrum.rates[0].unit})")
    ax.set_ylabel(f"frequency ({spectrum.rates[0].unit})")
    return ax


def draw_exit_law(law: ExitLaw, quantity: str, ax: Axes | None = None, **options: Any) -> Axes:
    """Draw a curve over the logarithm of time with a band of its error."""
    if quantity not in ("survival", "density"):
        raise ValueError(f"quantity is {quantity!r}: take 'survival' or 'density'")
    ax = new_axes() if ax is None else ax
    table = law.to_xarray()
    y, error = table[quantity].values, table[f"{quantity}_error"].values
    (line,) = ax.plot(law.times, y, **options)
    ax.fill_between(law.times, y - error, y + error, color=line.get_color(), alpha=0.25, linewidth=0)
    ax.set_xscale("log")
    ax.set_xlabel(f"exit time ({law.unit})")
    ax.set_ylabel("chance of survival" if quantity == "survival" else f"density (1/{law.unit})")
    return ax


def draw_hitting_law(law: HittingLaw, ax: Axes | None = None, **options: Any) -> Axes:
    """Draw lines as high as the probabilities in one dimension, the places coloured by density in two."""
    ax = new_axes() if ax is None else ax
    names = law.grid.names
    ax.set_xlabel(names[0])
    if len(names) == 1:
        ax.vlines(law.points[:, 0], 0.0, law.probabilities, **options)
        ax.plot(law.points[:, 0], law.probabilities, "o", color=COLOURS["density"], markersize=4)
        ax.set_ylim(bottom=0)
        ax.set_ylabel("probability to leave here")
        return ax
    if len(names) != 2:
        raise ValueError(f"a plot needs one or two axes, this has {len(names)}; take density() of one first")
    ax.set_ylabel(names[1])
    style: dict[str, Any] = {"s": 12, "cmap": "magma_r", "vmin": 0, **options}
    x, y = law.points.T
    seen = ax.scatter(x, y, c=law.crowding(), **style)
    what = "edge" if law.spread.shape[1] == 1 else "cells beyond the edge"
    ax.figure.colorbar(seen, ax=ax, label=f"density of exits on the {what}")
    return ax


def draw_reactive_current(paths: ReactiveCurrent, ax: Axes | None = None, **options: Any) -> Axes:
    """Draw the density of reactive paths, in two dimensions with the lines of their current."""
    label = "density of reactive paths"
    if paths.grid.ndim == 1:
        ax = draw_on_grid(paths.grid, paths.density.values, label, ax=ax, **options)
        ax.set_ylim(bottom=0)
        return ax
    ax = draw_on_grid(paths.grid, paths.density.values, label, ax=ax, **{"cmap": "OrRd", **options})
    draw_current(ax, paths.grid, paths.values)
    return ax


def draw_current(ax: Axes, grid: Grid, values: NDArray[np.float64], **options: Any) -> None:
    """Lines of a current (two axes), as wide as it is strong; none where there is hardly any."""
    x, y = (a.centres for a in grid.axes)
    strength = np.linalg.norm(values / grid.spacing, axis=-1)
    share = strength / strength.max()
    u, v = (np.where(share > FAINTEST, values[..., k], np.nan).T for k in range(2))
    style: dict[str, Any] = {"color": "#1b1b1b", "arrowsize": 0.8, "density": 1.1, **options}
    ax.streamplot(x, y, u, v, linewidth=0.4 + 1.6 * np.sqrt(share.T), **style)


def draw_ensemble(ensemble: Ensemble, ax: Axes | None = None, bins: int = 60, **options: Any) -> Axes:
    """Draw a histogram with error bars in one dimension, a cloud of the first two coordinates otherwise."""
    ax = new_axes() if ax is None else ax
    x = ensemble.final[~ensemble.diverged]
    ax.set_xlabel(ensemble.names[0])
    if x.shape[1] > 1:
        ax.plot(x[:, 0], x[:, 1], ".", markersize=1.5, **options)
        ax.set_ylabel(ensemble.names[1])
        return ax
    counts, faces = np.histogram(x[:, 0], bins=bins)
    scale = 1.0 / (len(x) * np.diff(faces))
    middle = 0.5 * (faces[1:] + faces[:-1])
    ax.errorbar(middle, counts * scale, yerr=np.sqrt(counts) * scale, fmt=".", capsize=2, **options)
    ax.set_ylabel("density")
    return ax


def draw_history(history: History, number: int, ax: Axes | None = None, **options: Any) -> Axes:
    """Draw a mean against time in a band of three standard errors, and where its average over time begins."""
    ax = new_axes() if ax is None else ax
    value, error = history.means[:, number] + history.biases[:, number], history.errors[:, number]
    (line,) = ax.plot(history.times, value, **options)
    ax.fill_between(
        history.times, value - 3 * error, value + 3 * error, color=line.get_color(), alpha=0.25, lw=0
    )
    if history.after > 0:
        ax.axvline(history.after, color="0.6", lw=0.8, ls=":")
    ax.set_xlabel(history.unit)
    ax.set_ylabel(f"mean of {history.observables[number]}, ± 3 s.e.")
    return ax


def log_axis(axis: Axis, values: Iterable[float]) -> None:
    """Make a logarithmic axis with plain numbers at the given values only, with room beside them."""
    from matplotlib.axis import XAxis
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    ticks = sorted(set(values))
    if isinstance(axis, XAxis):
        axis.axes.set_xscale("log")
        axis.axes.set_xlim(ticks[0] / 1.4, ticks[-1] * 1.9)
    else:
        axis.axes.set_yscale("log")
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:.3g}"))


def label_groups(ax: Axes, points: Iterable[tuple[float, float, str]]) -> None:
    """Write the labels of all points that share an x beside the lowest of them, one below the other."""
    groups: dict[float, list[tuple[float, str]]] = {}
    for x, y, text in points:
        near = next((g for g in groups if abs(g / x - 1) < 1e-6), x)
        groups.setdefault(near, []).append((y, text))
    for x, entries in groups.items():
        texts = "\n".join(t for _, t in sorted(entries, reverse=True))
        ax.annotate(
            texts, (x, min(y for y, _ in entries)), (7, 0), textcoords="offset points", fontsize=7, va="top"
        )
