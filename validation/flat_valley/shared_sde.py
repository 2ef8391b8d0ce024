"""Three chains that share one SDE, and differ from it by what theory says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

import fokkerplanck as fp
from fokkerplanck.comparison import strength
from fokkerplanck.comparison.setting import Setting
from validation.claim import Claim, Finding
from validation.flat_valley.system import SEED, Size, valley, within
from validation.judging import ALARM, DETERMINISTIC, exact, judged, sigmas

SHARED = ((0.01, 10), (0.004, 4), (0.001, 1))  # (lr, batch)


def claims(size: Size) -> Iterator[Claim]:
    """The SDE is one; the strength of the regularizer is not."""
    yield _one_sde()
    yield from (_strength(lr, batch, k, size) for k, (lr, batch) in enumerate(SHARED))


def _one_sde() -> Claim:
    def test() -> Finding:
        points = np.stack(np.meshgrid(np.linspace(-3, 3, 13), np.linspace(-0.4, 0.4, 9)), -1).reshape(-1, 2)
        reference, *others = [valley(4, lr, batch).sgd.sde().coefficients(points) for lr, batch in SHARED]
        off = max(
            float(np.abs(a - b).max()) for other in others for a, b in zip(reference, other, strict=True)
        )
        return exact(off, 0.0, 1e-15)

    return Claim(
        "one-sde",
        "(lr, batch) = (.01, 10), (.004, 4), (.001, 1) share one SDE",
        "drift and diffusion equal: largest difference 0",
        "coefficients at 117 points",
        "largest difference below 1e-15",
        DETERMINISTIC,
        test,
    )


def _strength(lr: float, batch: int, key: int, size: Size) -> Claim:
    v = valley(4, lr, batch)
    law = strength.predicted(v.setting, v.law).value
    limit = strength.predicted(v.setting, v.law.small_lr).value
    effort = replace(_with(v.setting, strength_chains=size.strength), seed=size.seed - SEED)
    measure: Callable[[], fp.Estimate] = lambda: strength.measured(effort, v.sgd, 40 + key)[0]  # noqa: E731
    bound = sigmas(blocks=20)
    return Claim(
        f"strength-{lr:g}",
        f"At lr {lr:g}, batch {batch} the regularizer is stronger than its SDE's by eta lambda/2",
        f"S = {law:.5f}, {law / limit - 1:+.1%}; its SDE {limit:.5f}",
        f"drift of {size.strength} chains spread along the valley, 12 snapshots, 20 blocks of replicas",
        f"{within(bound)}; the gap to the SDE above that, else no power",
        ALARM,
        lambda: judged(measure(), law, bound, limit),
    )


def _with(setting: Setting, **effort: Any) -> Setting:
    return replace(setting, effort=replace(setting.effort, **effort))
