"""The model of the valley at one kappa, with its theory, and how many replicas are spent on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

import numpy as np

import fokkerplanck as fp
from fokkerplanck.comparison.ask import setting_of
from fokkerplanck.comparison.setting import Setting
from fokkerplanck.theory import EffectiveLoss

MODEL = Path(__file__).parents[2] / "models" / "flat_valley.toml"
SEED = 11
EDGE = 2 * np.pi / 3


@dataclass(frozen=True)
class Size:
    """Numbers of replicas."""

    chains: int  # for slopes
    settle: float  # relaxation times before the first snapshot
    exits: Mapping[int, int] = field(hash=False)  # for the time to flatness, by kappa
    slow_exits: int  # the same at lr = .001
    strength: int
    seed: int = SEED


FULL = Size(chains=24_000, settle=4.0, exits={4: 30_000, 2: 60_000}, slow_exits=200, strength=80_000)
QUICK = Size(chains=4_000, settle=2.5, exits={4: 8_000}, slow_exits=40, strength=6_000)


def within(bound: float) -> str:
    """The criterion in words."""
    return f"within {bound:.1f} standard errors of the finite-lr law"


class Valley:
    """The model at one kappa, with its theory."""

    def __init__(self, kappa: float, lr: float = 0.01, batch: int = 10):
        self.model = fp.load(MODEL, kappa=kappa, lr=lr, batch=batch)
        self.sgd = self.model.sgd
        self.kappa = kappa

    @cached_property
    def grid(self) -> fp.Grid:
        if self.model.grid is None:
            raise ValueError(f"{MODEL} has no [grid]")
        return self.model.grid

    @cached_property
    def setting(self) -> Setting:
        return setting_of(self.model)

    @cached_property
    def law(self) -> EffectiveLoss:
        return fp.effective_loss(self.sgd, slow="x")

    def slopes(self, finite: bool) -> tuple[float, float]:
        """p-weighted slopes by theory."""
        return (self.law if finite else self.law.small_lr).log_slopes(self.grid["x"].centres)

    def passage(self, finite: bool) -> float:
        """Time from the sharpest place to the edge, in steps, by theory."""
        law = self.law if finite else self.law.small_lr
        return law.passage_time(0.0, (-EDGE, EDGE), edge_shift=finite).value / self.sgd.lr


@cache
def valley(kappa: float, lr: float = 0.01, batch: int = 10) -> Valley:
    """One model, read once."""
    return Valley(kappa, lr, batch)
