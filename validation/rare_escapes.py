"""Rare escapes by splitting, of a chain and of its SDE, against what is known without sampling."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

import fokkerplanck as fp
from fokkerplanck.theory.passage import mean_passage_time
from validation.claim import TWO_SIDED, Claim, Finding, judged

Array = NDArray[np.float64]
TITLE = "Rare escapes"
HEIGHT = 0.25  # of the barrier of x**4/4 - x**2/2
EDGE, START, LR = 0.9, -1.0, 0.05
REGION = f"x < {EDGE}"
SEED, REPEATS = 47, 100
RIVAL = 1.15  # a bias that must be seen


def claims(quick: bool) -> Iterator[Claim]:
    """Chain and paths at barriers of 5 to 25 times the noise."""
    walkers = 20_000 if quick else 100_000
    for barrier in (5, 15) if quick else (5, 15, 20, 25):
        yield _chain(barrier, walkers)
        yield _paths(barrier, walkers)


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
    grid = fp.Grid(x=(-2.2, 1.6, 400))
    exact = chain(barrier).transition(grid).exit_time(REGION).at(x=START)

    def test() -> Finding:
        found = chain(barrier).escape(REGION, (START,), "splitting", walkers, SEED, repeats=REPEATS)
        return judged(found, exact.value, rival=RIVAL * exact.value, bias=exact.disc)

    return Claim(
        f"chain-{barrier}",
        f"Splitting finds how long a chain stays behind a barrier of {barrier} times its noise",
        f"{exact.value:.5g} steps, by the transition operator",
        f"{walkers} walkers in {REPEATS} repeats, lr {LR}",
        f"within three standard errors, which would see {RIVAL - 1:.0%}",
        TWO_SIDED,
        test,
    )


def _paths(barrier: int, walkers: int) -> Claim:
    exact = quadrature(barrier)

    def test() -> Finding:
        found = well(barrier).escape(REGION, (START,), walkers, SEED, repeats=REPEATS)
        return judged(found, exact, rival=RIVAL * exact)

    return Claim(
        f"paths-{barrier}",
        f"Splitting finds how long paths of the SDE stay behind a barrier of {barrier} times the noise",
        f"{exact:.5g}, by quadrature",
        f"{walkers} walkers in {REPEATS} repeats, Heun's steps of a twentieth of the local time scale",
        f"within three standard errors and the step bias quoted, which would see {RIVAL - 1:.0%}",
        TWO_SIDED,
        test,
    )
