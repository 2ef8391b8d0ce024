"""Tiny models that questions are put to, at an effort of a second."""

from __future__ import annotations

from functools import cache

import fokkerplanck as fp
from fokkerplanck.comparison.setting import Effort, Setting

SMALL = Effort(
    chains=400,
    strength_chains=200,
    exits=200,
    path_exits=20,
    scan_exits=40,
    stability_chains=20,
    stability_steps=400,
    burn_in=50,
    snapshots=2,
    cells=48,
    cells_per_step=0.6,
)


@cache
def quadratic(lr: float = 0.2) -> fp.SGD:
    loss = fp.Loss("h*x**2/2 - s*x", ("x",), {"s": fp.Normal(0, 1)}, constants={"h": 1.0})
    return fp.SGD(loss, lr=lr)


@cache
def valley() -> fp.SGD:
    loss = fp.Loss(
        "lam/2*y**2 - sy*y - sx*x",
        ("x", "y"),
        {"sy": fp.Normal(0, 10), "sx": fp.Normal(0, 5)},
        where={"lam": "20*exp(0.5*cos(x))"},
    )
    return fp.SGD(loss, lr=0.01, batch=10)


BOX = fp.Grid(x=("-pi", "pi", 48), y=(-0.45, 0.45, 48), boundary={"x": "periodic"})


def setting(**changes: object) -> Setting:
    given: dict[str, object] = {"grid": BOX, "slow": "x", "effort": SMALL}
    return Setting(valley(), **(given | changes))  # type: ignore[arg-type]
