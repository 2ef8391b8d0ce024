"""Pictures of large steps against noise."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import fokkerplanck as fp
from fokkerplanck.plotting import COLOURS
from fokkerplanck.reporting.figures import STYLE
from validation.drawing import points
from validation.large_steps import digits, line, noise, plane
from validation.large_steps.network import ARMS, P, trained
from validation.large_steps.system import MODELS, SEED, Well
from validation.seeds import seed

STEPS_SHOWN = (0.01, 0.05, 0.1, 0.15, 0.2, 0.215, 0.23, 0.245, 0.25, 0.26, 0.3, 0.4, 0.5, 0.75, 1.0, 1.4, 1.8)
PLANE_SHOWN = (0.005, 0.02, 0.05, 0.09, 0.11, 0.13, 0.15, 0.17, 0.2, 0.25, 0.4, 0.7, 1.0, 1.5)


def pictures(quick: bool) -> Iterator[tuple[str, Figure]]:
    """The line and the plane; then the network."""
    with matplotlib.rc_context(STYLE):
        yield (
            "A sharp minimum (curvature K) beside a wide one: (a) the loss on the line; (b) the share of "
            f"starts that reach the global minimum, against the step, without noise ({line.STEPS} steps on "
            f"the line, {plane.STEPS} in the plane of sixteen sharp dips). On the line the sharp minimum is "
            "unstable from 2/K on, but only from the release on do steps get out of its well; (c) how many "
            "steps noise alone takes at step .01, by the Fokker-Planck equation and for the chain itself, "
            "against a large step.",
            _landscape(2_000 if quick else 20_000),
        )
        yield (
            "A 64-32-10 network on 400 digits: where each way of training ends (large step, large and then "
            "small, small, small with each batch used sixteen times running). A dot a seed; beside them mean "
            "and standard error.",
            _digits(digits.size(quick)),
        )


def _landscape(n: int) -> Figure:
    figure = Figure(figsize=(10.5, 3.3), layout="constrained")
    loss, share, time = figure.subplots(1, 3, width_ratios=(1, 1.3, 1))
    well = Well.of_model()
    _loss(loss, well)
    _share(share, well, n)
    _noise(time, well)
    return figure


def _loss(ax: Axes, well: Well) -> None:
    x = np.linspace(-2.2, 2.9, 800)
    model = fp.load(MODELS / "large_steps.toml").loss
    ax.plot(x, model.evaluate(model.mean, x[:, None]), color="#444444")
    for name, place, side in (("global", 0.0, "center"), ("sharp", well.a, "left")):
        y = float(model.evaluate(model.mean, np.array([[place]]))[0])
        ax.plot(place, y, "o", color=COLOURS["SGD"], ms=4)
        ax.annotate(name, (place, y), (place + (0.1 if side == "left" else 0), y - 0.3), ha=side, fontsize=8)
    ax.axvline(well.barrier, color="#888888", ls=":", lw=0.8)
    ax.text(
        well.barrier - 0.06, 3.2, f"barrier b = {well.barrier:.3f}", ha="right", fontsize=8, color="#555555"
    )
    ax.set(xlabel="x", ylabel="loss", title="(a) a sharp minimum at 2", ylim=(-0.55, 3.7))


def _share(ax: Axes, well: Well, n: int) -> None:
    edge = well.release
    ax.plot(
        [0.004, edge, edge, 1.9],
        [well.flow_share, well.flow_share, 1, 1],
        color=COLOURS["theory"],
        label="line: predicted",
    )
    found = [line.share(lr, n, seed(SEED)) for lr in STEPS_SHOWN]
    points(ax, STEPS_SHOWN, found, "line: found", lw=0.8)
    flow = plane.flow_share(seed(SEED)).value
    ax.plot([0.004, 0.1], [flow, flow], "--", color=COLOURS["theory"], label="plane: gradient flow")
    dips = [plane.share(lr, n // 4, seed(SEED)) for lr in PLANE_SHOWN]
    points(ax, PLANE_SHOWN, dips, "plane: found", lw=0.8, fmt="s", mfc="white")
    for place, text in ((well.unstable, "2/K"), (edge, "release (line)")):
        ax.axvline(place, color="#888888", ls=":", lw=0.8)
        ax.text(
            place * (0.97 if text == "2/K" else 1.03),
            0.03,
            text,
            rotation=90,
            fontsize=8,
            va="bottom",
            ha="right" if text == "2/K" else "left",
            color="#555555",
        )
    ax.set(xscale="log", xlabel="step (learning rate)", ylabel="share at the global minimum", ylim=(0, 1.08))
    ax.set_title("(b) large steps get out, without noise")
    ax.legend(loc="center left", bbox_to_anchor=(0.0, 0.52), fontsize=8)


def _noise(ax: Axes, well: Well) -> None:
    sigma = np.linspace(1.2, 5.0, 20)
    steps = [noise.exit_time(noise.SMALL * s**2 / 2).value / noise.SMALL for s in sigma]
    ax.plot(sigma, steps, color=COLOURS["density"], label="noise σ, step 0.01:\nFokker–Planck equation")
    shown = (1.5, 2.0, 3.0, 4.0, 5.0)
    of_chain = [noise.by_operator(s) for s in shown]
    points(ax, shown, of_chain, "noise σ, step 0.01:\nthe chain itself")
    large = next(t for t in range(1, 200) if well.share_after(0.5, t, 2000).value > 0.99)
    ax.axhline(large, color=COLOURS["SGD"], ls="--", label="step 0.5, no noise:\n99 % of starts are out")
    ax.set(
        yscale="log",
        ylim=(1, None),
        xlabel="noise of one step's gradient, σ",
        ylabel="steps to leave the sharp minimum",
    )
    ax.set_title("(c) noise alone is not enough")
    ax.legend(loc="upper right", fontsize=8)


def _digits(s: digits.Sizes) -> Figure:
    figure = Figure(figsize=(8.0, 3.2), layout="constrained")
    sharp, accurate = figure.subplots(1, 2)
    names = {
        "large": "large",
        "annealed": "large,\nthen small",
        "small": "small",
        "amplified": "small,\nlarge noise",
    }
    for k, arm in enumerate(ARMS):
        runs = trained(arm, *s, seed(SEED))
        for ax, values in (
            (sharp, [r.sharpness for r in runs]),
            (accurate, [100 * r.test_accuracy for r in runs]),
        ):
            jitter = np.linspace(-0.15, 0.15, len(values))
            ax.plot(k + jitter, values, ".", color=COLOURS["SGD"], ms=5, alpha=0.5)
            error = np.std(values, ddof=1) / np.sqrt(len(values))
            ax.errorbar(k + 0.28, np.mean(values), error, fmt="_", ms=12, capsize=2, color="#222222")
    sharp.axhline(2 / P.large, color="#888888", ls="--", lw=1)
    sharp.text(3.45, 2 / P.large * 0.96, "2/(large step)", ha="right", va="top", fontsize=8, color="#555555")
    sharp.set(yscale="log", ylabel="sharpness at the end", title="(a) only the large step ends flat")
    sharp.set_yticks([2, 4, 8, 16, 32], ["2", "4", "8", "16", "32"])
    sharp.minorticks_off()
    accurate.set(ylabel="test accuracy (%)", title="(b) and is not better on new digits")
    for ax in (sharp, accurate):
        ax.set_xticks(range(len(ARMS)), [names[a] for a in ARMS])
        ax.set(xlim=(-0.5, len(ARMS) - 0.5), xlabel="step of the training")
    return figure
