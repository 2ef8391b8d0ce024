"""FiPy: finite volumes with any tensor; the part off the axes is not implicit in all it does."""

from __future__ import annotations

import os

os.environ["FIPY_SOLVERS"] = "scipy"  # read when it is imported

import fipy
import numpy as np
from fipy.solvers.scipy import LinearLUSolver

from benchmarks.peers import Task
from benchmarks.problems import Array, Problem

PACKAGE = "fipy"
FOREVER = 1e9


def stationary(problem: Problem, n: int) -> Task:
    """Two implicit steps of next to infinite length."""
    return Task(lambda: march(problem, n, np.ones((n, n)), 2, FOREVER), lambda p: fold(p, n))


def evolution(problem: Problem, n: int) -> Task:
    """Backward Euler, its only method; the step shrinks with the cell."""
    masses = problem.starting_masses(n)
    return Task(lambda: march(problem, n, masses, n // 4, 4 * problem.until / n), lambda p: fold(p, n))


def march(problem: Problem, n: int, masses: Array, steps: int, step: float) -> Array:
    """Cell values after some steps of its own solver; its cells count the first axis fastest."""
    mesh = grid(problem, n)
    p = fipy.CellVariable(mesh=mesh, value=masses.T.ravel(), hasOld=True)
    flow, diffusion = coefficients(problem, mesh)
    equation = fipy.TransientTerm() == diffusion - fipy.CentralDifferenceConvectionTerm(coeff=flow)
    for _ in range(steps):
        p.updateOld()
        equation.solve(var=p, dt=step, solver=LinearLUSolver())
    return np.array(p.value)


def grid(problem: Problem, n: int) -> fipy.Grid2D:
    """The problem's box."""
    dx, dy = problem.spacing(n)
    corner = [[low] for low, _ in problem.box]
    return fipy.Grid2D(nx=n, ny=n, dx=dx, dy=dy) + corner


def coefficients(problem: Problem, mesh: fipy.Grid2D) -> tuple[object, object]:
    """Flow b - div D, which stops at the walls, and the term of diffusion."""
    x = np.asarray(mesh.faceCenters)
    flow = (np.array(problem.b(*x)) - np.array(problem.divergence(*x))) * np.asarray(mesh.interiorFaces)
    tensor = np.array(problem.d(*x)).reshape(2, 2, -1)
    diffusion = fipy.DiffusionTerm(coeff=[fipy.FaceVariable(mesh=mesh, rank=2, value=tensor)])
    return fipy.FaceVariable(mesh=mesh, rank=1, value=flow), diffusion


def fold(values: Array, n: int) -> Array:
    """Masses as (n, n)."""
    return np.asarray((values / values.sum()).reshape(n, n).T)
