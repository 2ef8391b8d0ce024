"""Question 1: what regularizer does SGD add?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import sympy
from numpy.typing import NDArray

from fokkerplanck.comparison import slopes
from fokkerplanck.comparison.result import Comparison, Picture
from fokkerplanck.comparison.setting import Setting
from fokkerplanck.comparison.strength_scan import (
    Point,
    require_regularizer,
    scan,
    strength_pictures,
    strength_rows,
)
from fokkerplanck.comparison.verdict import Row, Verdict, choose_reference, verdict_on
from fokkerplanck.estimate import Estimate
from fokkerplanck.plotting import COLOURS
from fokkerplanck.results import Density
from fokkerplanck.theory import EffectiveLoss

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]
QUESTION = "What regularizer does SGD add?"


def regularizer(setting: Setting, points: tuple[Point, ...] | None = None) -> Comparison:
    """Drift potential, marginal and joint correction, kept apart, at every level."""
    require_regularizer(setting)
    law = setting.effective
    valid = law.validity(setting.along)
    if law.marginal is None or valid != "ok":
        return _without_stationary_law(setting, law, valid)
    density = setting.generator.stationary()
    setting.report(0.1)
    try:
        chain, refused = setting.chain.stationary(), ""
    except ValueError as error:
        chain, refused = None, str(error)
    setting.report(0.2)
    states, status = slopes.stationary_states(setting, law, 1)
    points = scan(setting) if points is None else points
    rows = []
    sampled = slopes.of_states(setting, states, law, f"SGD chains, {len(states)} replicas")
    sampled = tuple(e if status == "ok" else Estimate(np.nan, status=status) for e in sampled)  # type: ignore[assignment]
    limit, finite = slopes.of_theory(setting, law.small_lr), slopes.of_theory(setting, law)
    grid = slopes.of_density(setting, density, law)
    exact = None if chain is None else slopes.of_density(setting, chain, law)
    if exact is not None:
        said = setting.chain_assumptions
        exact = (exact[0].with_(assumptions=said), exact[1].with_(assumptions=said))
    names = (
        ("marginal", "slope of ln p against ln F"),
        ("joint", f"slope of ln P({setting.slow}, floor) against ln F"),
    )
    for k, (tag, quantity) in enumerate(names):
        reference = choose_reference(sampled[k], None if exact is None else exact[k])
        gap = abs(finite[k].value - limit[k].value)
        entries = [
            ("theory", finite[k], "finite-lr law"),
            ("theory, SDE", limit[k].with_(model=limit[k].model + gap), "SDE limit"),
            ("density", grid[k].with_(model=gap), "finite volumes"),
            ("SGD", sampled[k], "chains"),
        ]
        if exact is not None:
            entries.append(("SGD, grid", exact[k], "transition operator"))
        for level, estimate, _ in entries:
            verdict = verdict_on(estimate, reference)
            rows.append(Row(f"{tag}-{level}", quantity, level, estimate, verdict, setting.parameters()))
    if chain is None:
        note = Estimate(np.nan, method="transition operator", status=refused)
        rows.append(
            Row("marginal-SGD, grid", names[0][1], "SGD, grid", note, Verdict("invalid", "SGD", text=refused))
        )
    rows += strength_rows(setting, points, density)
    return Comparison(
        QUESTION,
        tuple(rows),
        _sentences(setting, law, points),
        _formulas(law),
        _pictures(setting, law, density, chain, states, points),
        {"density": density, **({} if chain is None else {"chain": chain})},
    )


def _without_stationary_law(setting: Setting, law: EffectiveLoss, valid: str) -> Comparison:
    """Only the drift can be judged where the noise vanishes on a line or the valley oscillates."""
    reason = valid if valid != "ok" else law.reasons["marginal"]
    none = Estimate(np.nan, method="finite-lr law", status=reason)
    rows = [
        Row(
            "marginal-theory",
            "slope of ln p against ln F",
            "theory",
            none,
            Verdict("invalid", "SGD", text=reason),
        )
    ]
    points: tuple[Point, ...] = ()
    if valid == "ok":
        points = scan(setting)
        rows += strength_rows(setting, points, None)
    pictures = strength_pictures(points) if points else ()
    return Comparison(
        QUESTION, tuple(rows), (reason[0].upper() + reason[1:] + ".",), _formulas(law), pictures
    )


def _formulas(law: EffectiveLoss) -> dict[str, str]:
    def show(expr: Any, name: str) -> str:
        return str(sympy.latex(expr)) if expr is not None else rf"\text{{{law.reasons[name]}}}"

    return {
        "drift potential V(x)": show(law.drift_potential, "drift_potential"),
        "drift potential, small lr": show(law.small_lr.drift_potential, "drift_potential"),
        "marginal p(x), not normalised": show(law.marginal, "marginal"),
        "joint correction L_SGD, small lr": show(law.small_lr.joint_correction, "joint_correction"),
        "flatness F": show(law.flatness, "flatness"),
    }


def _sentences(setting: Setting, law: EffectiveLoss, points: tuple[Point, ...]) -> tuple[str, ...]:
    own = points[0]
    x = setting.along
    curvature = law.evaluate("curvature", x)
    flat = float(x[int(np.argmin(curvature))])
    kappa = law.anisotropy
    said = [
        f"SGD drifts towards flat places: the drift potential is -S ln F with S = {own.chains} at lr "
        f"{own.lr:g}, batch {own.batch}; its SDE says {own.limit.value:.4g}.",
        f"The flattest place is {setting.slow} = {flat:.3g} (F = {curvature.min() ** -0.5:.3g}, lambda = "
        f"{curvature.min():.3g}); the sharpest has F = {curvature.max() ** -0.5:.3g}, lambda = "
        f"{curvature.max():.3g}.",
    ]
    shared = [p for p in points if abs(p.lr / p.batch - own.lr / own.batch) < 1e-12]
    if len(shared) > 1:
        parts = []
        for p in shared:
            gap = p.law.value - p.limit.value
            seen = 3 * p.chains.stat < abs(gap)
            parts.append(
                f"lr {p.lr:g}, batch {p.batch}: {p.chains.value / p.limit.value - 1:+.1%} "
                f"(± {p.chains.stat / p.limit.value:.1%}; predicted {gap / p.limit.value:+.1%}"
                + ("" if seen else "; no power to see it")
                + ")"
            )
        said.append("Chains that share one SDE exceed its strength by: " + "; ".join(parts) + ".")
    if kappa is not None:
        number = float(law.evaluate(kappa, 0.0))
        said.append(
            f"The marginal p ~ F^kappa with kappa = {number:g} in the SDE limit says how sharply the law "
            "concentrates, not how strong the regularizer is: where the floor is level it does not depend on "
            "the noise strength."
        )
    return tuple(said)


def _pictures(
    setting: Setting,
    law: EffectiveLoss,
    density: Density,
    chain: Density | None,
    states: Array,
    points: tuple[Point, ...],
) -> tuple[Picture, ...]:
    slow = str(setting.slow)
    axis = setting.box[slow]
    column = setting.sgd.names.index(slow)

    def draw_marginal(ax: Axes) -> None:
        x = axis.centres
        for level, label, style in (
            (law.small_lr, "theory, SDE limit", "--"),
            (law, "theory, finite lr", "-"),
        ):
            p = level.evaluate("marginal", x)
            ax.plot(x, p / (p.sum() * axis.spacing), style, color=COLOURS["theory"], label=label)
        m = density.marginal(slow)
        ax.plot(x, m.values, color=COLOURS["density"], lw=1, label="density (SDE on a grid)")
        if chain is not None:
            c = chain.marginal(slow)
            ax.plot(
                c.grid[slow].centres, c.values, ":", color=COLOURS["transition"], lw=2, label="SGD on a grid"
            )
        sample = states[:, -1, column]
        if axis.periodic:
            sample = axis.low + np.mod(sample - axis.low, axis.high - axis.low)
        faces = np.linspace(axis.low, axis.high, 41)
        counts, _ = np.histogram(sample, faces)
        scale = 1 / (len(sample) * np.diff(faces))
        middle = 0.5 * (faces[1:] + faces[:-1])
        ax.errorbar(
            middle,
            counts * scale,
            np.sqrt(counts) * scale,
            fmt=".",
            color=COLOURS["SGD"],
            capsize=2,
            label="SGD chains ± 1 s.e.",
        )
        ax.set_xlabel(f"{slow} (along the valley)")
        ax.set_ylabel(f"stationary density p({slow})")
        ax.legend(frameon=False, fontsize=8)

    def draw_density(ax: Axes) -> None:
        density.plot(ax, cmap="magma_r")
        ax.set_title("stationary density of the SDE", fontsize=9)

    title = f"lr {setting.sgd.lr:g}, batch {setting.sgd.batch}"
    return (
        Picture(
            "marginal",
            f"Where SGD spends its time ({title})",
            "Stationary law along the valley: theory, the SDE on a grid, the chain on a grid, and simulated "
            "chains. SGD is more concentrated on the flat part than its SDE.",
            draw_marginal,
        ),
        *strength_pictures(points),
        Picture(
            "density",
            f"The valley ({title})",
            "Stationary density of the SDE over the whole valley.",
            draw_density,
        ),
    )
