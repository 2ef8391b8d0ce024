"""How strong the regularizer is over learning rate and batch: limit, finite-lr law and chains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fokkerplanck.comparison import strength
from fokkerplanck.comparison.result import Picture
from fokkerplanck.comparison.setting import Setting
from fokkerplanck.comparison.verdict import Row, judge, verdict_on
from fokkerplanck.estimate import Estimate, NotValidHere
from fokkerplanck.plotting import COLOURS, label_groups, log_axis
from fokkerplanck.results import Density

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# (lr, batch) scanned, in multiples of the setting's own. Equal multiples share one SDE.
SHARED = ((1.0, 1.0), (0.4, 0.4), (0.1, 0.1))
SCAN = ((2.0, 1.0), (1.0, 4.0), (0.25, 1.0), (0.5, 1.0), (1.0, 0.5), (1.0, 2.0))


@dataclass(frozen=True)
class Point:
    """Strength at one (lr, batch): small-lr limit, finite-lr law, chains; `load` is the mean eta lambda."""

    lr: float
    batch: int
    limit: Estimate
    law: Estimate
    chains: Estimate
    load: float


def require_regularizer(setting: Setting) -> None:
    """NotValidHere where nothing drives the chain across the valley."""
    setting.require_noise("so no regularizer")
    law = setting.effective
    if not np.any(law.evaluate(law.floor.noise_across, setting.along)):
        raise NotValidHere("there is no noise across the valley on its floor, so no regularizer")


def scan(setting: Setting) -> tuple[Point, ...]:
    """Strengths over learning rate and batch, the setting's own first."""
    factors = (*SHARED, *SCAN[: setting.effort.scanned])
    pairs = [pair for f in factors if (pair := setting.scaled(*f)) is not None]
    points = []
    for k, (lr, batch) in enumerate(dict.fromkeys(pairs)):
        sgd = setting.sgd.with_(lr=lr, batch=batch)
        law = setting.effective.at(lr, batch)
        chains, _ = strength.measured(setting, sgd, 10 + k)
        load = float(lr * law.evaluate("curvature", setting.along).mean())
        limit, finite = strength.predicted(setting, law.small_lr), strength.predicted(setting, law)
        points.append(Point(lr, batch, limit, finite, chains, load))
        setting.report(0.5 + 0.5 * (k + 1) / len(pairs))
    return tuple(points)


def strength_rows(setting: Setting, points: tuple[Point, ...], density: Density | None) -> list[Row]:
    """Strength at each (lr, batch): limit, law and chains; the density beside the setting's own."""
    rows = []
    for p in points:
        where = {"lr": p.lr, "batch": p.batch}
        tag, quantity = (
            f"strength-{p.lr:g}-{p.batch}",
            f"strength of the regularizer at lr {p.lr:g}, batch {p.batch}",
        )
        gap = abs(p.law.value - p.limit.value)
        entries = [("theory", p.law), ("theory, SDE", p.limit.with_(model=gap))]
        if p is points[0] and density is not None:
            entries.append(
                ("density", strength.of_density(setting, density, setting.effective).with_(model=gap))
            )
        rows += [Row(f"{tag}-{level}", quantity, level, e, judge(e, p.chains), where) for level, e in entries]
        rows.append(Row(f"{tag}-SGD", quantity, "SGD", p.chains, verdict_on(p.chains, p.chains), where))
    return rows


def strength_pictures(points: tuple[Point, ...]) -> tuple[Picture, ...]:
    """The strengths against lr over batch."""
    own = points[0]

    def draw(ax: Axes) -> None:
        ordered = sorted(points, key=lambda p: p.limit.value)
        at = [p.lr / p.batch for p in ordered]
        ax.plot(at, [p.limit.value for p in ordered], "--", color=COLOURS["density"], label="SDE limit")
        ax.plot(at, [p.law.value for p in ordered], "x", color=COLOURS["theory"], label="finite-lr law", ms=7)
        for p in ordered:
            ax.errorbar(
                p.lr / p.batch, p.chains.value, p.chains.stat, fmt="o", ms=4, color=COLOURS["SGD"], capsize=2
            )
        label_groups(ax, ((p.lr / p.batch, p.chains.value, f"lr {p.lr:g}, batch {p.batch}") for p in ordered))
        ax.errorbar([], [], [], fmt="o", ms=4, color=COLOURS["SGD"], capsize=2, label="SGD chains ± 1 s.e.")
        log_axis(ax.xaxis, at)
        ax.set_yscale("log")
        ax.set_ylim(bottom=0.6 * min(p.limit.value for p in points))
        ax.set_xlabel("learning rate / batch")
        ax.set_ylabel("strength of the regularizer (loss units)")
        ax.legend(frameon=False, fontsize=8)

    return (
        Picture(
            "strength",
            "How strong the regularizer is",
            "Strength S of the drift potential -S ln F, from the drift measured along the valley: "
            "proportional to lr/batch in the SDE limit, larger at finite lr (own setting: lr "
            f"{own.lr:g}, batch {own.batch}).",
            draw,
        ),
    )
