"""The well on a line: its gradient, its geometry, and the density that steps carry along."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

import fokkerplanck as fp

Array: TypeAlias = NDArray[np.float64]
MODELS = Path(__file__).parents[2] / "models"
REACH = 4.0  # starts are uniform on (-REACH, REACH)
SEED = 41


@cache
def chain(lr: float, sigma: float = 0.0) -> fp.SGD:
    """Gradient descent on the line with a step, and with noise if asked for."""
    return fp.load(MODELS / "large_steps.toml", lr=lr, sigma=sigma).sgd


@cache
def plane_chain(lr: float) -> fp.SGD:
    """Gradient descent among the sixteen dips."""
    return fp.load(MODELS / "large_steps_plane.toml", lr=lr).sgd


def descent(sgd: fp.SGD, steps: int, starts: Array) -> Array:
    """States after `steps` noiseless steps from each of the starts."""
    run = sgd.simulate(len(starts), steps, starts, rng=0)
    if run.diverged.any():
        raise ValueError(run.status)
    return np.asarray(run.final)


@dataclass(frozen=True)
class Well:
    """The sharp minimum on the line; lengths follow from its place, sharpness and ramp."""

    a: float
    K: float
    d: float

    @classmethod
    def of_model(cls) -> Well:
        constants = fp.load(MODELS / "large_steps.toml").loss.constants
        return cls(*(float(constants[name]) for name in ("a", "K", "d")))

    @property
    def r(self) -> float:
        """Half its width: there K r = a + r, so that the gradient is continuous."""
        return self.a / (self.K - 1)

    @property
    def ramp(self) -> float:
        """Where the gradient begins to fall."""
        return self.a - self.r - self.d

    @property
    def barrier(self) -> float:
        """Zero of the ramp: gradient flow from beyond it ends in the well."""
        return self.ramp + self.d * self.ramp / (self.ramp + self.K * self.r)

    @property
    def flow_share(self) -> float:
        """Share of uniform starts below the barrier."""
        return (REACH + self.barrier) / (2 * REACH)

    @property
    def unstable(self) -> float:
        """The step above which the sharp minimum repels."""
        return 2 / self.K

    @property
    def release(self) -> float:
        """The step above which the well lets go.

        The lowest point that one step reaches from beyond the barrier is (1 - step)(a + r), from its far
        edge; while that is above the barrier, nothing that is in the well leaves it.
        """
        return 1 - self.barrier / (self.a + self.r)

    @cached_property
    def depth(self) -> float:
        """Loss at the barrier above that of the sharp minimum."""
        fall = self.K * self.r * (self.a - self.r - self.barrier) / 2
        return float(fall + self.K * self.r**2 / 2)

    def gradient(self, x: ArrayLike) -> Array:
        """Its gradient in pieces, written apart from the formula of the model."""
        x = np.asarray(x, float)
        near, far = self.a - self.r, self.a + self.r
        falling = self.ramp - (x - self.ramp) * (self.K * self.r + self.ramp) / self.d
        return np.where((x <= self.ramp) | (x >= far), x, np.where(x < near, falling, self.K * (x - self.a)))

    def share_after(self, lr: float, steps: int, cells: int = 4000) -> fp.Estimate:
        """Share of uniform starts with |x| < barrier after `steps`, by carrying their density along.

        A step of gradient descent maps intervals to intervals; the density is kept as averages over
        cells (Ulam's method), whose error is that of half as many cells. From |x| < barrier there is no way
        back for steps below 2.
        """
        fine, coarse = (self._carried(lr, steps, n) for n in (cells, cells // 2))
        return fp.Estimate(fine, disc=abs(fine - coarse), method=f"density carried along, {cells} cells")

    def _carried(self, lr: float, steps: int, cells: int) -> float:
        low, high = -REACH * (1 + lr), REACH * (1 + lr)
        beyond = np.linspace(self.barrier, high, cells)
        edges = np.concatenate([np.linspace(low, -self.barrier, cells // 2), [0.0], beyond])
        matrix = _overlaps(edges, np.clip(edges - lr * self.gradient(edges), low, high - 1e-9)).T.tocsr()
        middle = (edges[1:] + edges[:-1]) / 2
        held = np.abs(middle) < self.barrier
        covered = np.clip(np.minimum(edges[1:], REACH) - np.maximum(edges[:-1], -REACH), 0, None)
        mass = covered / (2 * REACH)
        done = 0.0
        for _ in range(steps):
            done += float(mass[held].sum())
            mass = matrix @ np.where(held, 0.0, mass)
        return done + float(mass[held].sum())


def _overlaps(edges: Array, images: Array) -> csr_array:
    """Row i: how the image of cell i is shared among the cells."""
    low = np.minimum(images[1:], images[:-1])
    high = np.maximum(
        low + 1e-12, np.maximum(images[1:], images[:-1])
    )  # at step 1 whole pieces meet in one point
    first = np.searchsorted(edges, low, side="right") - 1
    count = np.searchsorted(edges, high, side="left") - first
    row = np.repeat(np.arange(len(low)), count)
    column = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count) + np.repeat(first, count)
    length = np.minimum(high[row], edges[column + 1]) - np.maximum(low[row], edges[column])
    return csr_array((length / (high - low)[row], (row, column)), shape=(len(low), len(low)))
