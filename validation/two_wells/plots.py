"""Pictures of the two wells."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fokkerplanck.plotting import COLOURS
from validation.drawing import WITH_ERROR, bars, points
from validation.two_wells import loss_noise
from validation.two_wells.escape import (
    BOTH,
    PORTIONS,
    RARE,
    by_chains,
    by_paths,
    by_split_paths,
    by_splitting,
    laws,
    left,
    left_paths,
)
from validation.two_wells.shares import BATCHES, course
from validation.two_wells.speed import arrival_law, arrivals, final_law, final_loss, rates, scanned, two_way
from validation.two_wells.system import BATCH, FLAT, NAMES, SHARP, TILT, Size, wells


def landscape(size: Size) -> tuple[str, Figure]:
    """The loss, and where chains are after seven relaxation times."""
    w = wells(BATCH)
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    ax, law = figure.subplots(1, 2)
    x = np.linspace(-1.7, 1.5, 400)
    for tilt, label, style in ((0.0, "equal depth", "-"), (TILT, "sharp one deeper", "--")):
        ax.plot(x, wells(BATCH, tilt).height(x), style, color="#444444", label=label)
    ax.axhline(w.noise, color=COLOURS["SGD"], lw=0.8)
    ax.text(0.05, w.noise - 0.12, f"noise D at batch {BATCH}", ha="center", color=COLOURS["SGD"], fontsize=8)
    for place, name in ((FLAT, NAMES[FLAT]), (SHARP, NAMES[SHARP])):
        ax.text(place, -0.12, name, ha="center", va="top")
    ax.set(xlabel="parameter x", ylabel="loss", ylim=(-0.3, 2.2), title="A flat and a sharp minimum")
    ax.legend(loc="upper center")
    places, p = w.law
    law.plot(
        places,
        p / (places[1] - places[0]),
        "--",
        color=COLOURS["density"],
        lw=1.2,
        zorder=3,
        label="SDE: exp(-L/D)",
    )
    chain = w.chain_law
    law.plot(
        chain.grid.points()[:, 0],
        chain.values,
        color=COLOURS["transition"],
        lw=3,
        alpha=0.7,
        label="SGD, without sampling",
    )
    states = course(w, size)[1]
    counts, faces = np.histogram(states, np.linspace(-1.7, 1.5, 49))
    scale = 1 / (len(states) * (faces[1] - faces[0]))
    middle = 0.5 * (faces[1:] + faces[:-1])
    bars(law, middle, counts * scale, np.sqrt(counts) * scale, f"SGD, {WITH_ERROR}", ms=3)
    law.set(
        xlabel="parameter x",
        ylabel="probability density",
        xlim=(-1.7, 1.5),
        ylim=(None, 1.45),
        title=f"Where SGD ends: batch {BATCH}, equal depth",
    )
    law.legend(loc="upper center", fontsize=8)
    return (
        f"Left: the loss at equal depth and with the sharp minimum .1 deeper. Right: the stationary laws at "
        f"batch {BATCH}, lr .01, equal depth, and {size.chains} chains from the sharp minimum after seven "
        f"relaxation times, {WITH_ERROR}. The chain's own law, by its transition operator, explains why SGD "
        "lies below its SDE at the sharp peak.",
        figure,
    )


def escapes(size: Size) -> tuple[str, Figure]:
    """Share that has left along time, and mean times over the noise, by every level."""
    figure = Figure(figsize=(10, 5.4), layout="constrained")
    panes = figure.subplot_mosaic([["law", "mean"], ["off", "part"]], height_ratios=(5, 4))
    _law_of_time(panes["law"], panes["off"], size)
    _mean_times(panes["mean"], panes["part"], size)
    return (
        f"Left: {size.paths} paths and {size.exits} chains from either minimum at batch {BATCH}; T is the "
        "mean time of SDE and SGD each. Below, the difference from 1 - exp(-t/T): the exact law lags behind "
        "by the way down. Right: mean time to the other minimum at lr .01, barrier 3 to 17 times the noise; "
        "below, the difference from the SDE's exact time: the chain is left a little sooner than its SDE. "
        "Circles from the sharp, squares from the flat minimum. Bars: 1 standard error.",
        figure,
    )


def _law_of_time(ax: Axes, off: Axes, size: Size) -> None:
    # Finely over the first steps, in which nobody leaves.
    t, w = np.concatenate([np.linspace(0, 0.1, 40), np.linspace(0.1, 2.2, 80)[1:]]), wells(BATCH)
    exponential = 1 - np.exp(-t)
    ax.plot(t, exponential, color=COLOURS["theory"], lw=3, alpha=0.6, label="1 - exp(-t/T)")
    off.axhline(0.0, color=COLOURS["theory"], lw=3, alpha=0.6)
    law = 1 - np.exp(-PORTIONS)
    for start, dashes, marker in ((SHARP, "-", "o"), (FLAT, "--", "s")):
        sde = laws(w, start)[0]
        exact = np.array([1 - sde.survival(v * w.passage(start) * w.lr).value for v in t])
        name = NAMES[start]
        ax.plot(
            t, exact, dashes, color=COLOURS["density"], lw=1, label=f"SDE on a grid, from the {name} minimum"
        )
        off.plot(t, exact - exponential, dashes, color=COLOURS["density"], lw=1)
        seen = left(w, start, size) / size.exits
        paths = left_paths(w, start, size)
        found = {
            "paths": np.array([(e.value, e.stat) for e in paths]).T,
            "SGD": np.array([seen, np.sqrt(seen * (1 - seen) / size.exits)]),
        }
        shift = 0.04 if start == FLAT else 0.0  # beside each other below, where they would hide each other
        for side, (level, (share, error)) in zip((-0.02, 0.0), found.items(), strict=True):
            colour = COLOURS[level]
            # Where it was looked at, above; below moved aside.
            bars(ax, PORTIONS, share, error, f"{level}, from the {name} minimum", fmt=marker, color=colour)
            x = PORTIONS + shift + side
            bars(off, x, share - law, error, fmt=marker, color=colour)
    ax.set(ylabel="share that has left", title="Escape at finite time", xlim=(0, 2.2))
    ax.legend(fontsize=7, loc="lower right")
    off.set(xlabel="time t / mean time T", ylabel="less 1 - exp(-t/T)", xlim=(0, 2.2))


def _mean_times(ax: Axes, part: Axes, size: Size) -> None:
    each = [wells(b) for b in range(5, 37)]
    noise = [1 / w.noise for w in each]
    for start, dashes in ((SHARP, "-"), (FLAT, "--")):
        exact = np.array([w.passage(start) for w in each])
        label = f"SDE, exact, from the {NAMES[start]} minimum"
        ax.plot(noise, exact, dashes, color=COLOURS["density"], lw=1, label=label)
        law = np.array([w.kramers(start) for w in each])
        ax.plot(noise, law, ":", color=COLOURS["theory"], label="")
        part.plot(noise, law / exact - 1, ":", color=COLOURS["theory"])
    ax.plot([], [], ":", color=COLOURS["theory"], label="Kramers' formula")
    usual, rare = wells(BATCH), wells(RARE)
    common = [(usual, s) for s in BOTH]
    many = [(w, SHARP) for w in scanned() if w.lr == usual.lr and w is not usual]
    known = [*common, *many, (rare, SHARP), (rare, FLAT)]
    for i, (w, s) in enumerate(known):
        gap, label = w.chain_passage(s).value / w.passage(s) - 1, "SGD, without sampling" if i == 0 else ""
        part.plot(1 / w.noise, gap, "x", color=COLOURS["transition"], ms=8, mew=2, label=label or None)
    split = [*common, (rare, SHARP), (rare, FLAT)]
    shown = {
        "SGD, plain": [(w, s, by_chains(w, s, size)) for w, s in [*common, *many]],
        "SGD, splitting": [(w, s, by_splitting(w, s, size)) for w, s in split],
        "paths, plain": [(w, s, by_paths(w, s, size)) for w, s in common],
        "paths, splitting": [(rare, SHARP, by_split_paths(rare, SHARP, size))],
    }
    part.axhline(0.0, color=COLOURS["density"], lw=1)
    # Beside each other below, where they would hide each other.
    for aside, (label, found) in zip((0.0, 0.25, 0.5, 0.5), shown.items(), strict=True):
        colour = COLOURS[label.split(",")[0]]
        for i, (w, s, e) in enumerate(found):
            inside = "white" if "splitting" in label else colour
            style: dict[str, Any] = {"fmt": "o" if s == SHARP else "s", "color": colour, "mfc": inside}
            points(ax, [1 / w.noise], [e], label if i == 0 else "", **style)
            away = aside + (0.12 if s == FLAT else 0.0)
            relative = e.scaled(1 / w.passage(s))
            relative = relative.with_(value=relative.value - 1)
            points(part, [1 / w.noise + away], [relative], **style)
    ax.set(yscale="log", ylabel="mean steps", title="Mean time to the other minimum")
    ax.legend(fontsize=7, loc="upper left")
    part.set(xlabel="1 / noise D   (proportional to batch / lr)", ylabel="relative to the SDE")
    part.legend(fontsize=7, loc="lower right")


def asymptotics() -> tuple[str, Figure]:
    """Share of the flat minimum over batch sizes, and how slowly it is reached."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    ax, slow = figure.subplots(1, 2)
    for tilt, label, colour in (
        (0.0, "equal depth", COLOURS["theory"]),
        (TILT, "sharp one deeper by .1", COLOURS["density"]),
    ):
        sde = [wells(b, tilt).flat_share for b in BATCHES]
        ax.plot(BATCHES, sde, color=colour, label=f"{label}: SDE")
        chain = [wells(b, tilt).chain_share for b in BATCHES]
        ax.plot(BATCHES, chain, "x", color=colour, label=f"{label}: SGD, without sampling")
    ax.axhline(0.5, color="#888888", lw=0.8, ls=":")
    ax.set(
        xscale="log",
        xticks=BATCHES,
        xticklabels=[str(b) for b in BATCHES],
        xlabel="batch size",
        ylabel="share of the flat minimum",
        ylim=(0, 1),
        title="Flatness counts at every batch, depth at large ones",
    )
    ax.minorticks_off()
    ax.legend(loc="upper left", fontsize=8)
    batches = (8, 16, 32, 48)
    per_noise = [1 / wells(b).noise for b in batches]
    slow.plot(per_noise, rates(batches), "o", color=COLOURS["density"], label="SDE on a grid")
    slow.plot(per_noise, [two_way(b) for b in batches], color=COLOURS["theory"], label="Kramers, both ways")
    slow.set(
        yscale="log",
        xlabel="1 / noise D   (proportional to batch / lr)",
        ylabel="slowest rate, per unit time",
        title="Exponentially slow convergence",
    )
    slow.legend()
    return (
        "Left: asymptotic share of the flat minimum; 1/2 is dotted. Right: the rate at which the asymptotic "
        f"law is reached, at batch {', '.join(map(str, batches))}.",
        figure,
    )


