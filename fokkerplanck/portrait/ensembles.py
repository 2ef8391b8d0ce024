"""Chains of SGD and paths of its SDE, side by side after the same time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.comparison.ask import setting_of
from fokkerplanck.comparison.result import Comparison, Picture
from fokkerplanck.comparison.setting import Setting
from fokkerplanck.comparison.verdict import Row, Verdict, judge, verdict_on
from fokkerplanck.estimate import Estimate, NotValidHere
from fokkerplanck.exits import adiabatic_gap, with_gap
from fokkerplanck.grid import Axis
from fokkerplanck.model import Model
from fokkerplanck.plotting import COLOURS
from fokkerplanck.portrait import canvas
from fokkerplanck.portrait.panel import ALONE
from fokkerplanck.results import Ensemble
from fokkerplanck.sampling.schemes import DEFAULT, find
from fokkerplanck.sgd import SGD

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]
Progress = Callable[..., None]  # progress(fraction done, what is being done)

QUESTION = "Where are SGD and its SDE after the same time?"
LEVELS = {"chain": "SGD", "paths": "SDE paths"}
REPLICAS, FEW = 20_000, 2_000  # the latter for a quick look
STEPS = 1_000
SHARE = 0.3  # of the work, that of the chains: a path takes 16 steps for each of theirs
PANELS = 4  # variables of which the law is drawn
BINS = 50
POINTS = 50  # replicas at which the gap between the levels is asked for


@dataclass(frozen=True)
class Measure:
    """A moment: what it is called, and its formula."""

    quantity: str
    formula: str


def ensembles(
    source: Model | SGD,
    only: str | None = None,
    scheme: str = DEFAULT,
    n: int | None = None,
    steps: int = STEPS,
    quick: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
) -> Comparison:
    """Simulate chains and paths from one start, and set their first two moments side by side.

    Parameters
    ----------
    source : Model or SGD
        A model brings its start: that of its escape, or else the first point at which it asks for stability.
    only : {"chain", "paths"}, optional
        One of the two levels.
    scheme : str
        That of the paths, see `SDE.simulate`.
    n, steps : int
        Replicas of each level, and steps of the chain; paths run for the same time.
    quick : bool
        Fewer replicas, where `n` is not given.
    seed : int
        The same seed gives the same numbers.
    progress : callable, optional
        Called with the fraction done, and what is being done.
    """
    if only is not None and only not in LEVELS:
        raise ValueError(f"only is {only!r}; take one of {', '.join(LEVELS)}, or leave it out")
    find(scheme)
    setting = setting_of(source, quick, seed)
    n = n if n is not None else FEW if quick else REPLICAS
    start = _start(setting)
    runs, refused = _runs(setting, only, scheme, n, steps, start, progress)
    where = ", ".join(f"{k} = {v:g}" for k, v in start.items())
    time = float(setting.sgd.schedule.times(steps)[-1])
    said = f"{n} replicas from {where}, {steps} steps of SGD, the time {time:g}."
    picture = Picture(
        "ensembles",
        QUESTION.rstrip("?"),
        f"Laws of each variable after {steps} steps, with one standard error.",
        lambda ax: _draw(runs, _periodic(setting), ax),
    )
    rows = [r for m in _measures(setting) for r in _rows(setting, m, runs)]
    if refused:
        none = Estimate(np.nan, method="SDE paths", status=refused)
        rows.append(Row("paths", "its SDE", LEVELS["paths"], none, Verdict("invalid", "SGD", text=refused)))
    return Comparison(QUESTION, tuple(rows), (said,), {}, (picture,), dict(runs))


def _start(setting: Setting) -> Mapping[str, float]:
    origin = dict.fromkeys(setting.sgd.names, 0.0)
    return setting.x0 or (setting.at[0] if setting.at else origin)


def _runs(
    setting: Setting,
    only: str | None,
    scheme: str,
    n: int,
    steps: int,
    start: Mapping[str, float],
    progress: Progress | None,
) -> tuple[dict[str, Ensemble], str]:
    """The ensembles asked for, and why there are no paths where chains alone can be had."""
    sgd, runs = setting.sgd, {}
    sde = None
    try:
        sde = None if only == "chain" else sgd.sde()
        if sde is not None:  # before the chains run for nothing
            find(scheme).check(sde.path_program().where_zero(sde.parameter_values))
    except NotValidHere as error:
        if only == "paths":
            raise
        refused = str(error)
    else:
        refused = ""

    def told(done: float, share: float, what: str) -> Callable[[float], None] | None:
        return None if progress is None else lambda part: progress(done + share * part, what)

    share = 1.0 if sde is None else 0.0 if only == "paths" else SHARE
    if only != "paths":
        runs["chain"] = sgd.simulate(n, steps, start, setting.rng(1), progress=told(0.0, share, "chains"))
    if sde is not None:
        time = float(sgd.schedule.times(steps)[-1])
        report = told(share, 1.0 - share, f"paths by {scheme}")
        runs["paths"] = sde.simulate(n, time, start, setting.rng(2), progress=report, scheme=scheme)
    return runs, refused


def _periodic(setting: Setting) -> dict[str, Axis]:
    return {} if setting.grid is None else {a.name: a for a in setting.grid.axes if a.periodic}


def _measures(setting: Setting) -> list[Measure]:
    """First two moments; of an angle those of its cosine."""
    turning, found = _periodic(setting), []
    for name in setting.sgd.names:
        if name not in turning:
            found += [Measure(f"<{name}>", name), Measure(f"<{name}²>", f"{name}**2")]
            continue
        a = turning[name]
        turn = f"cos(2*pi*({name} - {(a.low + a.high) / 2!r})/{a.high - a.low!r})"
        found += [Measure(f"<cos> of {name}", turn), Measure(f"<cos²> of {name}", f"{turn}**2")]
    return found


def _rows(setting: Setting, measure: Measure, runs: Mapping[str, Ensemble]) -> list[Row]:
    """The moment at each level; the chain is the reference where it has been run."""
    rows = []
    given = setting.parameters() if setting.sgd.schedule.is_constant else {"batch": setting.sgd.batch}
    found = {level: run.mean(measure.formula) for level, run in runs.items()}
    chain, paths = found.get("chain"), found.get("paths")
    scale = 0.0 if chain is None else chain.stat * np.sqrt(len(runs["chain"].final))  # a mean may be near 0
    if paths is not None:
        verdict = ALONE
        if chain is not None:
            paths = with_gap(paths, _gap(setting, runs["chain"]))
            verdict = judge(paths, chain, scale=scale)
        rows.append(Row(f"{measure.formula}-paths", measure.quantity, LEVELS["paths"], paths, verdict, given))
    if chain is not None:
        verdict = ALONE if paths is None else verdict_on(chain, chain, scale=scale)
        rows.append(Row(f"{measure.formula}-SGD", measure.quantity, LEVELS["chain"], chain, verdict, given))
    return rows


def _gap(setting: Setting, chain: Ensemble) -> float:
    """Relative gap between the levels where the chains are."""
    sgd, points = setting.sgd, chain.final[~chain.diverged][:POINTS]
    if not sgd.schedule.is_constant or not len(points):
        return 0.0
    return max(adiabatic_gap(sgd, dict(zip(sgd.names, p, strict=True))) for p in points)


def _draw(runs: Mapping[str, Ensemble], turning: Mapping[str, Axis], ax: Axes) -> None:
    names = next(iter(runs.values())).names[:PANELS]
    figure: Any = ax.figure
    spec = canvas.parts(ax, (1.0 + 3.2 * len(names), 3.0), 1, len(names), wspace=0.05)
    for k, name in enumerate(names):
        panel = figure.add_subplot(spec[0, k])
        _marginal({level: run.final[~run.diverged, k] for level, run in runs.items()}, name, turning, panel)
        if k == 0:
            style = {
                "loc": "lower left",
                "bbox_to_anchor": (0.0, 1.0),
                "ncols": len(runs),
                "borderaxespad": 0.1,
            }
            panel.legend(frameon=False, **style)


def _marginal(samples: Mapping[str, Array], name: str, turning: Mapping[str, Axis], ax: Axes) -> None:
    """The law of a variable: the chains filled, the paths as points, both with one standard error."""
    if name in turning:
        a = turning[name]
        samples = {level: a.low + (x - a.low) % (a.high - a.low) for level, x in samples.items()}
        low, high = a.low, a.high
    else:
        every = np.concatenate(list(samples.values()))
        low, high = np.quantile(every, [0.0005, 0.9995]) if every.size else (0.0, 1.0)
        if not high > low:
            low, high = low - 0.5, high + 0.5
    faces = np.linspace(low, high, BINS + 1)
    middle = 0.5 * (faces[1:] + faces[:-1])
    for level, x in samples.items():
        counts, _ = np.histogram(x, faces)
        scale = 1.0 / (max(len(x), 1) * (faces[1] - faces[0]))
        density, error = counts * scale, np.sqrt(counts) * scale
        colour = COLOURS["SGD" if level == "chain" else "paths"]
        if level == "chain":
            ax.stairs(density, faces, fill=True, color=colour, alpha=0.25, label=LEVELS[level])
            ax.stairs(density, faces, color=colour, lw=0.9)
        else:
            style: dict[str, Any] = {"fmt": ".", "ms": 3.5, "lw": 0.9, "color": colour}
            ax.errorbar(middle, density, yerr=error, label=LEVELS[level], **style)
    ax.set_ylim(bottom=0)
    ax.set_xlim(low, high)
    ax.set_xlabel(name)
    ax.set_ylabel(f"density p({name})")
