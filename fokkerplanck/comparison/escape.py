"""Question 2: how long until SGD leaves a region, such as the sharp part of a valley?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fokkerplanck.comparison import floor
from fokkerplanck.comparison.exit_scan import (
    Point,
    for_chain,
    measure,
    scaling_picture,
    scaling_rows,
    scan,
)
from fokkerplanck.comparison.result import Comparison, Picture
from fokkerplanck.comparison.setting import Setting
from fokkerplanck.comparison.verdict import Row, attempt, choose_reference, judge, verdict_on
from fokkerplanck.estimate import Estimate, NotValidHere
from fokkerplanck.exits import mean_exit
from fokkerplanck.results import Field
from fokkerplanck.sgd import SGD

if TYPE_CHECKING:
    from matplotlib.axes import Axes

QUESTION = "How long until SGD reaches the flat part?"
LAWS = ("ito", "kramers", "mori", "xie")
SPLIT = 20_000  # walkers of a splitting, at least: 5 % at a barrier of 20 times the noise
LEVEL = 0.05  # relative spread of time x lr/batch up to which it is called constant


def escape(setting: Setting) -> Comparison:
    """Mean exit time of a region at every level, and how it scales with the noise."""
    if not setting.region or not setting.x0:
        raise NotValidHere("say which region is left and from where: region='x < 1', x0=(-1,)")
    setting.require_noise("so no escape by noise: SGD follows the gradient from its start")
    return _valley(setting) if setting.slow is not None else _well(setting)


def _valley(setting: Setting) -> Comparison:
    law = setting.effective
    if not np.any(law.evaluate("slow_diffusion", setting.along)):
        raise NotValidHere("no noise acts along the valley: SGD moves along it by its drift alone")
    floor.start(setting)
    region, x0 = setting.region, setting.x0
    field: Field | None = None
    try:
        field = setting.generator.exit_time(region)
        time = field.at(**x0)
    except ValueError as error:
        time = Estimate(np.nan, unit="time", method="density", status=str(error))
    own = measure(setting, setting.sgd, time, setting.effort.exits, 100)
    setting.report(0.2)
    limit_n = setting.effort.path_exits
    paths = attempt(
        lambda: mean_exit(setting.sgd, region, x0, "paths", limit_n, setting.rng(150), None, None),
        "SDE paths",
    )
    setting.report(0.5)
    on_grid = attempt(
        lambda: setting.chain.exit_time(region).at(**x0).with_(assumptions=setting.chain_assumptions),
        "transition operator",
        "steps",
    )
    entries = [
        ("theory", own.law),
        ("theory, SDE", for_chain(setting, own, own.limit)),
        ("density", own.density),
        ("paths", for_chain(setting, own, paths)),
        ("SGD", own.chains),
        ("SGD, grid", on_grid),
    ]
    setting.report(0.6)
    reference = choose_reference(own.chains, on_grid)
    rows = [
        Row(f"escape-{n}", "mean exit time", n, e, verdict_on(e, reference), setting.parameters())
        for n, e in entries
    ]
    points = scan(setting, own)
    rows += scaling_rows(points)
    data = {} if field is None else {"exit_time": field}
    return Comparison(
        QUESTION, tuple(rows), _sentences(points, reference), {}, _pictures(field, points), data
    )


def _well(setting: Setting) -> Comparison:
    """No slow direction: every method by name, laws included; what does not hold says so."""
    simulated = mean_exit(
        setting.sgd,
        setting.region,
        setting.x0,
        "simulation",
        setting.effort.exits,
        setting.rng(100),
        None,
        None,
    )
    entries = [("SGD", "SGD", simulated)]
    reference = simulated
    if simulated.assumptions:  # some were cut off: leaving is rare
        split = attempt(lambda: _splitting(setting), "SGD chains, splitting", "steps")
        entries.append(("splitting", "SGD, splitting", split))
        if split.ok and not (simulated.ok and simulated.stat < split.stat):
            reference = split
    rows = [
        Row(f"escape-{n}", "mean exit time", level, e, verdict_on(e, reference), setting.parameters())
        for n, level, e in entries
    ]
    routes = (
        ("density", "density"),
        ("paths", "paths"),
        ("transition", "SGD, grid"),
        *((m, m) for m in LAWS),
    )
    for k, (method, level) in enumerate(routes):
        grid = {"density": setting.grid, "transition": None}.get(method)
        e = attempt(
            lambda method=method, grid=grid: mean_exit(  # type: ignore[misc]
                setting.sgd,
                setting.region,
                setting.x0,
                method,
                setting.effort.path_exits,
                setting.rng(150),
                grid,
                None,
            ),
            method,
            "steps",
        )
        rows.append(
            Row(f"escape-{method}", "mean exit time", level, e, judge(e, reference), setting.parameters())
        )
        setting.report((k + 1) / len(routes))
    sentence = f"SGD leaves {setting.region} after {reference}, {_time(reference, setting.sgd)} in time."
    if not reference.ok:
        sentence = f"No mean time of SGD to leave {setting.region}: {reference.status}."
    return Comparison("How long until SGD leaves the region?", tuple(rows), (sentence,))


def _splitting(setting: Setting) -> Estimate:
    """The chain where leaving is too rare to wait for."""
    facts = setting.sgd, setting.region, setting.x0
    return mean_exit(*facts, "splitting", max(setting.effort.exits, SPLIT), setting.rng(120), None, None)


def _time(e: Estimate, sgd: SGD) -> str:
    t = e.scaled(sgd.lr, "time")
    return f"{t}"


def _sentences(points: list[Point], reference: Estimate) -> tuple[str, ...]:
    own = points[0]
    if not reference.ok:
        return (f"No mean time of SGD to the flat part: {reference.status}.",)
    first = (
        f"At lr {own.sgd.lr:g}, batch {own.sgd.batch}, SGD reaches the flat part in {reference} "
        f"({_time(reference, own.sgd)})"
    )
    if not own.density.ok:
        return (f"{first}; its SDE has no word on it: {own.density.status}.",)
    slower = own.density.value / reference.value - 1
    first += f"; its SDE says {abs(slower):.1%} {'slower' if slower >= 0 else 'faster'}"
    if own.law.ok and own.limit.ok:
        first += f" (finite-lr law: {own.limit.value / own.law.value - 1:+.1%})"
    known = [p for p in points if p.density.ok]
    spread = [p.density.value * p.sgd.lr * p.noise for p in known]
    varies = float(np.ptp(spread) / np.mean(spread))
    second = (
        f"In the SDE the time is exactly proportional to batch/lr: time x lr/batch varies by {varies:.1e} "
        f"over {len(known)} settings."
    )
    if all(p.law.ok for p in points):
        second += (
            " SGD follows the finite-lr law instead, with the edge moved out by 0.58 standard deviations of "
            "a step."
        )
    # The scaling is that of a level floor.
    return (f"{first}.", second) if len(known) > 1 and varies < LEVEL else (f"{first}.",)


def _pictures(field: Field | None, points: list[Point]) -> tuple[Picture, ...]:
    scaling = scaling_picture(points)
    if field is None:
        return (scaling,)
    shown = field

    def draw_field(ax: Axes) -> None:
        shown.plot(ax, cmap="viridis")

    return (
        scaling,
        Picture(
            "exit_time",
            "Mean exit time",
            "Mean time of the SDE to leave the region, from every point.",
            draw_field,
        ),
    )
