"""Pictures of the valley's claims, from what they computed."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from fokkerplanck.plotting import COLOURS
from validation.drawing import WITH_ERROR, bars, points
from validation.flat_valley import growth
from validation.flat_valley.chains import chain_states
from validation.flat_valley.system import Size, valley

BLOCKS = 20


def law(size: Size) -> tuple[str, Figure]:
    """The stationary law of the chains against flatness, beside both laws."""
    v = valley(4)
    states = chain_states(4, size)
    faces = np.linspace(-np.pi, np.pi, 25)
    middle, width = 0.5 * (faces[1:] + faces[:-1]), faces[1] - faces[0]
    blocks = states[: len(states) // BLOCKS * BLOCKS, :, 0].reshape(BLOCKS, -1)
    wrapped = np.mod(blocks + np.pi, 2 * np.pi) - np.pi
    p = np.array([np.histogram(row, faces)[0] for row in wrapped]) / wrapped.shape[1] / width
    figure = Figure(figsize=(7, 4), layout="constrained")
    ax = figure.subplots()
    x = np.linspace(0, np.pi, 200)
    for which, label, colour, style in (
        (v.law, "law at learning rate .01", COLOURS["theory"], "-"),
        (v.law.small_lr, "its SDE: p ~ F^4", COLOURS["density"], "--"),
    ):
        values = which.evaluate("marginal", x)
        values /= 2 * np.trapezoid(values, x)
        ax.plot(v.law.evaluate("flatness", x), values, style, color=colour, label=label)
    error = p.std(axis=0, ddof=1) / np.sqrt(BLOCKS)
    bars(ax, v.law.evaluate("flatness", middle), p.mean(axis=0), error, f"SGD, {WITH_ERROR}")
    ax.set(
        xlabel="flatness F = 1/sqrt(sharpness)",
        ylabel="probability density p(x) along the valley",
        yscale="log",
        title="SGD sits where the valley is flat, more so than its SDE says",
    )
    ax.legend()
    return "Stationary law along the valley against flatness, at lr .01, batch 10, kappa 4.", figure


def effective_loss(size: Size) -> tuple[str, Figure]:
    """V along the valley from the measured drift, beside both laws."""
    v, d = valley(4), growth.drift(size)
    figure = Figure(figsize=(7, 4), layout="constrained")
    ax = figure.subplots()
    x = np.linspace(0, np.pi, 200)
    for which, label, colour, style in (
        (v.law, "law at learning rate .01", COLOURS["theory"], "-"),
        (v.law.small_lr, "its SDE: -Delta ln F", COLOURS["density"], "--"),
    ):
        values = which.evaluate("drift_potential", x)
        ax.plot(x, values - values[0], style, color=colour, label=label)
    blocks = growth.potential(d.measured)
    ends = (np.arange(growth.BINS) + 1) * np.pi / growth.BINS
    error = blocks.std(axis=0, ddof=1) / np.sqrt(growth.BLOCKS)
    bars(ax, ends, blocks.mean(axis=0), error, f"SGD, drift added up, {WITH_ERROR}")
    ax.axhline(0, color="#888888", lw=0.8, ls=":", label="the loss itself: level")
    ax.set(
        xlabel="place x along the valley (0: sharpest, pi: flattest)",
        ylabel="effective loss V(x) - V(0)",
        title="The effective loss falls where the valley gets flatter",
    )
    ax.set_xticks([0, np.pi / 2, np.pi], ["0", "pi/2", "pi"])
    ax.legend()
    return f"Effective loss from the drift of {size.strength} chains, lr .01, batch 10.", figure


def growing(size: Size) -> tuple[str, Figure]:
    """Strength over learning rate and batch, and the time of arrival."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    ax, time = figure.subplots(1, 2)
    for pairs, label, colour in (
        ([(lr, 10) for lr in growth.RATES], "batch 10, lr varies", COLOURS["SGD"]),
        ([(0.01, b) for b in growth.BATCHES], "lr .01, batch varies", COLOURS["paths"]),
    ):
        delta = [50 * lr / b for lr, b in pairs]
        strengths = [growth.by_law(valley(4, lr, b)) for lr, b in pairs]
        found = [growth.measured(lr, b, size) for lr, b in pairs]
        ax.plot(delta, [a for a, _ in strengths], color=colour, lw=1)
        points(ax, delta, found, f"SGD, {label}", color=colour)
    ax.plot([0.01, 0.1], [0.01, 0.1], "--", color=COLOURS["density"], label="SDE: S = Delta")
    ax.set(
        xscale="log",
        yscale="log",
        xlabel="noise strength Delta = lr sigma^2 / (2 batch)",
        ylabel="strength S of the regularizer",
        title="Stronger with lr and with batch noise",
    )
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_ticks([0.0125, 0.025, 0.05, 0.1], [".0125", ".025", ".05", ".1"])
        axis.set_minor_locator(NullLocator())
    ax.legend()
    found = [growth.arrival(b, size) for b in growth.ARRIVALS]
    between = range(min(growth.ARRIVALS), max(growth.ARRIVALS) + 1)
    laws = [valley(4, 0.01, b).passage(True) for b in between]
    time.plot([0.5 / b for b in between], laws, color=COLOURS["theory"], label="law at lr .01")
    delta = [0.5 / b for b in growth.ARRIVALS]
    points(time, delta, found, "SGD")
    time.set(
        xlabel="noise strength Delta",
        ylabel="mean steps to the flat part",
        ylim=(0, None),
        title="Stronger noise arrives sooner",
    )
    time.legend()
    return "Strength from the drift (lines: law at that lr) and time of arrival, ± 1 standard error.", figure
