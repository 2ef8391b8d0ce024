"""How the mean exit time scales with the noise: theory, density and chains over learning rate and batch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from fokkerplanck.comparison import floor
from fokkerplanck.comparison.result import Picture
from fokkerplanck.comparison.setting import Setting
from fokkerplanck.comparison.verdict import Row, attempt, judge, verdict_on
from fokkerplanck.estimate import Estimate, combine_status
from fokkerplanck.exits import adiabatic_gap, with_gap
from fokkerplanck.passages import from_passages
from fokkerplanck.plotting import COLOURS, label_groups, log_axis
from fokkerplanck.sgd import SGD

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SCAN = ((1.0, 0.5), (1.0, 2.0), (1.0, 4.0), (0.4, 1.0))  # multiples of (lr, batch)


@dataclass(frozen=True)
class Point:
    """Exit at one (lr, batch): times in steps."""

    sgd: SGD
    law: Estimate
    limit: Estimate
    density: Estimate
    chains: Estimate

    @property
    def noise(self) -> float:
        """Learning rate over batch: the noise strength Delta up to a constant of the loss."""
        return float(self.sgd.lr / self.sgd.batch)

    @property
    def gap(self) -> float:
        """Between the chain and its SDE by theory, in steps; 0 where theory has no word."""
        return abs(self.law.value - self.limit.value) if self.law.ok and self.limit.ok else 0.0


def scan(setting: Setting, own: Point) -> list[Point]:
    """Exits over learning rate and batch, the setting's own first."""
    points = [own]
    for k, factors in enumerate(SCAN[: setting.effort.scanned]):
        if (pair := setting.scaled(*factors)) is None:
            continue
        sgd = setting.sgd.with_(lr=pair[0], batch=pair[1])
        time = attempt(lambda sgd=sgd: _by_density(setting, sgd), "density", "time")  # type: ignore[misc]
        points.append(measure(setting, sgd, time, setting.effort.scan_exits, 101 + k))
        setting.report(0.6 + 0.4 * (k + 1) / setting.effort.scanned)
    return points


def _by_density(setting: Setting, sgd: SGD) -> Estimate:
    return sgd.sde().generator(setting.box).exit_time(setting.region).at(**setting.x0)


def measure(setting: Setting, sgd: SGD, time: Estimate, n: int, key: int) -> Point:
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
    return replace(p, density=for_chain(setting, p, p.density))


def for_chain(setting: Setting, p: Point, of_sde: Estimate) -> Estimate:
    """A time of the SDE, quoted for the chain: by theory, else by the largest curvature in the region."""
    if p.law.ok and p.limit.ok:
        return of_sde.with_(model=of_sde.model + p.gap)
    return with_gap(of_sde, max(adiabatic_gap(p.sgd, at) for at in floor.inside(setting)))


def _cutoff(expected: Estimate, sgd: SGD, n: int) -> int:
    """Steps after which runs are cut off: twenty expected times, if theory has one, within the budget."""
    # Without an expected time there may be none (an open valley): a tenth of the work must do.
    budget = max(1_000, (2_000_000_000 if np.isfinite(expected.value) else 200_000_000) // n)
    guess = 20 * expected.value / sgd.lr if np.isfinite(expected.value) else np.inf
    return int(min(max(guess, 1_000), budget))


def scaling_rows(points: list[Point]) -> list[Row]:
    """Time (not steps) times lr/batch: constant for the SDE; for the chain as the finite-lr law says."""
    rows = []
    base = points[0]
    for p in points[1:]:
        where = {"lr": p.sgd.lr, "batch": p.sgd.batch}
        tag = f"scaling-{p.sgd.lr:g}-{p.sgd.batch}"
        quantity = f"exit time x lr/batch, over that of the setting (lr {p.sgd.lr:g}, batch {p.sgd.batch})"

        def ratio(a: Estimate, b: Estimate, p: Point = p, of_sde: bool = False) -> Estimate:
            factor = p.noise * p.sgd.lr / (base.noise * base.sgd.lr)
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


def scaling_picture(points: list[Point]) -> Picture:
    """Exit time times lr/batch against the noise."""

    def draw_scaling(ax: Axes) -> None:
        ordered = sorted(points, key=lambda p: p.noise)
        x = [p.noise for p in ordered]
        for name, key, style, colour in (
            ("SDE limit", "limit", "--", COLOURS["theory"]),
            ("finite-lr law, edge moved", "law", "x", COLOURS["theory"]),
            ("density (SDE on a grid)", "density", "s", COLOURS["density"]),
        ):
            y = [getattr(p, key).value * p.sgd.lr * p.noise for p in ordered]
            ax.plot(x, y, style, color=colour, label=name, ms=7, mfc="none")
        y = [p.chains.value * p.sgd.lr * p.noise for p in ordered]
        e = [p.chains.error * p.sgd.lr * p.noise for p in ordered]
        ax.errorbar(x, y, e, fmt="o", ms=4, color=COLOURS["SGD"], capsize=2, label="SGD chains ± 1 s.e.")
        label_groups(
            ax,
            ((p.noise, v, f"lr {p.sgd.lr:g}\nbatch {p.sgd.batch}") for p, v in zip(ordered, y, strict=True)),
        )
        log_axis(ax.xaxis, x)
        ax.set_xlabel("learning rate / batch")
        ax.set_ylabel("exit time × lr / batch")
        ax.legend(frameon=False, fontsize=8)

    return Picture(
        "escape",
        "Time to the flat part against the noise",
        "Mean exit time times lr/batch. For the SDE it is the same at every noise strength; SGD departs "
        "from it at finite lr as predicted (labels: lr, batch).",
        draw_scaling,
    )
