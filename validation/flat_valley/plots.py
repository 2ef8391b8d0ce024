"""Pictures of the valley's claims, from what they computed."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from fokkerplanck.plotting import COLOURS
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
    ax.errorbar(
        v.law.evaluate("flatness", middle),
        p.mean(axis=0),
        p.std(axis=0, ddof=1) / np.sqrt(BLOCKS),
        fmt="o",
        ms=3.5,
        capsize=2,
        color=COLOURS["SGD"],
        label="SGD, ± 1 standard error",
    )
    ax.set(
        xlabel="flatness F = 1/sqrt(sharpness)",
        ylabel="probability density p(x) along the valley",
        yscale="log",
        title="SGD sits where the valley is flat, more so than its SDE says",
    )
    ax.legend()
    return "Stationary law along the valley against flatness, at lr .01, batch 10, kappa 4.", figure
