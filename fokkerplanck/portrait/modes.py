"""The slowest modes of relaxation: rates with errors, and what each of them moves."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.comparison.result import Picture
from fokkerplanck.comparison.setting import Setting
from fokkerplanck.estimate import Estimate, format_value
from fokkerplanck.plotting import COLOURS
from fokkerplanck.portrait import canvas
from fokkerplanck.portrait.panel import Panel, row
from fokkerplanck.results import Density, Spectrum

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from fokkerplanck.grid import Grid

Array = NDArray[np.float64]

SHOWN = 4  # modes beside the stationary law itself
CELLS = {1: 512, 2: 128, 3: 32}  # of the grid whose modes are found: they are smooth, and errors are quoted
LABEL = "mode (largest value 1)"
TURNING = 1e-6  # of the rate: a frequency below it is rounding


def panel(setting: Setting) -> Panel:
    """Rates a step, and a map of each mode."""
    box, lr = setting.box, setting.sgd.lr
    share = min(1.0, CELLS[box.ndim] / max(box.shape))
    generator = setting.sgd.sde().generator(box if share == 1.0 else box.coarsen(share))
    found = generator.spectrum(SHOWN + 1)
    rates = [r.scaled(lr, "1/step") for r in found.rates[1:]]
    law = generator.stationary()
    slowest = _time(rates[0])
    picture = Picture(
        "modes",
        "Slowest modes of relaxation",
        "What is left of any start after a long time is a sum of these: right eigenfunctions of the SDE's "
        "generator, with the time in which each decays to 1/e, and their rates (a gap "
        "separates slow motion from fast).",
        lambda ax: _draw(found, rates, law, ax),
    )
    names = found.grid.names
    modes = {
        "mode": (("k", *names), found.modes),
        "rate": ("k", np.array([r.value for r in found.rates])),
        "rate_error": ("k", np.array([r.error for r in found.rates])),
        "frequency": ("k", np.array([f.value for f in found.frequencies])),
        **{n: (n, found.grid[n].centres) for n in names},
    }
    return Panel(
        tuple(row(f"rate-{k}", f"relaxation rate {k}", r) for k, r in enumerate(rates, start=1)),
        (f"Its slowest mode decays to 1/e in {slowest} (t = {slowest.value * lr:.4g}).",),
        (picture,),
        {"modes": modes},
    )


def _time(rate: Estimate) -> Estimate:
    """One over a rate, in steps."""
    if not rate.value > 0:
        return Estimate(math.inf, unit="steps")
    return Estimate(1 / rate.value, disc=rate.error / rate.value**2, unit="steps")


def _draw(found: Spectrum, rates: list[Estimate], law: Density, ax: Axes) -> None:
    figure: Any = ax.figure
    shown = range(1, min(SHOWN, len(rates)) + 1)
    if found.grid.ndim == 1:
        spec = canvas.parts(ax, (7.0, 3.6), 1, 2, width_ratios=(3, 1))
        one = figure.add_subplot(spec[0, 0])
        for k in shown:
            grid, values = _scaled(found, k, law)
            one.plot(grid.axes[0].centres, values, label=_title(found, rates, k))
        one.axhline(0, color="#888888", lw=0.6)
        one.set_xlim(grid.axes[0].low, grid.axes[0].high)
        one.set_ylim(-1.1, 1.6)
        canvas.name_axes(one, grid)
        one.set_ylabel(LABEL)
        one.legend(fontsize=7, ncols=2, loc="upper center")
        _draw_rates(rates, figure.add_subplot(spec[0, 1]))
        return
    rows = math.ceil(len(shown) / 2)
    spec = canvas.parts(ax, (8.4, 2.6 * rows), rows, 3, width_ratios=(3, 3, 1.3))
    axes = []
    for k in shown:
        one = figure.add_subplot(spec[(k - 1) // 2, (k - 1) % 2])
        grid, values = canvas.plane(*_scaled(found, k, law), {})
        mesh = canvas.heat(one, grid, values, cmap="RdBu_r", vmin=-1, vmax=1)
        one.contour(*(a.centres for a in grid.axes), values.T, levels=[0.0], colors="#444444", linewidths=0.7)
        one.set_title(_title(found, rates, k), fontsize=8)
        one.label_outer()
        axes.append(one)
    figure.colorbar(mesh, ax=axes, label=LABEL, shrink=0.8, pad=0.02)
    _draw_rates(rates, figure.add_subplot(spec[:, 2]))


def _scaled(found: Spectrum, k: int, law: Density) -> tuple[Grid, Array]:
    """A mode where the law is to be seen: its largest value there is +1."""
    grid, values = canvas.cropped(found.grid, found.modes[k].real, canvas.seen(law))
    return grid, values / values.flat[int(np.argmax(np.abs(values)))]


def _title(found: Spectrum, rates: list[Estimate], k: int) -> str:
    time = _time(rates[k - 1])
    text = f"{k}: {format_value(time.value, time.error)} steps"
    turning = abs(found.frequencies[k].value)
    if turning > TURNING * abs(found.rates[k].value):
        lr = rates[k - 1].value / found.rates[k].value
        text += f", a turn in {2 * math.pi / (turning * lr):.3g}"
    return text


def _draw_rates(rates: list[Estimate], ax: Axes) -> None:
    """A ladder: one rung a mode, with its error."""
    k = np.arange(1, len(rates) + 1)
    values = np.array([r.value for r in rates])
    ax.hlines(values, k - 0.4, k + 0.4, color=COLOURS["density"], lw=2)
    ax.errorbar(k, values, [r.error for r in rates], fmt="none", ecolor="#222222", capsize=3, lw=1)
    ax.set_xticks(k)
    ax.set_xlim(0.4, len(rates) + 0.6)
    ax.set_ylim(0, 1.08 * float(values.max()))
    ax.ticklabel_format(axis="y", scilimits=(-3, 4), useMathText=True)
    ax.set_xlabel("mode")
    ax.set_ylabel("relaxation rate (1/step)")
    ax.yaxis.tick_right()
    ax.yaxis.set_label_position("right")
    ax.spines[["left", "right"]].set_visible(False)
    ax.spines["right"].set_visible(True)
