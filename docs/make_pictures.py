"""Draw the pictures of README and docs from the valley: ``python docs/make_pictures.py [--quick]``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import fokkerplanck as fp
from fokkerplanck.comparison import Comparison
from fokkerplanck.model import Model
from fokkerplanck.plotting import COLOURS
from fokkerplanck.reporting.figures import STYLE
from fokkerplanck.results import Ensemble
from fokkerplanck.theory import EffectiveLoss

HERE = Path(__file__).parent
IMAGES = HERE / "images"
LIMIT = 150_000  # bytes of a picture


def valley(ax: Axes, model: Model, chains: Ensemble) -> None:
    """Loss as contours, a thinned cloud of chains on top."""
    x, y = np.meshgrid(np.linspace(-np.pi, np.pi, 241), np.linspace(-0.28, 0.28, 201), indexing="ij")
    loss = model.loss.evaluate(model.loss.mean, np.stack([x, y], axis=-1))
    levels = np.array([0.02, 0.08, 0.18, 0.32, 0.5, 0.72, 0.98, 1.28])
    ax.contour(x, y, loss, levels, colors="#888888", linewidths=0.6)
    cloud = chains.final[:1800]
    ax.plot(wrapped(cloud[:, 0]), cloud[:, 1], ".", ms=1.6, color=COLOURS["SGD"], alpha=0.55, mew=0)
    ax.axhline(0, color="#444444", lw=0.6)
    ax.set(
        xlim=(-np.pi, np.pi),
        ylim=(-0.28, 0.28),
        ylabel="y (across)",
        title="(a) level floor, varying sharpness",
    )
    ax.text(0, 0.245, "sharp", ha="center", fontsize=8, color="#444444", backgroundcolor="white")
    for place in (-2.62, 2.62):
        ax.text(place, 0.245, "flat", ha="center", fontsize=8, color="#444444", backgroundcolor="white")


def marginal(ax: Axes, model: Model, chains: Ensemble, law: EffectiveLoss) -> None:
    """Stationary law along the valley: SDE on a grid, finite-lr law, chains."""
    sde = model.sgd.sde().generator(model.grid).stationary().marginal("x")
    x, width = sde.grid["x"].centres, sde.grid["x"].spacing
    p = law.evaluate("marginal", x)
    ax.axhline(1 / (2 * np.pi), color="#888888", lw=0.8, ls=":", label="the loss alone")
    ax.plot(x, sde.values, "--", color=COLOURS["density"], label="SDE, on a grid")
    ax.plot(x, p / (p.sum() * width), color=COLOURS["theory"], label="finite-lr law")
    counts, faces = np.histogram(wrapped(chains.final[:, 0]), 32, (-np.pi, np.pi))
    scale = 1 / (len(chains.final) * np.diff(faces))
    middle = (faces[1:] + faces[:-1]) / 2
    style: dict[str, Any] = {"fmt": "o", "ms": 2.5, "lw": 0.8, "color": COLOURS["SGD"]}
    ax.errorbar(middle, counts * scale, np.sqrt(counts) * scale, label="SGD", **style)
    ax.set(
        xlim=(-np.pi, np.pi),
        ylim=(0, None),
        ylabel="stationary density p(x)",
        title="(b) SGD prefers the flat part",
    )
    ax.legend(loc="upper center")


def shortfall(ax: Axes, answer: Comparison) -> None:
    """Excess of SGD's regularizer over its SDE's, against lr times curvature."""
    load = np.array([r.parameters["lr times mean curvature"] for r in answer.rows if r.level == "SGD"])
    law = np.array([r.estimate.value for r in answer.rows if r.level == "theory"])
    measured = [r.estimate for r in answer.rows if r.level == "SGD"]
    order = np.argsort(load)
    ax.axhline(0, color=COLOURS["density"], ls="--", label="SDE")
    ax.plot(load[order], 100 * law[order], color=COLOURS["theory"], label="finite-lr law")
    values, errors = (100 * np.array([getattr(e, name) for e in measured]) for name in ("value", "stat"))
    ax.errorbar(load, values, errors, fmt="o", ms=3.5, lw=0.8, capsize=2, color=COLOURS["SGD"], label="SGD")
    ax.set(xlabel=r"learning rate × curvature  $\eta\lambda$", ylabel="excess over the SDE (%)")
    ax.set_title("(c) what the SDE misses")
    ax.legend(loc="upper left")


def wrapped(x: Any) -> Any:
    return np.mod(x + np.pi, 2 * np.pi) - np.pi


def save(figure: Figure, path: Path, dpi: int) -> None:
    figure.savefig(path, dpi=dpi, metadata={"Software": None})
    assert path.stat().st_size < LIMIT, f"{path.name} has {path.stat().st_size} bytes"
    print(path.relative_to(HERE), path.stat().st_size)


def main(quick: bool) -> None:
    """Write the composed picture, and those of the report at half their size."""
    model = fp.load(HERE.parent / "models" / "flat_valley.toml")
    report = fp.report(model, quick=quick)
    steps = (
        10_000 if quick else 60_000
    )  # the slowest rate is about 1/8000 a step; the start is uniform along x
    start = np.zeros((8_000, 2))
    start[:, 0] = np.linspace(-np.pi, np.pi, len(start), endpoint=False)
    rng = np.random.default_rng(0)
    chains = model.sgd.simulate(len(start), steps, rng.permutation(start), rng=1)
    IMAGES.mkdir(exist_ok=True)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(10.5, 3.1), layout="constrained")
        axes = figure.subplots(1, 3)
        valley(axes[0], model, chains)
        marginal(axes[1], model, chains, fp.effective_loss(model.sgd, "x"))
        shortfall(axes[2], report.comparisons[-1])
        for ax in axes[:2]:
            ax.set_xticks([-np.pi, 0, np.pi], ["−π", "0", "π"])
            ax.set_xlabel("x (along the valley)")
        save(figure, IMAGES / "valley.png", 120)
        for picture in (p for c in report.comparisons for p in c.pictures):
            figure = Figure(figsize=(6.0, 4.0), layout="constrained")
            picture.draw(figure.add_subplot())
            save(figure, IMAGES / f"{picture.name}.png", 110)
    print(report.headline)


if __name__ == "__main__":
    main("--quick" in sys.argv[1:])
