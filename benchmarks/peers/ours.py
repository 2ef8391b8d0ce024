"""This package, through its public interface. Its times hold the coarse twin, and so the error estimate."""

from __future__ import annotations

from functools import partial

import numpy as np

import fokkerplanck as fp
from benchmarks.peers import Task
from benchmarks.problems import Array, Problem
from fokkerplanck.results import Density

PACKAGE = "fokkerplanck"


def stationary(problem: Problem, n: int) -> Task:
    """Finite volumes."""
    sde, cells = equation(problem), grid(problem, n)
    return Task(lambda: sde.generator(cells).stationary(), masses, partial(extrapolated, problem))


def evolution(problem: Problem, n: int, rtol: float = 1e-5) -> Task:
    """At the tolerance it has of itself."""
    sde, cells = equation(problem), grid(problem, n)
    return Task(
        lambda: sde.generator(cells).evolve(problem.start, [problem.until], rtol=rtol)[0],
        masses,
        partial(extrapolated, problem),
    )


def exit_time(problem: Problem, n: int) -> Task:
    """Through the absorbing end of the first axis; such an Estimate is extrapolated."""
    sde, cells = equation(problem), grid(problem, n, {problem.variables[0]: ("open", "absorbing")})
    place = dict(zip(problem.variables, problem.place, strict=True))
    return Task(lambda: sde.generator(cells).exit_time(), lambda time: time.at(**place).value)


def equation(problem: Problem) -> fp.SDE:
    """The problem's equation."""
    return fp.SDE(
        variables=problem.variables, drift=problem.drift, diffusion=problem.diffusion, where=problem.where
    )


def grid(problem: Problem, n: int, boundary: dict[str, tuple[str, str]] | None = None) -> fp.Grid:
    """The problem's box."""
    axes = {name: (*ends, n) for name, ends in zip(problem.variables, problem.box, strict=True)}
    return fp.Grid(**axes, boundary=boundary)


def masses(p: Density) -> Array:
    """Masses of the cells."""
    return p.masses.reshape(p.grid.shape)


def extrapolated(problem: Problem, p: Density) -> Array:
    """What `Density.estimate` says of the mass of every cell of the judge, all cells at once."""
    if p.coarse is None or p.coarse.grid.shape[0] % problem.judge:
        return np.array([])
    return (4 * problem.pool(masses(p)) - problem.pool(masses(p.coarse))) / 3
