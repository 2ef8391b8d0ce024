"""Rare escapes by splitting, of a chain and of its SDE, against what is known without sampling."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

import fokkerplanck as fp
from fokkerplanck.plotting import COLOURS
from fokkerplanck.theory.passage import mean_passage_time
from validation.claim import Claim, Finding
from validation.drawing import bars
from validation.judging import ALARM, judged, sigmas
from validation.seeds import seed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[np.float64]
TITLE = "Rare escapes"
SOURCE = "a method of this project: adaptive multilevel splitting, checked against what needs no sampling"
DEPARTURES = ("No paper's claim: the double well x^4/4 - x^2/2 at lr .05 is this project's own.",)
HEIGHT = 0.25  # of the barrier of x**4/4 - x**2/2
EDGE, START, LR = 0.9, -1.0, 0.05
REGION = f"x < {EDGE}"
SEED, REPEATS = 47, 100
BOUND = sigmas(blocks=REPEATS)
RIVAL = 1.15  # a bias that must be seen


def claims(quick: bool) -> Iterator[Claim]:
    """Chain and paths at barriers of 5 to 25 times the noise."""
    barriers, walkers = _size(quick)
    for barrier in barriers:
        yield _chain(barrier, walkers)
        yield _paths(barrier, walkers)


def pictures(quick: bool) -> Iterator[tuple[str, Figure]]:
    """Times against barriers, and how far they are from what is known."""
    from matplotlib.figure import Figure

    barriers, walkers = _size(quick)
    figure = Figure(figsize=(7, 5.5), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    steps = {
        "SGD": (
            [of_chain(b, walkers, seed(SEED)) for b in barriers],
            [by_operator(b).value for b in barriers],
        ),
        "paths": (
            [of_paths(b, walkers, seed(SEED)).scaled(1 / LR) for b in barriers],
            [quadrature(b) / LR for b in barriers],
        ),
    }
    for shift, (level, (found, exact)) in zip((-0.15, 0.15), steps.items(), strict=True):
        x, colour = np.array(barriers) + shift, COLOURS[level]
        value, error = np.array([(e.value, 3 * e.stat + e.disc) for e in found]).T
        above.plot(barriers, exact, "-", color=colour, lw=1, label=f"{level}, without sampling")
        bars(above, x, value, error, f"{level}, splitting", color=colour)
        bars(below, x, value / exact - 1, error / exact, color=colour)
    below.axhline(0.0, color="0.4", lw=0.8)
    above.set(yscale="log", ylabel="mean time to leave, steps", title="Escapes that no simulation would see")
    below.set(xlabel="barrier / noise", ylabel="relative difference")
    above.legend()
    yield "Splitting, with three standard errors, against transition operator and quadrature.", figure


def _size(quick: bool) -> tuple[tuple[int, ...], int]:
    return ((5, 15), 20_000) if quick else ((5, 15, 20, 25), 100_000)


@cache
def by_operator(barrier: float) -> fp.Estimate:
    """Mean steps of the chain to leave, without sampling."""
    return chain(barrier).transition(fp.Grid(x=(-2.2, 1.6, 400))).exit_time(REGION).at(x=START)


@cache
def of_chain(barrier: float, walkers: int, base: int) -> fp.Estimate:
    """By splitting."""
    return chain(barrier).escape(REGION, (START,), "splitting", walkers, base, repeats=REPEATS)


@cache
def of_paths(barrier: float, walkers: int, base: int) -> fp.Estimate:
    """By splitting."""
    return well(barrier).escape(REGION, (START,), walkers, base, repeats=REPEATS)


def chain(barrier: float) -> fp.SGD:
    """SGD in the double well, with the barrier so many times its noise."""
    noise = math.sqrt(2 * HEIGHT / barrier / LR)
    loss = fp.Loss("x**4/4 - x**2/2 - s*x", ("x",), {"s": fp.Normal(0, "q")}, constants={"q": noise})
    return fp.SGD(loss, lr=LR)


def well(barrier: float) -> fp.SDE:
    """The SDE of the same noise."""
    return fp.SDE(variables=("x",), drift=["x - x**3"], diffusion="D", constants={"D": HEIGHT / barrier})


def quadrature(barrier: float) -> float:
    """Mean time of the SDE to leave."""

    def coefficients(x: Array) -> tuple[Array, Array]:
        return x - x**3, np.full_like(x, HEIGHT / barrier)

    return mean_passage_time(coefficients, START, -2.5, EDGE, absorbing=(False, True)).value


def _chain(barrier: int, walkers: int) -> Claim:
    exact = by_operator(barrier)

    def test() -> Finding:
        found = of_chain(barrier, walkers, seed(SEED))
        return judged(found, exact.value, BOUND, RIVAL * exact.value, bias=exact.disc)

    return Claim(
        f"chain-{barrier}",
        f"Splitting finds how long a chain stays behind a barrier of {barrier} times its noise",
        f"{exact.value:.5g} steps, by the transition operator",
        f"{walkers} walkers in {REPEATS} repeats, lr {LR}",
        f"within {BOUND:.1f} standard errors, which would see {RIVAL - 1:.0%}",
        ALARM,
        test,
    )


def _paths(barrier: int, walkers: int) -> Claim:
    exact = quadrature(barrier)

    def test() -> Finding:
        return judged(of_paths(barrier, walkers, seed(SEED)), exact, BOUND, rival=RIVAL * exact)

    return Claim(
        f"paths-{barrier}",
        f"Splitting finds how long paths of the SDE stay behind a barrier of {barrier} times the noise",
        f"{exact:.5g}, by quadrature",
        f"{walkers} walkers in {REPEATS} repeats, Heun's steps of a twentieth of the local time scale",
        f"within {BOUND:.1f} standard errors and the step bias quoted, which would see {RIVAL - 1:.0%}",
        ALARM,
        test,
    )
