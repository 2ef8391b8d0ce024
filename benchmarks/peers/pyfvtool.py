"""PyFVTool: finite volumes with central convection; its diffusion is diagonal."""

from __future__ import annotations

import numpy as np
import pyfvtool as fv

from benchmarks.peers import Task
from benchmarks.problems import Array, Problem

PACKAGE = "pyfvtool"
FOREVER = 1e9


def stationary(problem: Problem, n: int) -> Task:
    """Two implicit steps of next to infinite length."""
    return Task(lambda: march(problem, n, np.ones((n, n)), 2, FOREVER))


def evolution(problem: Problem, n: int) -> Task:
    """Backward Euler, its only method; the step shrinks with the cell."""
    masses = problem.starting_masses(n)
    return Task(lambda: march(problem, n, masses, n // 4, 4 * problem.until / n))


def march(problem: Problem, n: int, masses: Array, steps: int, step: float) -> Array:
    """Masses after some steps of its own solver."""
    mesh = fv.Grid2D(n, n, *(high - low for low, high in problem.box))
    diffusion, velocity = fv.FaceVariable(mesh, 1.0), fv.FaceVariable(mesh, 1.0)
    for k, part in enumerate(("_xvalue", "_yvalue")):
        axes = [problem.faces(n)[i] if i == k else problem.centres(n)[i] for i in (0, 1)]
        x = np.meshgrid(*axes, indexing="ij")
        flow = problem.b(*x)[k] - problem.divergence(*x)[k]
        np.moveaxis(flow, k, 0)[[0, -1]] = 0.0  # walls
        getattr(velocity, part)[...] = flow
        getattr(diffusion, part)[...] = problem.d(*x)[3 * k]
    p = fv.CellVariable(mesh, masses)
    terms = [-fv.diffusionTerm(diffusion), fv.convectionTerm(velocity)]
    for _ in range(steps):
        fv.solvePDE(p, [fv.transientTerm(p, step, 1.0), *terms])
    found = np.array(p.value)
    return np.asarray(found / found.sum())
