"""scikit-fem: finite elements of the first order on a tensor mesh; linear systems by SciPy's SuperLU."""

from __future__ import annotations

from typing import Any

import numpy as np
import skfem
from scipy.sparse.linalg import splu
from skfem.helpers import grad

from benchmarks.peers import Task
from benchmarks.problems import Array, Problem

PACKAGE = "scikit-fem"


def stationary(problem: Problem, n: int) -> Task:
    """The value at one node is given: the rest follows from a regular system."""

    def work() -> tuple[skfem.Basis, Array]:
        basis = space(problem, n)
        matrix = forward(problem).assemble(basis)
        node = np.argmin(((basis.doflocs.T - np.array(problem.place)) ** 2).sum(axis=1))
        system = skfem.condense(matrix, D=np.array([node]), x=np.ones(basis.N))
        return basis, skfem.solve(*system)

    return Task(work, lambda found: masses(problem, n, *found))


def evolution(problem: Problem, n: int) -> Task:
    """Crank-Nicolson with one factorisation, after two steps of backward Euler in halves."""
    start = problem.compile([problem.parse(problem.start)])

    def work() -> tuple[skfem.Basis, Array]:
        basis = space(problem, n)
        flow = forward(problem).assemble(basis).tocsc()
        mass = skfem.BilinearForm(lambda u, v, _: u * v).assemble(basis).tocsc()
        (p,) = start(*basis.doflocs)
        steps = n // 8
        half = problem.until / steps / 2
        system, right = splu((mass - half * flow).tocsc()), (mass + half * flow).tocsr()
        for _ in range(4):
            p = system.solve(mass @ p)
        for _ in range(steps - 2):
            p = system.solve(right @ p)
        return basis, p

    return Task(work, lambda found: masses(problem, n, *found))


def exit_time(problem: Problem, n: int) -> Task:
    """The backward equation in its weak form."""

    def work() -> tuple[skfem.Basis, Array]:
        basis = space(problem, n)
        matrix = backward(problem).assemble(basis)
        load = skfem.LinearForm(lambda v, _: 1.0 * v).assemble(basis)
        exit_nodes = basis.get_dofs(lambda x: np.isclose(x[0], problem.box[0][1]))
        return basis, skfem.solve(*skfem.condense(matrix, load, D=exit_nodes))

    def read(found: tuple[skfem.Basis, Array]) -> float:
        basis, time = found
        return float((basis.probes(np.array(problem.place)[:, None]) @ time)[0])

    return Task(work, read)


def space(problem: Problem, n: int) -> skfem.Basis:
    """Bilinear (trilinear) elements, one a cell."""
    if len(problem.box) == 3:
        return skfem.Basis(skfem.MeshHex.init_tensor(*problem.faces(n)), skfem.ElementHex1())
    return skfem.Basis(skfem.MeshQuad.init_tensor(*problem.faces(n)), skfem.ElementQuad1())


def forward(problem: Problem) -> skfem.BilinearForm:
    """Minus the flux of density times the gradient of the test function."""

    def form(u: Any, v: Any, w: Any) -> Any:
        drift, divergence = problem.b(*w.x), problem.divergence(*w.x)
        flux = diffusive(problem, u, w)
        axes = range(len(drift))
        return -sum((flux[i] + (divergence[i] - drift[i]) * u) * grad(v)[i] for i in axes)

    return skfem.BilinearForm(form)


def backward(problem: Problem) -> skfem.BilinearForm:
    """Minus the generator, integrated by parts."""

    def form(u: Any, v: Any, w: Any) -> Any:
        drift, divergence = problem.b(*w.x), problem.divergence(*w.x)
        flux = diffusive(problem, u, w)
        axes = range(len(drift))
        return sum(flux[i] * grad(v)[i] + (divergence[i] - drift[i]) * grad(u)[i] * v for i in axes)

    return skfem.BilinearForm(form)


def diffusive(problem: Problem, u: Any, w: Any) -> list[Any]:
    """D grad u."""
    tensor, slope = problem.d(*w.x), grad(u)
    d = len(slope)
    return [sum(tensor[i * d + j] * slope[j] for j in range(d)) for i in range(d)]


def masses(problem: Problem, n: int, basis: skfem.Basis, values: Array) -> Array:
    """Integral over each element: the mean of its corners, for such elements exactly."""
    corners = basis.mesh.t
    middles = basis.mesh.p[:, corners].mean(axis=1)
    low = np.array([b[0] for b in problem.box])
    cells = np.floor((middles.T - low) / problem.spacing(n)).astype(int)
    found = np.zeros((n,) * len(problem.box))
    found[tuple(cells.T)] = values[corners].mean(axis=0)
    return np.asarray(found / found.sum())
