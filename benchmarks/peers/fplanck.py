"""fplanck: a master equation on a grid, for forces and diagonal diffusion in units of physics."""

from __future__ import annotations

from typing import Any

import numpy as np
from fplanck.solver import FokkerPlanck
from fplanck.utility import Boundary
from scipy import constants

from benchmarks.peers import Task
from benchmarks.problems import Problem

PACKAGE = "fplanck"


def stationary(problem: Problem, n: int) -> Task:
    """Eigenvector at zero by shift and invert."""
    return Task(lambda: operator(problem, n).steady_state())


def evolution(problem: Problem, n: int) -> Task:
    """Exponential of the matrix times a vector."""
    masses = problem.starting_masses(n)
    return Task(lambda: operator(problem, n).propagate(lambda *_: masses, problem.until))


def operator(problem: Problem, n: int) -> FokkerPlanck:
    """At temperature 1/k_B the mobility is the diffusion, and the force b/D; its box is centred on 0."""
    middle = [(low + high) / 2 for low, high in problem.box]
    axes = range(len(middle))

    def diffusion(x: Any) -> list[Any]:
        return problem.d(*(x[i] + middle[i] for i in axes))[:: len(middle) + 1]

    def force(*x: Any) -> Any:
        drift = problem.b(*(x[i] + middle[i] for i in axes))
        return np.array([b / d for b, d in zip(drift, diffusion(x), strict=True)])

    return FokkerPlanck(
        temperature=1 / constants.k,
        drag=lambda *x: 1 / np.array(diffusion(x)),
        force=force,
        extent=[high - low for low, high in problem.box],
        resolution=problem.spacing(n) * (1 + 1e-12),  # it rounds the number of cells up
        boundary=Boundary.REFLECTING,
    )
