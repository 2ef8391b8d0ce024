"""Pictures of the two wells."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from fokkerplanck.plotting import COLOURS
from validation.drawing import WITH_ERROR, bars, points
from validation.two_wells import loss_noise
from validation.two_wells.escape import BATCH, NAMES, PORTIONS, left
from validation.two_wells.shares import BATCHES, TILT, chain_share, course
from validation.two_wells.speed import SCANNED, arrivals, final_law, final_loss, rates, two_way
from validation.two_wells.system import FLAT, SHARP, Size, wells


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
    ax.set(xlabel="parameter x", ylabel="loss", ylim=(-0.15, 2.2), title="A flat and a sharp minimum")
    ax.legend(loc="upper center")
    places, p = w.law
    law.plot(places, p / (places[1] - places[0]), "--", color=COLOURS["density"], label="SDE: exp(-L/D)")
    states = course(BATCH, size)[1]
    counts, faces = np.histogram(states, np.linspace(-1.7, 1.5, 49))
    scale = 1 / (len(states) * (faces[1] - faces[0]))
    middle = 0.5 * (faces[1:] + faces[:-1])
    bars(law, middle, counts * scale, np.sqrt(counts) * scale, "SGD, all from the sharp one")
    law.set(xlabel="parameter x", ylabel="probability density", xlim=(-1.7, 1.5), title="... where SGD ends")
    law.legend()
    return (
        f"Left: the loss at equal depth and with the sharp minimum .1 deeper. Right: the stationary law at "
        f"batch {BATCH}, lr .01, and {size.chains} chains after seven relaxation times, ± 1 standard error.",
        figure,
    )


def escapes(size: Size) -> tuple[str, Figure]:
    """Share that has left along time, and times over batch sizes."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    ax, mean = figure.subplots(1, 2)
    t = np.linspace(0, 2.4, 200)
    ax.plot(t, 1 - np.exp(-t), color=COLOURS["theory"], label="1 - exp(-t/T)")
    for start, marker in ((SHARP, "o"), (FLAT, "s")):
        seen = left(BATCH, start, size) / size.exits
        error = np.sqrt(seen * (1 - seen) / size.exits)
        label = f"SGD from the {NAMES[start]} minimum"
        colour = COLOURS["SGD" if start == SHARP else "density"]
        bars(ax, PORTIONS, seen, error, label, fmt=marker, color=colour)
    ax.set(
        xlabel="time t / predicted mean time T",
        ylabel="share that has left by then",
        title="Escape at finite time",
    )
    ax.legend()
    batches = np.array((8, 16, 32, 48))
    per_noise = np.array([1 / wells(b).noise for b in batches])
    mean.plot(per_noise, rates(tuple(batches)), "o", color=COLOURS["density"], label="SDE on a grid")
    mean.plot(per_noise, [two_way(b) for b in batches], color=COLOURS["theory"], label="Kramers, both ways")
    mean.set(
        yscale="log",
        xlabel="1 / noise D   (proportional to batch / lr)",
        ylabel="slowest rate, per unit time",
        title="Exponentially slow convergence",
    )
    mean.legend()
    return (
        f"Left: chains that have left either minimum, {size.exits} each, ± 1 standard error. Right: the rate "
        f"at which the asymptotic law is reached, at batch {', '.join(map(str, batches))}.",
        figure,
    )


def flat_shares(size: Size) -> tuple[str, Figure]:
    """Share of the flat minimum over batch sizes, and the price of arriving sooner."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    ax, price = figure.subplots(1, 2)
    for tilt, label, colour in (
        (0.0, "equal depth", COLOURS["theory"]),
        (TILT, "sharp one deeper by .1", COLOURS["density"]),
    ):
        sde = [wells(b, tilt).flat_share for b in BATCHES]
        ax.plot(BATCHES, sde, color=colour, label=f"{label}: SDE")
        chain = [chain_share(b, tilt) for b in BATCHES]
        ax.plot(BATCHES, chain, "x", color=colour, label=f"{label}: SGD, its operator")
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
    ax.legend(loc="lower left")
    law = np.array([(wells(b).chain_passage(SHARP).value, final_law(b).value) for b in SCANNED]).T
    price.plot(*law, "x-", color=COLOURS["theory"], lw=1, label="SGD, its operator")
    for b, time in zip(SCANNED, arrivals(size), strict=True):
        loss = final_loss(b, size)
        points(price, [time.value], [loss], "" if b > SCANNED[0] else f"SGD, {WITH_ERROR}", xerr=time.stat)
        price.annotate(f"batch {b}", (time.value, loss.value), (6, 4), textcoords="offset points", fontsize=8)
    price.set(
        xscale="log",
        xlabel="mean steps from the sharp to the flat minimum",
        ylabel="mean loss at the end",
        title="Sooner there, worse in the end",
        xlim=(1_500, 90_000),
    )
    price.set_xticks([2_000, 5_000, 10_000, 20_000, 50_000], ["2000", "5000", "10000", "20000", "50000"])
    price.minorticks_off()
    price.legend(loc="lower left")
    return (
        "Left: asymptotic share of the flat minimum; 1/2 is dotted. Right: SGD at lr .01, "
        f"{size.exits} chains for the time and {size.chains} for the loss, ± 1 standard error.",
        figure,
    )


def power(size: Size) -> tuple[str, Figure]:
    """Escape time over the barrier with noise proportional to the loss."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    ax = figure.subplots()
    a = np.linspace(min(size.power) - 0.02, max(size.power) + 0.03, 40)
    barriers = np.array([loss_noise.barrier(v) for v in a])
    ax.plot(
        barriers, [loss_noise.mori(v) for v in a], color=COLOURS["theory"], label="power law (Mori et al.)"
    )
    exact = [loss_noise.passage(v) for v in a[::3]]
    ax.plot(barriers[::3], exact, "--", color=COLOURS["density"], label="its SDE, exact")
    constant = [loss_noise.exponential(v) for v in a]
    ax.plot(barriers, constant, ":", color="#666666", label="constant noise (Kramers)")
    found = [loss_noise.measured(v, size) for v in size.power]
    points(ax, [loss_noise.barrier(v) for v in size.power], found, f"SGD, {WITH_ERROR}")
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
    return f"Escape from one of two equal minima, B/(eta h*) = {loss_noise.exponent() - 0.5:g}.", figure
