"""Question 2: how long until SGD leaves a region, such as the sharp part of a valley?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from fokkerplanck.comparison import floor
from fokkerplanck.comparison.result import Comparison, Picture
from fokkerplanck.comparison.setting import Setting
from fokkerplanck.comparison.verdict import Row, attempt, choose_reference, judge, verdict_on
from fokkerplanck.estimate import Estimate, NotValidHere, combine_status
from fokkerplanck.exits import adiabatic_gap, from_passages, mean_exit, with_gap
from fokkerplanck.plotting import COLOURS, label_groups, log_axis
from fokkerplanck.results import Field
from fokkerplanck.sgd import SGD

if TYPE_CHECKING:
    from matplotlib.axes import Axes

QUESTION = "How long until SGD reaches the flat part?"
LAWS = ("ito", "kramers", "mori", "xie")
LEVEL = 0.05  # relative spread of time x lr/batch up to which it is called constant
SCAN = ((1.0, 0.5), (1.0, 2.0), (1.0, 4.0), (0.4, 1.0))  # multiples of (lr, batch)


@dataclass(frozen=True)
class Point:
    """Exit at one (lr, batch): times in steps."""

    sgd: SGD
    law: Estimate
    limit: Estimate
    density: Estimate
    chains: Estimate


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
    region, x0, lr = setting.region, setting.x0, setting.sgd.lr
    field: Field | None = None
    try:
        field = setting.generator.exit_time(region)
        time = field.at(**x0)
    except ValueError as error:
        time = Estimate(np.nan, unit="time", method="density", status=str(error))
    own = _measure(setting, setting.sgd, time, setting.effort.exits, 100)
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
        ("theory, SDE", _for_chain(setting, own, own.limit)),
        ("density", own.density),
        ("paths", _for_chain(setting, own, paths)),
        ("SGD", own.chains),
        ("SGD, grid", on_grid),
    ]
    setting.report(0.6)
    reference = choose_reference(own.chains, on_grid)
    rows = [
        Row(f"escape-{n}", "mean exit time", n, e, verdict_on(e, reference), setting.parameters())
        for n, e in entries
    ]
    points = [own]
    for k, (a, b) in enumerate(SCAN[: setting.effort.scanned]):
        batch = setting.sgd.batch * b
        if abs(batch - round(batch)) > 1e-9:
            continue
        sgd = setting.sgd.with_(lr=lr * a, batch=round(batch))
        time = attempt(lambda sgd=sgd: _by_density(setting, sgd), "density", "time")  # type: ignore[misc]
        points.append(_measure(setting, sgd, time, setting.effort.scan_exits, 101 + k))
        setting.report(0.6 + 0.4 * (k + 1) / setting.effort.scanned)
    rows += _scaling_rows(points)
    data = {} if field is None else {"exit_time": field}
    return Comparison(
        QUESTION, tuple(rows), _sentences(points, reference), {}, _pictures(field, points), data
    )


def _well(setting: Setting) -> Comparison:
    """No slow direction: every method by name, laws included; what does not hold says so."""
    reference = mean_exit(
        setting.sgd,
        setting.region,
        setting.x0,
        "simulation",
        setting.effort.exits,
        setting.rng(100),
        None,
        None,
    )
    own = verdict_on(reference, reference)
    rows = [Row("escape-SGD", "mean exit time", "SGD", reference, own, setting.parameters())]
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


def _by_density(setting: Setting, sgd: SGD) -> Estimate:
    return sgd.sde().generator(setting.box).exit_time(setting.region).at(**setting.x0)


def _measure(setting: Setting, sgd: SGD, time: Estimate, n: int, key: int) -> Point:
    """Theory, density and chains at one (lr, batch), in steps."""
    law = setting.effective.at(sgd.lr, sgd.batch)
    finite = attempt(lambda: floor.passage(setting, law, True), "1-D adiabatic law, finite learning rate")
    limit = attempt(lambda: floor.passage(setting, law.small_lr, False), "1-D adiabatic law, small lr")
    run = sgd.first_passage(setting.region, n, setting.x0, _cutoff(finite, sgd, n), setting.rng(key))
    p = Point(
        sgd,
        law=finite.scaled(1 / sgd.lr, "steps"),
        limit=limit.scaled(1 / sgd.lr, "steps"),
        density=time.scaled(1 / sgd.lr, "steps"),
        chains=from_passages(run, f"SGD chains, {n} replicas", "steps"),
    )
    return replace(p, density=_for_chain(setting, p, p.density))


def _gap(p: Point) -> float:
    """Between the chain and its SDE by theory, in steps; 0 where theory has no word."""
    return abs(p.law.value - p.limit.value) if p.law.ok and p.limit.ok else 0.0


def _for_chain(setting: Setting, p: Point, of_sde: Estimate) -> Estimate:
    """A time of the SDE, quoted for the chain: by theory, else by the largest curvature in the region."""
    if p.law.ok and p.limit.ok:
        return of_sde.with_(model=of_sde.model + _gap(p))
    return with_gap(of_sde, max(adiabatic_gap(p.sgd, at) for at in floor.inside(setting)))


def _cutoff(expected: Estimate, sgd: SGD, n: int) -> int:
    """Steps after which runs are cut off: twenty expected times, if theory has one, within the budget."""
    # Without an expected time there may be none (an open valley): a tenth of the work must do.
    budget = max(1_000, (2_000_000_000 if np.isfinite(expected.value) else 200_000_000) // n)
    guess = 20 * expected.value / sgd.lr if np.isfinite(expected.value) else np.inf
    return int(min(max(guess, 1_000), budget))


def _noise(p: Point) -> float:
    """Learning rate over batch: the noise strength Delta up to a constant of the loss."""
    return float(p.sgd.lr / p.sgd.batch)


def _scaling_rows(points: list[Point]) -> list[Row]:
    """Time (not steps) times lr/batch: constant for the SDE; for the chain as the finite-lr law says."""
    rows = []
    base = points[0]
    for p in points[1:]:
        where = {"lr": p.sgd.lr, "batch": p.sgd.batch}
        tag = f"scaling-{p.sgd.lr:g}-{p.sgd.batch}"
        quantity = f"exit time x lr/batch, over that of the setting (lr {p.sgd.lr:g}, batch {p.sgd.batch})"

        def ratio(a: Estimate, b: Estimate, p: Point = p, of_sde: bool = False) -> Estimate:
            factor = _noise(p) * p.sgd.lr / (_noise(base) * base.sgd.lr)
            value = a.value / b.value * factor
            relative = [np.hypot(getattr(a, f) / a.value, getattr(b, f) / b.value) for f in ("stat", "disc")]
            away = abs(a.model / a.value) + abs(b.model / b.value)
            status = combine_status([a.status, b.status])
            return Estimate(
                float(value),
                stat=value * relative[0],
                disc=value * relative[1],
                model=value * away if of_sde else 0.0,
                method=a.method,
                status=status,
            )

        chains = ratio(p.chains, base.chains)
        law, limit = ratio(p.law, base.law), ratio(p.limit, base.limit)
        density = ratio(p.density, base.density, of_sde=not (law.ok and limit.ok))
        if law.ok and limit.ok:
            density = density.with_(model=abs(law.value - limit.value))
        rows += [
            Row(f"{tag}-theory", quantity, "theory", law, judge(law, chains), where),
            Row(f"{tag}-density", quantity, "density", density, judge(density, chains), where),
            Row(f"{tag}-SGD", quantity, "SGD", chains, verdict_on(chains, chains), where),
        ]
    return rows


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
    spread = [p.density.value * p.sgd.lr * _noise(p) for p in known]
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
    def draw_scaling(ax: Axes) -> None:
        ordered = sorted(points, key=_noise)
        x = [_noise(p) for p in ordered]
        for name, key, style, colour in (
            ("SDE limit", "limit", "--", COLOURS["theory"]),
            ("finite-lr law, edge moved", "law", "x", COLOURS["theory"]),
            ("density (SDE on a grid)", "density", "s", COLOURS["density"]),
        ):
            y = [getattr(p, key).value * p.sgd.lr * _noise(p) for p in ordered]
            ax.plot(x, y, style, color=colour, label=name, ms=7, mfc="none")
        y = [p.chains.value * p.sgd.lr * _noise(p) for p in ordered]
        e = [p.chains.error * p.sgd.lr * _noise(p) for p in ordered]
        ax.errorbar(x, y, e, fmt="o", ms=4, color=COLOURS["SGD"], capsize=2, label="SGD chains ± 1 s.e.")
        label_groups(
            ax,
            (
                (_noise(p), v, f"lr {p.sgd.lr:g}\nbatch {p.sgd.batch}")
                for p, v in zip(ordered, y, strict=True)
            ),
        )
        log_axis(ax.xaxis, x)
        ax.set_xlabel("learning rate / batch")
        ax.set_ylabel("exit time × lr / batch")
        ax.legend(frameon=False, fontsize=8)

    scaling = Picture(
        "escape",
        "Time to the flat part against the noise",
        "Mean exit time times lr/batch. For the SDE it is the same at every noise strength; SGD departs "
        "from it at finite lr as predicted (labels: lr, batch).",
        draw_scaling,
    )
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
