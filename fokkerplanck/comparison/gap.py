"""Question 4: where do the levels rightly differ?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fokkerplanck.comparison.result import Comparison, Picture
from fokkerplanck.comparison.setting import Setting
from fokkerplanck.comparison.strength_scan import Point, require_regularizer, scan
from fokkerplanck.comparison.verdict import SIGMAS, Row, Verdict, judge, verdict_on
from fokkerplanck.estimate import Estimate
from fokkerplanck.plotting import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

QUESTION = "Where do SGD and its SDE rightly differ?"


def gap(setting: Setting, points: tuple[Point, ...] | None = None) -> Comparison:
    """Relative excess of SGD's regularizer over its SDE's, against lr times curvature."""
    require_regularizer(setting)
    points = scan(setting) if points is None else points
    rows: list[Row] = []
    ordered = sorted(points, key=lambda p: p.load)
    for p in ordered:
        where = {"lr": p.lr, "batch": p.batch, "lr times mean curvature": p.load}
        quantity = f"SGD over SDE, excess of the strength (lr {p.lr:g}, batch {p.batch})"
        law, chains = excess(p.law, p.limit), excess(p.chains, p.limit)
        verdict = judge_gap(law, chains)
        rows.append(Row(f"gap-{p.lr:g}-{p.batch}-theory", quantity, "theory", law, verdict, where))
        rows.append(
            Row(f"gap-{p.lr:g}-{p.batch}-SGD", quantity, "SGD", chains, verdict_on(chains, chains), where)
        )
    blind = sorted({r.parameters["lr"] for r in rows if r.verdict.code == "inconclusive"})
    seen = (p for p in ordered if p.lr not in blind and p.law.ok and p.chains.ok)
    smallest = min(seen, key=lambda p: p.load, default=None)
    said = []
    if smallest is not None:
        said.append(
            "The SDE's regularizer falls short of SGD's by u/(1 - u), u = lr lambda/2: at lr "
            f"{smallest.lr:g} already {excess(smallest.law, smallest.limit).value:.1%} (measured "
            f"{_percent(excess(smallest.chains, smallest.limit))})."
        )
    if blind:
        said.append(f"At lr {', '.join(f'{x:g}' for x in blind)} this run has no power to see the gap.")
    return Comparison(QUESTION, tuple(rows), tuple(said), {}, (_picture(ordered),))


def excess(a: Estimate, limit: Estimate) -> Estimate:
    """``a / limit - 1``; the limit is exact."""
    scale = abs(limit.value)
    return Estimate(
        a.value / limit.value - 1, stat=a.stat / scale, disc=a.disc / scale, method=a.method,
        assumptions=a.assumptions, status=a.status,
    )  # fmt: skip


def judge_gap(predicted: Estimate, measured: Estimate) -> Verdict:
    """Agreement on a gap means something only where the gap itself is seen."""
    verdict = judge(predicted, measured)
    if not (predicted.ok and measured.ok):
        return verdict
    seen = SIGMAS * measured.stat
    if seen >= abs(predicted.value):
        need = int(np.ceil((seen / max(abs(predicted.value), 1e-12)) ** 2 * 2))
        text = (
            f"no power to see it: a gap of {predicted.value:.2g} against 3 errors of {seen:.2g}; "
            f"{need} times the replicas would"
        )
        return Verdict("inconclusive", "SGD", verdict.difference, verdict.tolerance, text)
    close = abs(verdict.difference) <= seen + predicted.disc + measured.disc
    text = f"the gap is seen at {abs(measured.value) / measured.stat:.0f} standard errors"
    return Verdict("agrees" if close else "differs", "SGD", verdict.difference, seen, text)


def _percent(e: Estimate) -> str:
    return f"{e.value:.1%} ± {e.stat:.1%}"


def _picture(points: list[Point]) -> Picture:
    def draw(ax: Axes) -> None:
        load = np.array([p.load for p in points])
        x = np.linspace(0, min(1.9, 1.15 * load.max()), 200)
        ax.plot(
            x,
            x / 2 / (1 - x / 2),
            "--",
            color=COLOURS["theory"],
            lw=1,
            label="u/(1 − u) at the mean curvature",
        )
        law = [excess(p.law, p.limit).value for p in points]
        ax.plot(load, law, "x", color=COLOURS["theory"], ms=7, label="finite-lr law")
        measured = [excess(p.chains, p.limit) for p in points]
        ax.errorbar(
            load, [m.value for m in measured], [m.stat for m in measured], fmt="o", ms=4, capsize=2,
            color=COLOURS["SGD"], label="SGD chains ± 1 s.e.",
        )  # fmt: skip
        ax.axhline(0, color=COLOURS["density"], lw=1, label="SDE")
        ax.set_xlabel("learning rate × mean curvature, ηλ")
        ax.set_ylabel("excess of SGD's regularizer over its SDE's")
        ax.legend(frameon=False, fontsize=8)

    return Picture(
        "gap",
        "What the SDE misses",
        "Relative excess of the strength of SGD's regularizer over that of its SDE, against lr times "
        "curvature: predicted u/(1 − u) with u = ηλ/2.",
        draw,
    )
