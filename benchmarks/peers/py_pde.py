"""py-pde: finite differences and explicit steps, compiled for each equation and grid."""

from __future__ import annotations

import numpy as np
import pde

from benchmarks.peers import Task
from benchmarks.problems import Array, Problem

PACKAGE = "py-pde"


def evolution(problem: Problem, n: int) -> Task:
    """Explicit Euler at nine tenths of its limit of stability; compiling is no part of the time."""
    grid = pde.CartesianGrid(list(problem.box), [n, n])
    start = pde.ScalarField(grid, problem.starting_masses(n))
    x, y = problem.variables
    b = [str(problem.parse(c)) for c in problem.drift]
    d = [[str(problem.parse(c)) for c in row] for row in problem.diffusion]
    flow = f"-d_d{x}(({b[0]})*p) - d_d{y}(({b[1]})*p)"
    spread = f"d2_d{x}2(({d[0][0]})*p) + d2_d{y}2(({d[1][1]})*p)"
    equation = pde.PDE({"p": f"{flow} + {spread}"}, bc={"value": 0})
    tensor = problem.d(*np.meshgrid(*problem.centres(n), indexing="ij"))
    step = 0.9 / (2 * sum(a.max() / h**2 for a, h in zip(tensor[::3], problem.spacing(n), strict=True)))
    step = problem.until / np.ceil(problem.until / step)
    advance = pde.solvers.EulerSolver(equation, backend="numba").make_stepper(start, dt=step)
    advance(start.copy(), 0.0, 2 * step)

    def work() -> Array:
        p = start.copy()
        advance(p, 0.0, problem.until)
        return np.asarray(p.data / p.data.sum())

    return Task(work)
