"""Which courses are trained, and how several seeds are judged."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, fields
from functools import lru_cache, partial

import numpy as np

from fokkerplanck import Estimate
from models.order_of_learning import (
    ACTIVATION_NOISE,
    GRADIENT_NOISE,
    NOISE,
    NOISY_RATE,
    RATES,
    Array,
    Setting,
)
from validation.hands import each
from validation.judging import ALARM, FEW, sigmas
from validation.order_of_learning.network import Course, Phase, train

SEED = 19
BEFORE, AFTER = 250.0, 30.0  # time at the large rate, and then at the small one
NOISY, CLEARED = 150.0, 240.0  # time with noise of the activations, and then without


LEARNED = 0.9  # mean accuracy on Q alone from which Q counts as learned: two of its three directions give .75


@dataclass(frozen=True)
class Size:
    """How much is run.

    `patch_seeds` are those of the digits; `onward` is how long the small rate alone goes on; `alarm` the
    chance that one true claim fails.
    """

    seeds: int
    patch_seeds: int
    onward: float
    alarm: float

    def bound(self, numbers: int = 1, sides: int = 2) -> float:
        """Standard errors that the means of a claim may be off, by Student's law."""
        return sigmas(numbers, self.seeds, sides, self.alarm)


FULL, QUICK = Size(10, 150, 280.0, ALARM), Size(5, 5, 60.0, FEW)


def size_of(quick: bool) -> Size:
    """Full or quick."""
    return QUICK if quick else FULL


def standing(setting: Setting) -> tuple[float, float]:
    """Noise of a gradient under which weights that the data leave alone keep their spread at the large rate.

    Weights with decay and noise alone have the variance ``rate noise^2 / (2 decay)``, for a small
    ``rate * decay``.
    """
    scale = float(np.sqrt(2 * setting.decay / RATES[0]))
    return setting.spread_p * scale, setting.spread_q * scale


def _gradient(base: int, large: bool, noisy: bool, onward: float, seed: int) -> Course:
    noise = standing(GRADIENT_NOISE) if noisy else (0.0, 0.0)
    rates = ((RATES[0], BEFORE), (RATES[1], AFTER)) if large else ((RATES[1], onward),)
    return train(GRADIENT_NOISE, [Phase(r, t, noise) for r, t in rates], (base, seed), 2.5)


def _activation(base: int, noisy: bool, seed: int) -> Course:
    phases = [Phase(NOISY_RATE, NOISY, activation=NOISE * noisy), Phase(NOISY_RATE, CLEARED)]
    return train(ACTIVATION_NOISE, phases, (base, seed), 10.0)


@lru_cache(maxsize=16)
def gradient_noise(
    large: bool, noisy: bool, size: Size, base: int = SEED, executor: Executor | None = None
) -> Course:
    """The large rate and then the small one, or the small one alone for the time `onward`."""
    return stacked(each(partial(_gradient, base, large, noisy, size.onward), range(size.seeds), executor))


@lru_cache(maxsize=4)
def activation_noise(noisy: bool, size: Size, base: int = SEED, executor: Executor | None = None) -> Course:
    """One small rate throughout: activations noisy at first, or never."""
    return stacked(each(partial(_activation, base, noisy), range(size.seeds), executor))


def learned(courses: Course) -> int:
    """Record from which on Q, alone, stays learned in the mean over the seeds.

    Noise lets one seed lose one of the two negative directions (.75) for a record or two.
    """
    below = np.flatnonzero(courses.q_only.mean(axis=0) < LEARNED)
    k = int(below[-1]) + 1 if len(below) else 0
    if k == len(courses.time):
        raise ValueError(
            f"an accuracy of {LEARNED:g} on Q that stays is not reached in the time {courses.time[-1]:g}"
        )
    return k


def stacked(courses: Sequence[Course]) -> Course:
    """Courses of the same times as one: times (records,), the rest (seeds, records)."""
    together = {f.name: np.stack([getattr(c, f.name) for c in courses]) for f in fields(Course)}
    return Course(**together | {"time": together["time"][0]})


def mean(values: Array, what: str = "") -> Estimate:
    """Mean over seeds and its standard error."""
    return Estimate.from_replicas(values, method=what)
