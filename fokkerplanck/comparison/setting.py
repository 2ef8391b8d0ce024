"""What a question is asked of, and how much work may be spent on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.estimate import Estimate, NotValidHere
from fokkerplanck.grid import Grid
from fokkerplanck.operators import Generator, TransitionOperator
from fokkerplanck.results import Density
from fokkerplanck.sgd import SGD
from fokkerplanck.theory import EffectiveLoss, check_plain, effective_loss

Array = NDArray[np.float64]
Progress = Callable[[float], None]


@dataclass(frozen=True)
class Effort:
    """Numbers of replicas and cells; statistical errors shrink with the square root of the first ones."""

    chains: int = 16_000
    strength_chains: int = 8_000
    exits: int = 6_000
    path_exits: int = 600
    scan_exits: int = 1_200
    stability_chains: int = 200
    stability_steps: int = 50_000
    burn_in: int = 6_000
    snapshots: int = 3
    cells: int = 256
    cells_per_step: float = 1.2
    scanned: int = 6  # settings of (lr, batch) beside the own one and those that share its SDE


FULL = Effort()
QUICK = Effort(
    chains=1_200,
    strength_chains=600,
    exits=300,
    path_exits=16,
    scan_exits=50,
    stability_chains=30,
    stability_steps=10_000,
    burn_in=2_000,
    snapshots=2,
    cells=96,
    cells_per_step=1.0,
    scanned=2,
)


@dataclass(frozen=True)
class Setting:
    """The algorithm, the grid and the numbers of a question.

    ``span`` of the slow variable is its axis on the grid.
    """

    sgd: SGD
    grid: Grid | None = None
    slow: str | None = None
    at: tuple[Mapping[str, float], ...] = ()
    variations: tuple[Mapping[str, float], ...] = ()
    region: str = ""
    x0: Mapping[str, float] = field(default_factory=dict)
    effort: Effort = FULL
    seed: int = 0
    progress: Progress | None = None

    def rng(self, *key: int) -> np.random.SeedSequence:
        """Seed of one ensemble: the same number never feeds two."""
        return np.random.SeedSequence(self.seed, spawn_key=key)

    def report(self, fraction: float) -> None:
        """Tell how much of the question is done."""
        if self.progress is not None:
            self.progress(fraction)

    def require_plain(self, what: str) -> None:
        """NotValidHere for momentum, or a loss without a formula: there are no levels to compare."""
        check_plain(self.sgd, what)

    def require_noise(self, consequence: str) -> None:
        """NotValidHere where no sample changes the gradient, with what follows from it."""
        loss = self.sgd.loss
        numbers = dict(zip(loss.parameters, loss.parameter_values.tolist(), strict=True))
        if loss.covariance.subs(numbers).is_zero_matrix:
            raise NotValidHere(f"there is no noise, {consequence}")

    @cached_property
    def effective(self) -> EffectiveLoss:
        """The effective loss; NotValidHere without a slow direction or a valley."""
        if self.slow is None:
            raise NotValidHere("name the slow direction: slow = 'x' under [questions], or slow= in a call")
        try:
            return effective_loss(self.sgd, self.slow)
        except ValueError as error:
            raise NotValidHere(str(error)) from error

    @cached_property
    def box(self) -> Grid:
        """The grid of the model, or one found for its SDE, at the effort's resolution."""
        if self.grid is None:
            return Grid.auto(self.sgd.sde(), cells=self.effort.cells)
        share = min(1.0, self.effort.cells / max(self.grid.shape))
        return self.grid if share == 1.0 else self.grid.coarsen(share)

    @cached_property
    def chain_grid(self) -> Grid:
        """The same box, cells about as wide as a step's standard deviation; odd, so that 0 is a centre."""
        ranges: dict[str, Any] = {a.name: (a.low, a.high, a.ends) for a in self.box.axes}
        auto = self.sgd.auto_grid(per_step=self.effort.cells_per_step, **ranges)
        axes = {a.name: (a.low, a.high, a.cells | 1 if not a.periodic else a.cells) for a in auto.axes}
        return Grid(boundary={a.name: a.ends for a in auto.axes}, **axes)

    @cached_property
    def generator(self) -> Generator:
        """The SDE on the box."""
        return self.sgd.sde().generator(self.box)

    @cached_property
    def survivors(self) -> tuple[Density, Estimate]:
        """Law of those that have stayed in the region, and the rate at which they leave: of the SDE."""
        return self.generator.quasi_stationary(self.region)

    @cached_property
    def chain(self) -> TransitionOperator:
        """The chain on its grid; NotValidHere where no grid resolves its step."""
        return self.sgd.transition(self.chain_grid)

    @property
    def chain_assumptions(self) -> tuple[str, ...]:
        """What the chain on its grid assumes about its steps; empty where they are exact."""
        return tuple(getattr(self.chain, "assumptions", ()))

    @cached_property
    def along(self) -> Array:
        """Points along the valley, at the cell centres of the grid."""
        return self.box[str(self.slow)].centres

    @property
    def fast(self) -> str:
        """The direction across the valley."""
        (name,) = [n for n in self.sgd.names if n != self.slow]
        return name

    def floor_at(self, x: Array) -> Array:
        """Points (n, 2) on the floor of the valley."""
        y = float(self.effective.evaluate(self.effective.floor.position, 0.0))
        columns = {str(self.slow): np.asarray(x, dtype=float), self.fast: np.full(np.shape(x), y)}
        return np.stack([columns[n] for n in self.sgd.names], axis=1)

    def scaled(self, rate: float, batch: float) -> tuple[float, int] | None:
        """The learning rate and the batch times given factors; None where that is no whole batch."""
        size = self.sgd.batch * batch
        whole = abs(size - round(size)) < 1e-9 and round(size) >= 1
        return (self.sgd.lr * rate, round(size)) if whole else None

    def parameters(self, **more: Any) -> dict[str, Any]:
        """What a row quotes: learning rate, batch and whatever the question adds."""
        return {"lr": self.sgd.lr, "batch": self.sgd.batch, **more}
