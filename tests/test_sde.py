"""Paths: their default step, their step bias, and what is refused."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.special import gamma

import fokkerplanck as fp
from fokkerplanck.passages import from_passages

OU = fp.SDE(variables=("x",), drift=["-x"], diffusion="1")
CUBIC = fp.SDE(variables=("x",), drift=["-x**3"], diffusion="1")
PASSAGE = 2.0934066  # of OU from 0 to 1


def test_a_drift_without_slope_at_the_start_is_resolved() -> None:
    """<x²> of exp(-x^4/4): 2 Gamma(3/4)/Gamma(1/4); the step bias lies inside the error."""
    found = CUBIC.simulate(4000, 100.0, (0,), rng=0).mean("x**2")
    assert found.ok
    assert abs(found.value - 2 * gamma(0.75) / gamma(0.25)) < 4 * found.stat  # false alarm 6e-5
    assert found.disc < found.stat


def test_a_run_that_diverges_in_earnest_ends() -> None:
    run = fp.SDE(variables=("x",), drift=["x**3"], diffusion="1").simulate(100, 100.0, (1,), rng=0)
    assert run.status == "100 of 100 replicas diverged by time 100"


@pytest.mark.parametrize("dt", [None, 0.05])
def test_first_passages_without_step_bias(dt: float | None) -> None:
    run = OU.first_passage("x < 1", 20_000, (0,), 200.0, rng=3, dt=dt)
    found = from_passages(run, "paths", "time")
    assert found.ok
    assert abs(found.value - PASSAGE) < found.disc + 4 * found.stat  # false alarm 6e-5
    raw = float(run.times.mean())
    if dt is not None:  # the power: without the twin the bias is seen
        assert raw < PASSAGE - 4 * found.stat / math.sqrt(5)
        assert abs(found.value - PASSAGE) < abs(raw - PASSAGE)


def test_first_passages_of_a_drift_without_slope_at_the_start() -> None:
    run = CUBIC.first_passage("x < 1", 8000, (0,), 1000.0, rng=3)
    found = from_passages(run, "paths", "time")
    exact = CUBIC.generator(fp.Grid(x=(-5, 5, 400))).exit_time("x < 1").at(x=0).value
    assert abs(found.value - exact) < found.disc + 4 * found.stat  # false alarm 6e-5
    assert found.disc < 0.1 * exact


def test_passages_cut_off() -> None:
    """The error of exits over time: the same numbers as without a cut, and wider."""
    run = OU.first_passage("x < 1", 20_000, (0,), 3.0, rng=3)
    found = from_passages(run, "paths", "time")
    assert "were cut off at 3" in found.assumptions[0]
    assert abs(found.value - PASSAGE) < 0.15 * PASSAGE  # the exits are not quite exponential


def test_a_coarse_twin_that_diverged_is_told() -> None:
    final = np.linspace(-1, 1, 100)[:, None]
    coarse = final.copy()
    coarse[3] = math.nan
    run = fp.Ensemble(("x",), final, np.zeros(100, dtype=bool), coarse)
    found = run.mean("x**2")
    assert "1 of 100 replicas are not finite at twice the time step" in found.status
    assert found.disc == math.inf
    undefined = run.mean("log(x)")
    assert "not finite at 50 of 100 replicas" in undefined.status


def test_a_histogram_tells_what_it_does_not_hold() -> None:
    run = OU.simulate(500, 5.0, (0,), rng=0)
    held = run.histogram(fp.Grid(x=(-9, 9, 20)))
    assert held.status == "ok"
    cut = run.histogram(fp.Grid(x=(-1, 1, 20)))
    outside = int((np.abs(run.final) > 1).sum())
    assert cut.status == f"{outside} of 500 replicas lie outside the box"
    assert cut.info["replicas"] == 500


NARROW = fp.SDE(variables=("x",), drift=["-x"], diffusion="1 - x**2")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: NARROW.simulate(10, 1.0, (2,)), "not positive semidefinite at x = 2: .* -3"),
        (lambda: NARROW.first_passage("x < 3", 10, (2,), 1.0), "not positive semidefinite at x = 2"),
        (lambda: OU.simulate(None, 1.0, (0,)), "n is None: give a whole number"),  # type: ignore[arg-type]
        (lambda: OU.simulate(10, math.inf, (0,)), "t is inf: give a finite time"),
        (lambda: OU.first_passage("x < 1", 10, (0,), 0), "max_time is 0: give a finite time"),
        (lambda: fp.Grid(x=(-1, 1, "a")), "axis 'x' has 'a' cells"),  # type: ignore[arg-type]
        (
            lambda: fp.SDE(variables=("x",), drift=["-x"], diffusion="1", constants={"x": 2}),
            "constants holds x, which is a variable too",
        ),
    ],
)
def test_refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        call()
    assert re.search(message, str(caught.value))
