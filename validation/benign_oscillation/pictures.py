"""Pictures of benign oscillation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fokkerplanck.plotting import COLOURS
from fokkerplanck.reporting.figures import STYLE
from validation.benign_oscillation import edge, valley
from validation.benign_oscillation.system import BOUNDED, SEED, cycle_growth, orbit
from validation.drawing import points
from validation.seeds import seed

NETWORK = (0.3, 0.6, 0.9, 0.95, 1.02, 1.05, 1.1, 1.2, 1.3, 1.4)
NOISES = ((0.02, "-"), (0.05, "--"))
CHAINS = (0.8, 0.9, 0.95, 0.98, 1.0, 1.02, 1.05, 1.1, 1.2)
OPERATOR = np.concatenate([np.linspace(0.75, 0.95, 6), np.linspace(0.96, 1.06, 11)])


def pictures(quick: bool) -> Iterator[tuple[str, Figure]]:
    """The map above the network, then the growth of the weak weight."""
    repeats = edge.size(quick)
    with matplotlib.rc_context(STYLE):
        yield (
            "One example: where the output settles or oscillates, against the step a = 2 lr |v|²/m; and the "
            f"network of {repeats} seeds: accuracy on test data that have the weak feature only, with "
            "standard errors.",
            _edge(repeats),
        )
        yield (
            "How fast the weak weight grows, against the step: by the effective loss (below a = 1), by the "
            "average over the cycle of the oscillation (above), and in chains of the reduced valley, at two "
            "strengths of label noise. The stationary law of the chain (transition operator) hands the one "
            "over to the other. Squares: the network, which has no label noise; twice its growth a step, "
            "as each sign sees every second point.",
            _growth(300 if quick else 2_000, repeats),
        )


def _edge(repeats: int) -> Figure:
    figure = Figure(figsize=(8.0, 5.0), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True)
    for a in np.linspace(0.25, BOUNDED, 340):
        S = orbit(float(a), 1_000, 60, 4).ravel()
        top.plot(np.full(len(S), a), S, ",", color="#222222", alpha=0.5)
    top.set(ylabel="output S of one example", title="(a) one example oscillates above a = 1", ylim=(0, 2.2))
    found = [edge.mean_of(edge.weak_accuracies(a, repeats)) for a in NETWORK]
    lost = {a: edge.diverged(a, repeats) for a in NETWORK}
    points(bottom, NETWORK, found)
    for a, n in lost.items():
        if n:
            bottom.annotate(f"{n} of {repeats}\ndiverged", (a, 0.97), ha="center", va="top", fontsize=7)
    bottom.axhline(0.5, color="#888888", ls=":", lw=0.8)
    bottom.text(0.42, 0.495, "guessing", fontsize=8, color="#555555", va="top")
    bottom.set(
        xlabel="reduced step  a = 2 lr |v|²/m",
        ylabel="weak-only accuracy",
        title="(b) the network learns the weak feature above a = 1",
        ylim=(0.45, 1.05),
    )
    for ax, height in ((top, 2.1), (bottom, 0.75)):
        ax.axvline(1, color=COLOURS["theory"], lw=1)
        ax.text(0.99, height, "predicted edge", ha="right", va="top", fontsize=8, color="#555555")
    top.axvline(BOUNDED, color="#888888", ls=":", lw=0.8)
    top.text(BOUNDED - 0.01, 2.1, "3√3/2 − 1:\nthe weight changes sign", ha="right", va="top", fontsize=8)
    return figure


def _growth(n: int, repeats: int) -> Figure:
    figure = Figure(figsize=(7.5, 4.2), layout="constrained")
    ax = figure.subplots()
    for noise, style in NOISES:
        _one_noise(ax, noise, style, n)
    above = np.linspace(1.002, 1.235, 60)
    ax.plot(
        above,
        [cycle_growth(float(a), valley.RATIO) for a in above],
        color="#222222",
        lw=1.6,
        label="cycle average",
    )
    places = (1.02, *edge.RATED[False])
    grown = [edge.mean_of(edge.growths(a, repeats)) for a in places]
    square: dict[str, Any] = {"fmt": "s", "ms": 5, "mfc": "white", "color": "#b3261e", "zorder": 5}
    points(ax, places, [e.scaled(2) for e in grown], "network, no label noise (× 2)", **square)
    ax.axvline(1, color="#888888", lw=0.8, ls=":")
    ax.set(
        yscale="log",
        xlim=(0.74, 1.25),
        ylim=(1e-5, 1e-2),
        xlabel="reduced step  a = 2 lr |v|²/m",
        ylabel="growth of ln(weak weight) per step",
        title="From the effective loss to the oscillation",
    )
    ax.legend(loc="upper left", fontsize=8)
    return figure


def _one_noise(ax: Axes, noise: float, style: str, n: int) -> None:
    below = np.linspace(0.75, 0.995, 60)
    name = f"σ = {noise:g}"
    law = [valley.regularizer_growth(float(a), noise) for a in below]
    ax.plot(below, law, style, color=COLOURS["theory"], label=f"effective loss, label noise {name}")
    operator = [valley.operator_growth(float(a), noise).value for a in OPERATOR]
    ax.plot(OPERATOR, operator, style, color=COLOURS["density"], label=f"stationary law of the chain, {name}")
    found = [valley.measured_growth(a, noise, n, seed(SEED)) for a in CHAINS]
    marker: dict[str, Any] = {
        "fmt": "o" if style == "-" else "^",
        "ms": 4,
        "lw": 0.8,
        "color": COLOURS["SGD"],
    }
    points(ax, CHAINS, found, f"chains of the valley, {name}", **marker)
