"""Evolution under a learning-rate schedule: time is the sum of the rates, and the noise follows them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import fokkerplanck as fp

LOSS = fp.Loss("h*x**2/2 - s*x", ("x",), {"s": fp.Normal(0, 1)}, constants={"h": 2.0})
GRID = fp.Grid(x=(-1, 1, 128))
START = "exp(-(x - 0.3)**2/(2*0.01))"


def exact(rates: NDArray[np.float64], t: float) -> tuple[float, float]:
    """Mean and variance of dX = -2 X dt + sqrt(rate/4) dW at t, from 0.3 and 0.01."""
    variance, now = 0.01, 0.0
    for rate, end in zip(rates, np.minimum(np.cumsum(rates), t), strict=True):
        fade = np.exp(-4 * (end - now))
        variance, now = variance * fade + rate / 16 * (1 - fade), end
    return 0.3 * np.exp(-2 * t), variance


@pytest.mark.parametrize(
    "lr",
    [
        lambda k: 0.1 / (1 + 0.01 * k),
        np.repeat([0.1, 0.01], [30, 300]),
        lambda k: 0.02 * (1 + 0.5 * np.cos(k / 100)),
    ],
    ids=["decay", "plateaus", "waves"],
)
def test_moments_of_a_quadratic_loss(lr: Any) -> None:
    sgd = fp.SGD(LOSS, lr=lr, batch=4)
    times = np.array([1.0, 2.5, 4.0])
    densities = sgd.sde().generator(GRID).evolve(START, times)
    count = 330 if isinstance(lr, np.ndarray) else 1000
    for t, p in zip(times, densities, strict=True):
        mean, variance = exact(sgd.schedule.rates(count), t)
        assert p.info["time_error"] < 1e-5
        assert p.info["mass"] == pytest.approx(1, abs=1e-13)
        first, second = p.mean("x"), p.mean("x**2")
        assert abs(first.value - mean) <= 3 * first.error + 1e-6
        assert abs(second.value - mean**2 - variance) <= 3 * second.error + 1e-6
    # The rate of the start, held, would be seen.
    held = fp.SGD(LOSS, lr=float(sgd.schedule.rates(1)[0]), batch=4).sde().generator(GRID)
    second = held.evolve(START, [4.0])[0].mean("x**2")
    assert abs(second.value - mean**2 - variance) > 10 * (3 * second.error + 1e-6)


@pytest.mark.parametrize(
    "question",
    [
        lambda g: g.stationary(),
        lambda g: g.exit_time("x < 0.5"),
        lambda g: g.committor("x < -0.5", "x > 0.5"),
        lambda g: g.quasi_stationary("x < 0.5"),
        lambda g: g.spectrum(),
    ],
)
def test_what_needs_one_rate_is_refused(question: Callable[[Any], Any]) -> None:
    generator = fp.SGD(LOSS, lr=[0.1, 0.05], batch=4).sde().generator(GRID)
    with pytest.raises(ValueError, match="give SGD a number as lr"):
        question(generator)


def test_a_schedule_that_ends_is_not_continued() -> None:
    generator = fp.SGD(LOSS, lr=[0.1, 0.05], batch=4).sde().generator(GRID)
    with pytest.raises(ValueError, match=r"the schedule ends at time 0\.15"):
        generator.evolve(START, [0.1, 0.2])
