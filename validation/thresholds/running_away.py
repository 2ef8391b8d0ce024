"""Chance that one sample with noise that adds and multiplies has run away, against the number of steps."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

import fokkerplanck as fp
from validation.claim import Claim, Finding
from validation.judging import ALARM, all_of, counted
from validation.seeds import seed
from validation.thresholds.one_sample import SEED, quadratic

Array = NDArray[np.float64]
PASSED, LOOKED = 80.0, (30, 100, 300, 1_000, 3_000)
RATES = (1.3, 1.5, 1.7, 1.9)  # at the model's noise; the mean-square threshold is 1.6
SCALES = (1.6, 2.0, 2.4)  # of the noise that multiplies, at lr 1; the mean-square bound is 2
REGION = f"abs(y) < {PASSED:g}"


@lru_cache
def law(lr: float, scale: float = 1.0) -> fp.results.ExitLaw:
    """Law of the number of steps after which a chain from y = 0 first passes `PASSED`, without sampling."""
    grid = fp.Grid(y=(-4.5 * PASSED, 4.5 * PASSED, 1_441))
    return quadratic(lr, 1.0, scale).transition(grid).exit_law(REGION, x0=(0.0,))


def expected(lr: float, scale: float = 1.0) -> list[fp.Estimate]:
    """Chance to have passed after each of `LOOKED` steps."""
    found = [law(lr, scale).survival(k) for k in LOOKED]
    return [e.with_(value=1 - e.value) for e in found]


@lru_cache
def passing(lr: float, n: int, base: int, scale: float = 1.0) -> NDArray[np.int64]:
    """How many of n chains have passed after each of `LOOKED` steps."""
    key = [base, 6, round(100 * lr), round(100 * scale)]
    run = quadratic(lr, 1.0, scale).first_passage(REGION, n, (0.0,), LOOKED[-1], rng=key)
    gone = run.exited | run.diverged
    return np.array([(gone & (run.times <= k)).sum() for k in LOOKED])


def with_learning_rate(n: int) -> Claim:
    """A threshold seen depends on how long one looks."""
    return _claim(
        "run-away",
        "The probability to run away grows with the number of steps: a threshold seen is one at that number",
        {f"lr {lr:g}": (lr, 1.0) for lr in (1.3, 1.7, 1.9)},
        n,
    )


def with_noise(n: int) -> Claim:
    """The same against the noise."""
    return _claim(
        "run-away-noise",
        "So does the bound on the noise that is seen: chains run away below it if one waits, and "
        "above it late",
        {f"noise times {q:g}": (1.0, q) for q in SCALES},
        n,
    )


def _claim(name: str, sentence: str, cases: dict[str, tuple[float, float]], n: int) -> Claim:
    numbers = len(cases) * len(LOOKED)

    def test() -> Finding:
        parts = {}
        for what, (lr, scale) in cases.items():
            seen = passing(lr, n, seed(SEED), scale)
            for k, e, times in zip(LOOKED, expected(lr, scale), seen, strict=True):
                parts[f"{what}, {k} steps"] = counted(int(times), n, e.value, numbers, bias=e.disc)
        return all_of(parts)

    shown = "; ".join(
        f"{what}: {', '.join(f'{e.value:.3g}' for e in expected(*case))}" for what, case in cases.items()
    )
    return Claim(
        name,
        sentence,
        f"at {', '.join(map(str, LOOKED))} steps {shown}",
        f"{n} chains from y = 0 with noise that adds, standard deviation 1, past |y| = {PASSED:g}; law "
        "of the "
        "first passage from the transition operator, 1441 cells",
        "each within the exact binomial interval and the error of the grid",
        ALARM,
        test,
    )
