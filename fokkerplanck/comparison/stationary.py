"""Means and variances of the stationary law at every level."""

from __future__ import annotations

import numpy as np

from fokkerplanck.comparison.result import Comparison, Picture
from fokkerplanck.comparison.setting import Setting
from fokkerplanck.comparison.verdict import Row, Verdict, choose_reference, judge, verdict_on
from fokkerplanck.estimate import Estimate, NotValidHere
from fokkerplanck.exits import adiabatic_gap, with_gap
from fokkerplanck.results import Density

SHORTEST = 500  # steps


def stationary(setting: Setting) -> Comparison:
    """First two moments of each variable: SDE on a grid against the chain on a grid and simulated chains."""
    setting.require_noise("so the stationary law has no density: SGD settles in a minimum or diverges")
    sgd, effort = setting.sgd, setting.effort
    names = sgd.names
    box = setting.box
    density = setting.generator.stationary()
    setting.report(0.3)
    chain: Density | None = None
    refused = ""
    try:
        chain = setting.chain.stationary()
    except NotValidHere as error:
        refused = str(error)
    setting.report(0.6)
    # Chains start from the SDE's law and run until its slowest mode has decayed to 1 %, within the budget.
    rng = np.random.default_rng(setting.rng(1))
    cells = rng.choice(box.size, size=effort.chains, p=np.maximum(density.masses, 0) / density.masses.sum())
    start = box.points()[cells] + (rng.random((effort.chains, box.ndim)) - 0.5) * box.spacing
    slow = sgd.sde().generator(box.coarsen()).spectrum(2).rates[1].value
    wanted = int(np.ceil(5.0 / (slow * sgd.lr)))
    # A chain that diverges where its SDE settles at once needs time to show it.
    steps = min(max(wanted, SHORTEST), 2_000_000_000 // effort.chains // 10)
    run = sgd.simulate(effort.chains, steps, start, rng=setting.rng(2))
    periodic = [a.name for a in box.axes if a.periodic]
    middle = {a.name: (a.low + a.high) / 2 for a in box.axes}
    gap = max(adiabatic_gap(sgd, dict(zip(names, p, strict=True))) for p in start[:50])
    rows = []
    for n in names:
        measures = [(f"<{n}>", n), (f"<{n}²>", f"{n}**2")]
        if n in periodic:
            period = box[n].high - box[n].low
            turn = f"2*pi*({n} - {middle[n]!r})/{period!r}"
            measures = [(f"<cos> of {n}", f"cos({turn})"), (f"<cos²> of {n}", f"cos({turn})**2")]
        for quantity, formula in measures:
            sampled = run.mean(formula)
            if steps < wanted and sampled.ok:
                sampled = sampled.with_(
                    status=f"the chains ran {steps} steps of the {wanted} they need to settle"
                )
            exact = None
            if chain is not None:
                exact = chain.mean(formula).with_(assumptions=setting.chain_assumptions)
            reference = choose_reference(sampled, exact)
            e = density.mean(formula)
            e = with_gap(e, gap)
            # A mean near 0 is judged on the scale of its own spread.
            spread = float(np.sqrt(max(density.mean(f"({formula})**2").value - e.value**2, 0.0)))
            verdict = judge(e, reference, scale=spread)
            rows.append(Row(f"{formula}-density", quantity, "density", e, verdict, setting.parameters()))
            if exact is not None:
                verdict = verdict_on(exact, reference, scale=spread)
                rows.append(
                    Row(f"{formula}-grid", quantity, "SGD, grid", exact, verdict, setting.parameters())
                )
            verdict = verdict_on(sampled, reference, scale=spread)
            rows.append(Row(f"{formula}-SGD", quantity, "SGD", sampled, verdict, setting.parameters()))
    if chain is None:
        none = Estimate(np.nan, method="transition operator", status=refused)
        rows.append(Row("grid", "stationary law", "SGD, grid", none, Verdict("invalid", "SGD", text=refused)))
    setting.report(1.0)
    note = "SGD differs from its SDE by about lr times curvature over 2."
    pictures: tuple[Picture, ...] = ()
    if box.ndim <= 2:
        pictures = (
            Picture(
                "density",
                "Stationary density",
                "Stationary density of the SDE.",
                lambda ax: _draw(density, ax),
            ),
        )
    return Comparison("What is the stationary law?", tuple(rows), (note,), {}, pictures, {"density": density})


def _draw(density: Density, ax: object) -> None:
    density.plot(ax)  # type: ignore[arg-type]
