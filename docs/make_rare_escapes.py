"""Draw the picture of rare escapes: ``python docs/make_rare_escapes.py``."""

from __future__ import annotations

import math
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

import fokkerplanck as fp
from fokkerplanck.plotting import COLOURS
from fokkerplanck.reporting.figures import STYLE
from fokkerplanck.theory.passage import mean_passage_time

PATH = Path(__file__).parent / "images" / "rare_escapes.png"
LR, EDGE = 0.05, 0.9
REGION = f"x < {EDGE}"


def quadrature(D: float) -> float:
    """Mean time of the SDE."""
    facts = -1.0, -2.5, EDGE
    return mean_passage_time(lambda x: (x - x**3, np.full_like(x, D)), *facts, absorbing=(False, True)).value


def chain(D: float) -> fp.SGD:
    """SGD whose SDE has this D."""
    loss = fp.Loss(
        "x**4/4 - x**2/2 - s*x",
        ("x",),
        {"s": fp.Normal(0, "q")},
        constants={"q": math.sqrt(2 * D / LR)},
    )
    return fp.SGD(loss, lr=LR)


def main() -> None:
    """Times above, ratios to the exact ones below."""
    barriers = np.array([4.0, 6, 8, 10, 12.5, 15, 17.5, 20, 22.5, 25])
    exact: dict[str, list[float]] = {"paths": [], "SGD": []}
    found: dict[str, list[fp.Estimate]] = {"paths": [], "SGD": []}
    for barrier in barriers:
        D = 0.25 / barrier
        sgd = chain(D)
        exact["paths"].append(quadrature(D))
        grid = fp.Grid(x=(-2.2, 1.6, 600))
        exact["SGD"].append(sgd.transition(grid).exit_time(REGION).at(x=-1).value * LR)
        paths = fp.SDE(variables=("x",), drift=["x - x**3"], diffusion="D", constants={"D": D})
        found["paths"].append(paths.escape(REGION, x0=(-1,), rng=int(barrier)))
        steps = sgd.escape(REGION, x0=(-1,), method="splitting", rng=100 + int(barrier))
        found["SGD"].append(steps.scaled(LR, "time"))
    names = {"paths": ("SDE, quadrature", "paths, splitting"), "SGD": ("SGD, operator", "SGD, splitting")}
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(6.0, 4.6), layout="constrained")
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=[2, 1])
        for k, level in enumerate(("paths", "SGD")):
            times = np.array(exact[level])
            values = np.array([e.value for e in found[level]])
            errors = np.array([e.error for e in found[level]])
            line, points = names[level]
            style = "-" if k == 0 else "--"
            above.plot(barriers, np.log(times), style, color=COLOURS[level], lw=1.0, label=line)
            marks = {"fmt": "os"[k], "ms": (3.0, 5.5)[k], "lw": 0.8, "capsize": 2, "color": COLOURS[level]}
            marks |= {"mfc": (COLOURS[level], "none")[k]}
            above.errorbar(barriers, np.log(values), errors / values, label=points, **marks)
            shift = 0.12 * (2 * k - 1)
            below.errorbar(barriers + shift, values / times, errors / times, **marks)
        below.axhline(1.0, color="#444444", lw=0.8)
        above.set(ylabel=r"ln of the mean exit time  $\ln T$", title="Leaving a well over a barrier")
        above.legend(loc="upper left")
        below.set(xlabel=r"barrier over noise  $\Delta L/D$", ylabel="found / exact", ylim=(0.6, 1.4))
        figure.savefig(PATH, dpi=110, metadata={"Software": None})
    print(PATH.name, PATH.stat().st_size)


if __name__ == "__main__":
    main()
