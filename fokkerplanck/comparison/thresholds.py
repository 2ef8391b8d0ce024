"""Question 3: above which learning rate, and above which noise, does SGD diverge?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.comparison.result import Comparison, Picture
from fokkerplanck.comparison.setting import Setting
from fokkerplanck.comparison.verdict import Row, Verdict
from fokkerplanck.estimate import Estimate, NotValidHere
from fokkerplanck.plotting import COLOURS, log_axis
from fokkerplanck.sgd import SGD
from fokkerplanck.theory import DivergenceThresholds, divergence_thresholds

Array = NDArray[np.float64]

if TYPE_CHECKING:
    from matplotlib.axes import Axes

QUESTION = "Above which learning rate, and above which noise, does SGD diverge?"
HALF = 0.5  # share of chains that counts as divergence
WIDTH = 0.03  # relative width at which the bisection for the observed threshold stops
OFF = 1e-3  # share of the box, or of 1, by which chains start beside the point
LOCAL = "holds for small deviations from this point only"
KINDS = (
    ("deterministic", "lr_deterministic", "mean"),
    ("mean square", "lr_mean_square", "mean square"),
    ("almost sure", "lr_almost_sure", "almost every run"),
    ("mean square, SDE", "sde_mean_square", "mean square of the SDE"),
)


@dataclass(frozen=True)
class Observed:
    """Share of chains that diverged at each learning rate tried, and the threshold between."""

    rates: tuple[float, ...]
    shares: tuple[float, ...]
    threshold: Estimate
    chains: int
    steps: int


@dataclass(frozen=True)
class Case:
    """Thresholds at all points for one choice of the constants."""

    change: Mapping[str, float]
    sgd: SGD
    local: tuple[tuple[str, DivergenceThresholds], ...]
    observed: Observed

    @property
    def label(self) -> str:
        """The changed constants, as a person writes them; empty for the model as it stands."""
        return ", ".join(f"{n} = {v:g}" for n, v in self.change.items())


def thresholds(setting: Setting) -> Comparison:
    """Local thresholds at the given points beside what chains do, in how many steps."""
    if not setting.at:
        raise NotValidHere(
            "say at which points stability is asked: at = [{ x = 0, y = 0 }], or at=({'x': 0, 'y': 0},)"
        )
    changes: list[Mapping[str, float]] = [{}, *setting.variations]
    cases = []
    for k, change in enumerate(changes):
        sgd = setting.sgd.with_(loss=setting.sgd.loss.with_constants(**change)) if change else setting.sgd
        local = tuple((_name(p), divergence_thresholds(sgd, p)) for p in setting.at)
        cases.append(Case(change, sgd, local, observe(setting, sgd, local, 200 + 50 * k)))
        setting.report((k + 1) / len(changes))
    rows = [row for case in cases for row in _rows(case)]
    return Comparison(
        QUESTION, tuple(rows), _sentences(cases, setting.slow is not None), {}, (_picture(cases),)
    )


def observe(
    setting: Setting, sgd: SGD, local: tuple[tuple[str, DivergenceThresholds], ...], key: int
) -> Observed:
    """Bisect for the learning rate above which half of the chains diverge, started beside the first point."""
    effort = setting.effort
    start = _beside(setting, local[0][1])
    tried: dict[float, float] = {}

    def share(lr: float) -> float:
        run = sgd.with_(lr=lr).simulate(
            effort.stability_chains, effort.stability_steps, start, rng=setting.rng(key, len(tried))
        )
        tried[lr] = float(run.diverged.mean())
        return tried[lr]

    guesses = [t.lr_deterministic.value for _, t in local if np.isfinite(t.lr_deterministic.value)]
    low = 0.5 * min(guesses) if guesses else sgd.lr
    high = max(guesses, default=2 * sgd.lr)
    for _ in range(20):
        if share(low) < HALF:
            break
        low /= 2
    for _ in range(20):
        if share(high) >= HALF:
            break
        low, high = high, 2 * high
    while high / low > 1 + WIDTH:
        middle = float(np.sqrt(low * high))
        low, high = (middle, high) if share(middle) < HALF else (low, middle)
    settled = tried.get(low, 1.0) < HALF <= tried.get(high, 0.0)
    threshold = Estimate(
        0.5 * (low + high),
        disc=0.5 * (high - low),
        unit="lr",
        method=f"half of {effort.stability_chains} chains diverge within {effort.stability_steps} steps",
        status="ok" if settled else f"no threshold between lr {min(tried):.3g} and {max(tried):.3g}",
    )
    rates = tuple(sorted(tried))
    return Observed(
        rates, tuple(tried[r] for r in rates), threshold, effort.stability_chains, effort.stability_steps
    )


def _beside(setting: Setting, local: DivergenceThresholds) -> Array:
    """A little off the point in the curved directions: purely multiplicative noise never moves it off."""
    grid = setting.grid
    widths = np.ones(len(local.point)) if grid is None else np.array([a.high - a.low for a in grid.axes])
    curved = local.linear.directions
    way = np.abs(curved).max(axis=1) > 1e-8 if curved.size else np.ones(len(widths), dtype=bool)
    return np.asarray(local.point + OFF * widths * way)


def _rows(case: Case) -> list[Row]:
    suffix = f" ({case.label})" if case.label else ""
    tag = f"-{case.label}" if case.label else ""
    rows = []
    where = {"lr": case.sgd.lr, "batch": case.sgd.batch, **case.change}
    for name, t in case.local:
        for kind, attribute, what in KINDS:
            e: Estimate = getattr(t, attribute)
            verdict = Verdict("not compared", text=LOCAL) if e.ok else Verdict("invalid", text=e.status)
            quantity = f"lr, {what}, {name}{suffix}"
            rows.append(Row(f"lr-{kind}-{name}{tag}", quantity, "theory", e, verdict, where))
        scale = t.noise_scale
        for kind, e in (("mean square", scale.mean_square), ("almost sure", scale.almost_sure)):
            verdict = Verdict("not compared", text=LOCAL) if e.ok else Verdict("invalid", text=e.status)
            quantity = f"noise factor, {kind}, {name}{suffix}"
            rows.append(Row(f"noise-{kind}-{name}{tag}", quantity, "theory", e, verdict, where))
    observed = case.observed
    tried = {**where, "steps": observed.steps, "chains": observed.chains}
    rows.append(
        Row(f"lr-observed{tag}", f"lr, observed{suffix}", "SGD", observed.threshold, _bracket(case), tried)
    )
    return rows


def _bracket(case: Case) -> Verdict:
    """Chains flee from the sharp part, so the observed threshold lies between the local ones."""
    o = case.observed.threshold
    values = [t.lr_mean_square.value for _, t in case.local] + [t.lr_almost_sure.value for _, t in case.local]
    finite = [v for v in values if np.isfinite(v)]
    if not o.ok or not finite:
        return Verdict(
            "invalid", "theory", text=o.status if not o.ok else "there is no local threshold to compare with"
        )
    low, high = min(finite) - o.disc, max(finite) + o.disc
    open_above = any(t.lr_mean_square.ok and np.isnan(t.lr_almost_sure.value) for _, t in case.local)
    if o.value >= low and open_above:
        above = "not below the mean-square threshold; that of almost every run is not known"
        return Verdict("not compared", "theory", text=above)
    if low <= o.value <= high:
        return Verdict(
            "agrees", "theory", 0.0, o.disc, "lies between the local thresholds: chains leave the sharp part"
        )
    if o.value < low and case.sgd.loss.sample_hessian.free_symbols & set(case.sgd.loss.variables):
        return Verdict(
            "not compared", "theory", text="lies below the local thresholds: chains reach a sharper place"
        )
    return Verdict(
        "differs",
        "theory",
        o.value - (low if o.value < low else high),
        o.disc,
        "outside the local thresholds",
    )


def _sentences(cases: list[Case], valley: bool) -> tuple[str, ...]:
    own = cases[0]
    o = own.observed
    said = [
        f"SGD diverges above lr ≈ {o.threshold.value:.2g} within {o.steps:g} steps "
        f"(half of {o.chains} chains)."
        if o.threshold.ok
        else f"No divergence threshold was observed: {o.threshold.status}."
    ]
    said += _linear_theory(own, valley)
    for case in cases:
        name, t = min(case.local, key=lambda p: (not p[1].lr_deterministic.ok, p[1].lr_deterministic.value))
        where = f" with {case.label}" if case.label else ""
        q = t.noise_scale.mean_square
        if np.isinf(q.value):
            said.append(f"No noise is too strong{where}: the bound is infinite {_because(q)}")
        elif q.ok:
            said.append(_multiplying(f"At {name}{where}", t, case.sgd.lr))
        elif not q.ok:
            said.append(f"At {name}{where}: {q.status}.")
    return tuple(said)


def _multiplying(where: str, t: DivergenceThresholds, lr: float) -> str:
    """The thresholds of noise that multiplies, those that are known."""
    known = [(kind, getattr(t, attribute).value) for kind, attribute, _ in KINDS[:3]]
    rates = ", ".join(f"{kind} {value:.3g}" for kind, value in known if not np.isnan(value))
    sde = t.sde_mean_square.value
    beyond = "" if np.isnan(sde) else f"; the SDE alone would allow {sde:.3g}"
    scales = {"mean square": t.noise_scale.mean_square, "almost sure": t.noise_scale.almost_sure}
    folds = ", ".join(f"{e.value:.3g}-fold ({kind})" for kind, e in scales.items() if not np.isnan(e.value))
    return f"{where}: {rates}{beyond}. At lr {lr:g} the noise may grow {folds}."


def _linear_theory(case: Case, valley: bool) -> list[str]:
    """The deterministic thresholds, lowest and highest, once each."""
    known = [(t.lr_deterministic.value, name) for name, t in case.local if t.lr_deterministic.ok]
    if not known:
        return []
    (low, sharp), (high, flat) = min(known), max(known)
    if high <= low * (1 + 1e-9):
        return [f"Linear theory puts it at {low:.3g} at {' and at '.join(n for _, n in known)}."]
    run = ": between the two, chains run from the sharp to the flat part" if valley else ""
    return [f"Linear theory puts it at {low:.3g} at {sharp} and at {high:.3g} at {flat}{run}."]


def _because(e: Estimate) -> str:
    reason = next((a for a in e.assumptions if "because" in a), "")
    return reason[reason.index("because") :] if reason else "."


def _name(point: Mapping[str, float]) -> str:
    return ", ".join(f"{n} = {v:.4g}" for n, v in point.items())


def _picture(cases: list[Case]) -> Picture:
    def draw(ax: Axes) -> None:
        for case, marker, tone in zip(cases, "osD^v" * 3, (1.0, 0.55, 0.4, 0.3, 0.2) * 3, strict=False):
            o = case.observed
            label = f"observed{f' ({case.label})' if case.label else ''}"
            share = np.array(o.shares)
            error = np.sqrt(np.maximum(share * (1 - share), 0.25 / o.chains) / o.chains)
            ax.errorbar(
                o.rates,
                share,
                error,
                fmt=marker + "-",
                ms=4,
                lw=1,
                color=COLOURS["SGD"],
                alpha=tone,
                label=label,
            )
        for (name, t), style in zip(cases[0].local, ("--", ":", "-."), strict=False):
            if np.isfinite(t.lr_deterministic.value):
                ax.axvline(
                    t.lr_deterministic.value, ls=style, color=COLOURS["theory"], label=f"2/λ at {name}"
                )
        ax.set_xlabel("learning rate")
        ax.set_ylabel(f"share diverged within {cases[0].observed.steps:g} steps")
        spread = [r for r in (0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1, 2, 5) if min(cases[0].observed.rates) <= r]
        log_axis(
            ax.xaxis, [r for r in spread if r <= max(cases[0].observed.rates)] or cases[0].observed.rates
        )
        ax.set_xlim(0.8 * min(cases[0].observed.rates), 1.2 * max(cases[0].observed.rates))
        ax.legend(frameon=False, fontsize=8)

    return Picture(
        "thresholds",
        "Divergence",
        "Share of chains that diverged, against the learning rate, with the linear thresholds at the given "
        "points.",
        draw,
    )
