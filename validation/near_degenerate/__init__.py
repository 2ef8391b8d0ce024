"""A valley that is almost level: above a threshold the noise moves the minimum."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from fokkerplanck.plotting import COLOURS
from validation.drawing import points
from validation.near_degenerate.judge import claims, replicas
from validation.near_degenerate.system import (
    MOVED,
    QUIET,
    asymptotic,
    delta,
    number,
    place,
    still,
    valley,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["DEPARTURES", "SOURCE", "TITLE", "claims", "pictures"]
TITLE = "The near-degenerate valley: the noise moves the minimum"
SOURCE = (
    "N. Yang, C. Tang, Y. Tu, Phys. Rev. Lett. 130, 237101 (2023): near-degenerate case, as recalled; "
    "thresholds derived here"
)
DEPARTURES = (
    "The full text was not at hand: floor, flatness and numbers are this project's own.",
    "A threshold in the noise belongs to an object: drift potential and marginal share one, the joint law "
    "has another, a third larger at kappa = 4; the law itself changes smoothly.",
    "The chain's threshold at a finite learning rate is this project's addition.",
)


def pictures(quick: bool) -> Iterator[tuple[str, Figure]]:
    """Effective loss at three noises, and the minimum against the noise."""
    from matplotlib.figure import Figure

    n, _ = replicas(quick)
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    ax, minimum = figure.subplots(1, 2)
    x = np.linspace(-1.6, 1.6, 300)
    shades = (COLOURS["transition"], COLOURS["density"], COLOURS["SGD"])
    for batch, colour in zip((QUIET, 8, 5), shades, strict=True):
        v = valley(batch)[1].evaluate("drift_potential", x)
        ax.plot(x, v - v[len(v) // 2], color=colour, label=f"Delta = {delta(batch):g}")
    ax.plot(x, number("b") * x**2 / 2, ":", color="#666666", label="the loss itself")
    ax.set(
        xlabel="place x along the valley",
        ylabel="effective loss V(x) - V(0) at lr .01",
        ylim=(-0.03, 0.07),
        title="Noise moves the minimum",
    )
    ax.legend()
    noise = np.linspace(0.02, 0.13, 200)
    for joint, label, style in ((False, "SDE: effective loss", "--"), (True, "SDE: joint law", ":")):
        places = [asymptotic(v, joint) for v in noise]
        minimum.plot(noise, places, style, color=COLOURS["density"], label=label)
    law = [still(QUIET, v / delta(QUIET)) for v in noise]  # in proportion to the noise
    minimum.plot(noise, law, color=COLOURS["theory"], label="law at lr .01")
    for k, b in enumerate(MOVED):
        found = place(b, n)
        points(minimum, [delta(b)], [found], "SGD, by the drift" if k == 0 else "")
    minimum.set(
        xlabel="noise strength Delta = lr sigma^2 / (2 batch)",
        ylabel="place x* of the minimum",
        title="... above a threshold, one for each law",
    )
    minimum.legend(loc="upper left")
    yield (
        f"Left: effective loss along the valley at three noises. Right: where it is lowest; {n} chains each, "
        "± 1 standard error.",
        figure,
    )