def price_and_power(size: Size) -> tuple[str, Figure]:
    """The price of arriving sooner, and escape with noise proportional to the loss."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    price, power = figure.subplots(1, 2)
    _price(price, size)
    _power(power, size)
    return (
        f"Left: {size.exits} chains for the time and {size.chains} for the loss; lr .005 at batch 4 has the "
        "lr/batch, and so the SDE, of lr .01 at batch 8. Right: escape from one of two equal minima, "
        f"B/(eta h*) = {loss_noise.exponent() - 0.5:g}. Bars: 1 standard error.",
        figure,
    )


def _price(ax: Axes, size: Size) -> None:
    law = np.array([(arrival_law(w).value, final_law(w).value) for w in scanned()]).T
    ax.plot(*law, "x", color=COLOURS["transition"], ms=8, mew=2, label="SGD, without sampling")
    # Evenly along the logarithm of the time, which is as 1/noise.
    noises = 1 / np.linspace(1 / scanned()[0].noise, 1 / scanned()[-1].noise, 60)
    fine = [wells(4, lr=round(float(d) * 8 / 400, 6)) for d in noises]
    ax.plot(
        [w.passage(SHARP) * w.lr for w in fine],
        [float(w.law[1] @ w.height(w.law[0])) for w in fine],
        color=COLOURS["density"],
        lw=1,
        label="SDE: lr/batch alone",
    )
    for w, time in zip(scanned(), arrivals(size), strict=True):
        loss = final_loss(w, size)
        points(ax, [time.value], [loss], f"SGD, {WITH_ERROR}" if w is scanned()[0] else "", xerr=time.stat)
        below = w.lr < 0.01
        ax.annotate(
            f"lr {w.lr:g}, batch {w.batch}",
            (time.value, loss.value),
            (-8, -4) if below else (8, 4),
            textcoords="offset points",
            fontsize=8,
            ha="right" if below else "left",
            va="top" if below else "baseline",
        )
    ax.set(
        xscale="log",
        xlabel="mean time lr k from the sharp to the flat minimum",
        ylabel="mean loss at the end",
        title="Sooner there, worse in the end",
        xlim=(5, 4000),
    )
    ax.set_xticks([10, 100, 1000], ["10", "100", "1000"])
    ax.legend(loc="upper right")


def _power(ax: Axes, size: Size) -> None:
    a = np.linspace(min(size.power) - 0.02, max(size.power) + 0.03, 40)
    barriers = np.array([loss_noise.barrier(v) for v in a])
    ax.plot(
        barriers, [loss_noise.mori(v) for v in a], color=COLOURS["theory"], label="power law (Mori et al.)"
    )
    exact = [loss_noise.passage(v) for v in a[::3]]
    ax.plot(barriers[::3], exact, "--", color=COLOURS["density"], label="its SDE, exact")
    constant = [loss_noise.exponential(v) for v in a]
    ax.plot(barriers, constant, ":", color="#666666", label="constant noise (Kramers)")
    at = [loss_noise.barrier(v) for v in size.power]
    operator = [loss_noise.of_chain(v).value for v in size.power]
    ax.plot(at, operator, "x", color=COLOURS["transition"], ms=8, mew=2, label="SGD, without sampling")
    points(ax, at, [loss_noise.measured(v, size) for v in size.power], f"SGD, {WITH_ERROR}")
    ax.set(
        xscale="log",
        yscale="log",
        xlabel="loss at the barrier / loss at the minimum",
        ylabel="mean steps to the other minimum",
        title="Noise proportional to the loss: a power, not an exponential",
    )
    ticks = [1.5, 2.0, 2.5]
    ax.set_xticks(ticks, [f"{v:g}" for v in ticks])
    ax.minorticks_off()
    ax.legend()
