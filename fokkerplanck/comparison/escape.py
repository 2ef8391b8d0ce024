"""Question 2: how long until SGD leaves a region, such as the sharp part of a valley?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import brentq

from fokkerplanck.comparison.result import Comparison, Picture
from fokkerplanck.comparison.setting import Setting
from fokkerplanck.comparison.verdict import REFERENCE, Row, judge
from fokkerplanck.estimate import Estimate, NotValidHere, combine_status
from fokkerplanck.exits import from_passages, mean_exit
from fokkerplanck.grid import pointwise
from fokkerplanck.plotting import COLOURS, label_groups, log_axis
from fokkerplanck.results import Field
from fokkerplanck.sgd import SGD
from fokkerplanck.theory import EffectiveLoss

if TYPE_CHECKING:
    from matplotlib.axes import Axes

QUESTION = "How long until SGD reaches the flat part?"
LAWS = ("ito", "kramers", "mori", "xie")
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
    return _valley(setting) if setting.slow is not None else _well(setting)


def _valley(setting: Setting) -> Comparison:
    field = setting.generator.exit_time(setting.region)
    own = _measure(setting, setting.sgd, field.at(**setting.x0), setting.effort.exits, 100)
    setting.report(0.2)
    limit_n = setting.effort.path_exits
    paths = mean_exit(setting.sgd, setting.region, setting.x0, "paths", limit_n, setting.rng(150), None, None)
    setting.report(0.5)
    gap = abs(own.law.value - own.limit.value)
    entries = [
        ("theory", own.law),
        ("theory, SDE", own.limit.with_(model=own.limit.model + gap)),
        ("density", own.density.with_(model=gap)),
        ("paths", paths.with_(model=gap)),
        ("SGD", own.chains),
        ("SGD, grid", _on_grid(setting)),
    ]
    setting.report(0.6)
    # The transition operator is the chain without its sampling error: the reference where a grid resolves it.
    exact = entries[-1][1]
    reference = exact if exact.ok else own.chains
    rows = []
    for level, e in entries:
        verdict = REFERENCE if e is reference else judge(e, reference)
        rows.append(Row(f"escape-{level}", "mean exit time", level, e, verdict, setting.parameters()))
    points = [own]
    for k, (a, b) in enumerate(SCAN):
        batch = setting.sgd.batch * b
        if abs(batch - round(batch)) > 1e-9:
            continue
        sgd = setting.sgd.with_(lr=setting.sgd.lr * a, batch=round(batch))
        time = sgd.sde().generator(setting.box).exit_time(setting.region).at(**setting.x0)
        points.append(_measure(setting, sgd, time, setting.effort.scan_exits, 101 + k))
        setting.report(0.6 + 0.4 * (k + 1) / len(SCAN))
    rows += _scaling_rows(points)
    return Comparison(
        QUESTION,
        tuple(rows),
        _sentences(points, reference),
        {},
        _pictures(field, points),
        {"exit_time": field},
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
    rows = [Row("escape-SGD", "mean exit time", "SGD", reference, REFERENCE, setting.parameters())]
    routes = (
        ("density", "density"),
        ("paths", "paths"),
        ("transition", "SGD, grid"),
        *((m, m) for m in LAWS),
    )
    for k, (method, level) in enumerate(routes):
        grid = {"density": setting.grid, "transition": None}.get(method)
        try:
            e = mean_exit(
                setting.sgd,
                setting.region,
                setting.x0,
                method,
                setting.effort.path_exits,
                setting.rng(150),
                grid,
                None,
            )
        except NotValidHere as error:
            e = Estimate(np.nan, unit="steps", method=method, status=str(error))
        rows.append(
            Row(f"escape-{method}", "mean exit time", level, e, judge(e, reference), setting.parameters())
        )
        setting.report((k + 1) / len(routes))
    sentence = f"SGD leaves {setting.region} after {reference}, {_time(reference, setting.sgd)} in time."
    return Comparison("How long until SGD leaves the region?", tuple(rows), (sentence,))


def _measure(setting: Setting, sgd: SGD, time: Estimate, n: int, key: int) -> Point:
    """Theory, density and chains at one (lr, batch), in steps."""
    law = setting.effective.at(sgd.lr, sgd.batch)
    x0, edges = edges_on_floor(setting, law)
    finite = law.passage_time(x0, edges, edge_shift=True)
    limit = law.small_lr.passage_time(x0, edges)
    run = sgd.first_passage(setting.region, n, setting.x0, _cutoff(finite, sgd, n), setting.rng(key))
    return Point(
        sgd,
        law=finite.scaled(1 / sgd.lr, "steps"),
        limit=limit.scaled(1 / sgd.lr, "steps"),
        density=time.scaled(1 / sgd.lr, "steps"),
        chains=from_passages(run, f"SGD chains, {n} replicas", "steps"),
    )


def edges_on_floor(setting: Setting, law: EffectiveLoss) -> tuple[float, tuple[float, float]]:
    """Where the region ends on the floor of the valley, on both sides of the start."""
    level = pointwise(setting.region, setting.sgd.names, setting.sgd.loss.constants, region=True)
    axis = setting.box[str(setting.slow)]
    x0 = float(setting.x0[str(setting.slow)])

    def at(x: float) -> float:
        return float(level(setting.floor_at(np.array([x])))[0])

    if not at(x0) > 0:
        raise ValueError(f"the start {dict(setting.x0)} does not lie in the region {setting.region!r}")
    ends = []
    for side in (-1, 1):
        reach = (axis.high - axis.low) if axis.periodic else abs((axis.low, axis.high)[side > 0] - x0)
        ladder = x0 + side * np.linspace(0, reach, 2001)
        outside = np.flatnonzero(level(setting.floor_at(ladder)) <= 0)
        if not len(outside):
            ends.append(side * np.inf)
            continue
        k = int(outside[0])
        ends.append(float(brentq(at, ladder[k - 1], ladder[k])) if at(ladder[k]) < 0 else float(ladder[k]))
    if not np.isfinite(ends).all():
        raise ValueError(
            f"on the floor the region {setting.region!r} ends on one side only; close it on the other side "
            "too, or use a grid or simulation method"
        )
    return x0, (ends[0], ends[1])


def _cutoff(expected: Estimate, sgd: SGD, n: int) -> int:
    """Steps after which runs are cut off: twenty expected times, if theory has one, within the budget."""
    budget = max(1_000, 2_000_000_000 // n)
    guess = 20 * expected.value / sgd.lr if np.isfinite(expected.value) else np.inf
    return int(min(max(guess, 1_000), budget))


def _on_grid(setting: Setting) -> Estimate:
    try:
        return setting.chain.exit_time(setting.region).at(**setting.x0)
    except NotValidHere as error:
        return Estimate(np.nan, unit="steps", method="transition operator", status=str(error))


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

        def ratio(a: Estimate, b: Estimate, p: Point = p) -> Estimate:
            factor = _noise(p) * p.sgd.lr / (_noise(base) * base.sgd.lr)
            value = a.value / b.value * factor
            relative = [np.hypot(getattr(a, f) / a.value, getattr(b, f) / b.value) for f in ("stat", "disc")]
            status = combine_status([a.status, b.status])
            return Estimate(
                float(value),
                stat=value * relative[0],
                disc=value * relative[1],
                method=a.method,
                status=status,
            )

        chains = ratio(p.chains, base.chains)
        law, limit, density = (ratio(getattr(p, k), getattr(base, k)) for k in ("law", "limit", "density"))
        gap = abs(law.value - limit.value)
        rows += [
            Row(f"{tag}-theory", quantity, "theory", law, judge(law, chains), where),
            Row(
                f"{tag}-density", quantity, "density", density, judge(density.with_(model=gap), chains), where
            ),
            Row(f"{tag}-SGD", quantity, "SGD", chains, REFERENCE, where),
        ]
    return rows


def _time(e: Estimate, sgd: SGD) -> str:
    t = e.scaled(sgd.lr, "time")
    return f"{t}"


def _sentences(points: list[Point], reference: Estimate) -> tuple[str, ...]:
    own = points[0]
    slower = own.density.value / reference.value - 1
    predicted = own.limit.value / own.law.value - 1
    way = "slower" if slower >= 0 else "faster"
    said = [
        f"At lr {own.sgd.lr:g}, batch {own.sgd.batch}, SGD reaches the flat part in {reference} "
        f"({_time(reference, own.sgd)}); its SDE says {abs(slower):.1%} {way} "
        f"(finite-lr law: {predicted:+.1%}).",
    ]
    spread = [p.density.value * p.sgd.lr * _noise(p) for p in points]
    said.append(
        "In the SDE the time is exactly proportional to batch/lr: time x lr/batch varies by "
        f"{np.ptp(spread) / np.mean(spread):.1e} over the {len(points)} settings. SGD follows the "
        "finite-lr law instead, with the edge moved out by 0.58 standard deviations of a step."
    )
    return tuple(said)


def _pictures(field: Field, points: list[Point]) -> tuple[Picture, ...]:
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

    def draw_field(ax: Axes) -> None:
        field.plot(ax, cmap="viridis")

    return (
        Picture(
            "escape",
            "Time to the flat part against the noise",
            "Mean exit time times lr/batch. For the SDE it is the same at every noise strength; SGD departs "
            "from it at finite lr as predicted (labels: lr, batch).",
            draw_scaling,
        ),
        Picture(
            "exit_time",
            "Mean exit time",
            "Mean time of the SDE to leave the region, from every point.",
            draw_field,
        ),
    )
