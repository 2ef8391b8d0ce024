"""SGD: short schedules, what a matched step says, the gap of exit times, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fokkerplanck as fp

LOSS = fp.Loss("x**2/2 - s*x", ("x",), {"s": fp.Normal(0, 1.5)})
GRID = fp.Grid(x=(-4, 4, 200))


@pytest.mark.parametrize("steps", [1, 2, 10, 64, 65, 100])
def test_schedules_of_any_length_are_followed_to_their_end(steps: int) -> None:
    lr = np.linspace(0.1, 0.05, steps + 1)[:steps]
    sde = fp.SGD(LOSS, lr=lr).sde()
    paths = sde.simulate(4000, float(lr.sum()), (3,), rng=0)
    mean = paths.mean("x")
    assert abs(mean.value - 3 * np.exp(-lr.sum())) < 4 * mean.stat + 1e-3  # false alarm 6e-5
    if steps > 1:
        with pytest.raises(ValueError, match="the schedule ends at time"):
            sde.simulate(10, 1.1 * float(lr.sum()), (3,))


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        ({"r": fp.Rademacher()}, "a discrete step has no density on a grid"),
        ({"r": fp.Uniform(-1, 1)}, "neither normal nor discrete"),
    ],
)
def test_a_matched_step_says_so(samples: dict[str, Any], reason: str) -> None:
    operator = fp.SGD(fp.Loss("x**2/2 - r*x", ("x",), samples), lr=0.5).transition(GRID)
    (sentence,) = operator.assumptions
    assert reason in sentence
    assert "compare first and second moments only" in sentence


def test_an_exact_step_assumes_nothing() -> None:
    assert fp.SGD(LOSS, lr=0.2).transition(GRID).assumptions == ()


def test_the_gap_of_an_exit_over_a_barrier_holds_the_chain() -> None:
    sgd = fp.SGD(LOSS, lr=0.2)
    density, chain = (sgd.escape("x < 2", (0,), method=m) for m in ("density", "transition"))
    gap = 0.1 / (1 - 0.1)
    assert abs(density.value - chain.value) > 3 * gap * density.value  # that of the variance is too small
    assert abs(density.value - chain.value) < density.model


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fp.SGD(LOSS, 0.1, None), "batch is None: give a whole number"),  # type: ignore[arg-type]
        (lambda: fp.SGD(LOSS, 0.1).simulate(10, 10.5, (0,)), r"steps is 10\.5: a chain moves in whole"),  # type: ignore[arg-type]
        (lambda: fp.SGD(LOSS, 0.1).simulate(10, None, (0,)), "steps is None"),  # type: ignore[arg-type]
        (lambda: fp.SGD(LOSS, 0.1).first_passage("x < 1", 9, (0,), 2.5), r"max_steps is 2\.5"),  # type: ignore[arg-type]
    ],
)
def test_refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        call()
    assert re.search(message, str(caught.value))
