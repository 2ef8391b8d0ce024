"""The two wells at one setting: exact answers of the SDE and of the chain, and the number of replicas."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import fokkerplanck as fp
from fokkerplanck.theory.passage import mean_passage_time
from validation.seeds import seed

Array = NDArray[np.float64]
MODELS = Path(__file__).parents[2] / "models"
SEED = 51
FLAT, SHARP = -1.0, 1.0
NAMES = {SHARP: "sharp", FLAT: "flat"}
LR, BATCH = 0.01, 8  # of most claims
TILT = -0.05  # the sharp minimum is deeper by .1
BEYOND = 50.0  # the box ends where the loss is the barrier and so many times the noise: e^-50 lies outside


@dataclass(frozen=True)
class Size:
    """Numbers of replicas."""

    exits: int  # chains that leave a well
    paths: int  # paths of the SDE that leave it
    walkers: int  # of splitting
    chains: int  # for laws
    power: tuple[float, ...]  # barriers of the loss-proportional noise
    seed: int


def size_of(quick: bool) -> Size:
    """Numbers of replicas and the seed."""
    if quick:
        return Size(1_500, 300, 20_000, 2_000, (0.2, 0.35, 0.5), seed(SEED))
    return Size(8_000, 4_000, 60_000, 10_000, (0.2, 0.3, 0.4, 0.5), seed(SEED))


class Wells:
    """One setting, and what the SDE's exact formulas say of it; times in steps."""

    def __init__(self, batch: int, tilt: float = 0.0, lr: float = LR):
        model = fp.load(MODELS / "two_wells.toml", batch=batch, tilt=tilt, lr=lr)
        self.sgd, self.loss = model.sgd, model.sgd.loss
        self.batch, self.tilt, self.lr = batch, tilt, lr
        self._passages: dict[float, fp.Estimate] = {}
        self.noise = lr * float(self.loss.constants["sigma"]) ** 2 / (2 * batch)

    def key(self, base: int, purpose: int, start: float = SHARP) -> list[int]:
        """Seed of a run: one for each setting, purpose and start."""
        setting = [self.batch, round(1e6 * self.lr), round(-1e3 * self.tilt)]
        return [base, purpose, *setting, int(start == SHARP)]

    def height(self, x: Array) -> Array:
        """Mean loss at places (n,)."""
        return np.asarray(self.loss.evaluate(self.loss.mean, x[:, None])).ravel()

    def curvature(self, x: float) -> float:
        """Second derivative of the mean loss."""
        return float(self.loss.evaluate(self.loss.hessian, np.array([[x]]))[0, 0, 0])

    @cached_property
    def barrier(self) -> float:
        """Where the loss is highest between the minima."""
        x = np.linspace(FLAT, SHARP, 200_001)
        return float(x[np.argmax(self.height(x))])

    @cached_property
    def ends(self) -> tuple[float, float]:
        """Where no law has anything beyond."""
        x = np.linspace(-3.0, 3.0, 60_001)
        inside = x[self.height(x) < self.height(np.array([self.barrier]))[0] + BEYOND * self.noise]
        return float(inside[0]), float(inside[-1])

    @cached_property
    def grid(self) -> fp.Grid:
        """For density and transition operator."""
        return fp.Grid(x=(*self.ends, 512))

    def rise(self, start: float) -> float:
        """Height of the barrier over a minimum."""
        top, bottom = self.height(np.array([self.barrier, start]))
        return float(top - bottom)

    def passage(self, start: float) -> float:
        """Exact mean time of the SDE from one minimum to the other."""

        def coefficients(x: Array) -> tuple[Array, Array]:
            slope = np.asarray(self.loss.evaluate(self.loss.gradient, x[:, None])).reshape(len(x))
            return -slope, np.full(len(x), self.noise)

        low, high = (FLAT, self.ends[1]) if start == SHARP else (self.ends[0], SHARP)
        found = mean_passage_time(coefficients, start, low, high, absorbing=(start == SHARP, start == FLAT))
        return found.value / self.lr

    def kramers(self, start: float) -> float:
        """Kramers' time from one minimum to the other."""
        product = self.curvature(start) * abs(self.curvature(self.barrier))
        return float(2 * np.pi / np.sqrt(product) * np.exp(self.rise(start) / self.noise) / self.lr)

    @cached_property
    def law(self) -> tuple[Array, Array]:
        """Midpoints and probabilities of the SDE's stationary law exp(-L/D)."""
        x = np.linspace(*self.ends, 40_001)
        x = 0.5 * (x[1:] + x[:-1])
        weight = np.exp(-(self.height(x) - self.height(np.array([FLAT, SHARP])).min()) / self.noise)
        return x, weight / weight.sum()

    @property
    def flat_share(self) -> float:
        """Share of the flat minimum in the SDE's stationary law."""
        x, p = self.law
        return float(p[x < self.barrier].sum())

    @property
    def relaxation(self) -> float:
        """Steps in which the SDE forgets the minimum it started in."""
        return 1 / (1 / self.passage(SHARP) + 1 / self.passage(FLAT))

    @cached_property
    def chain(self) -> fp.TransitionOperator:
        """The chain itself on the grid, without sampling."""
        return self.sgd.transition(self.grid)

    @cached_property
    def chain_law(self) -> fp.Density:
        """Its stationary law."""
        return self.chain.stationary()

    @cached_property
    def chain_share(self) -> float:
        """Share of the flat minimum in it."""
        share = self.chain_law.probability(f"x < {self.barrier!r}")
        if not share.ok or share.disc > 1e-3:
            raise ValueError(f"the operator does not resolve batch {self.batch}: {share}")
        return share.value

    def chain_grown(self, steps: list[int]) -> list[fp.Estimate]:
        """The same after so many steps, at least one each, from the sharp minimum.

        There the slope is 0: the law after the first step is a Gaussian, with which the operator goes on.
        """
        first = f"exp(-(x - {SHARP!r})**2/{4 * self.lr * self.noise!r})"
        found = [
            law.probability(f"x < {self.barrier!r}")
            for law in self.chain.evolve(first, [k - 1 for k in steps])
        ]
        if not all(e.ok for e in found):
            raise ValueError(f"the operator does not resolve batch {self.batch}: {found}")
        return found

    def chain_passage(self, start: float) -> fp.Estimate:
        """Its mean number of steps from one minimum to the other."""
        if start not in self._passages:
            self._passages[start] = self.chain.exit_time(self.way(start)).at(x=start)
        return self._passages[start]

    def way(self, start: float) -> str:
        """The region that ends at the other minimum."""
        return f"x > {FLAT:g}" if start == SHARP else f"x < {SHARP:g}"


@cache
def wells(batch: int, tilt: float = 0.0, lr: float = LR) -> Wells:
    """One setting, read once."""
    return Wells(batch, tilt, lr)
