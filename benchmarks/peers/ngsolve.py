"""NGSolve: finite elements of any order on a tensor mesh, with as many unknowns as cells; UMFPACK inside."""

from __future__ import annotations

from itertools import product
from typing import Any

import ngsolve as ng
import numpy as np
from ngsolve.meshes import MakeStructured2DMesh

from benchmarks.peers import Task
from benchmarks.problems import Array, Problem

PACKAGE = "ngsolve"


def stationary(problem: Problem, n: int, order: int = 2) -> Task:
    """The value at one vertex is given: the rest follows from a regular system."""

    def work() -> ng.GridFunction:
        space = elements(problem, n, order)
        matrix = ng.BilinearForm(forward(problem, space)).Assemble().mat
        p = ng.GridFunction(space)
        vertex = min(space.mesh.vertices, key=lambda v: np.hypot(*(np.array(v.point) - problem.place))).nr
        free = ng.BitArray(space.FreeDofs())
        free.Clear(vertex)
        p.vec[vertex] = 1.0
        p.vec.data -= matrix.Inverse(free, "umfpack") * (matrix * p.vec)
        return p

    return Task(work, lambda p: masses(problem, n, order, p))


def evolution(problem: Problem, n: int, order: int = 2) -> Task:
    """Crank-Nicolson with one factorisation, after two steps of backward Euler in halves."""
    (start,) = problem.compile([problem.parse(problem.start)], ng)(ng.x, ng.y)
    steps = n // 8
    half = problem.until / steps / 2

    def work() -> ng.GridFunction:
        space = elements(problem, n, order)
        u, v = space.TnT()
        mass = ng.BilinearForm(u * v * ng.dx).Assemble().mat
        flow = ng.BilinearForm(forward(problem, space)).Assemble().mat
        system = mass.CreateMatrix()
        system.AsVector().data = mass.AsVector() + half * flow.AsVector()
        inverse = system.Inverse(space.FreeDofs(), "umfpack")
        p = ng.GridFunction(space)
        p.Set(start)
        for _ in range(4):
            p.vec.data = inverse * (mass * p.vec)
        for _ in range(steps - 2):
            p.vec.data -= 2 * half * inverse * (flow * p.vec)
        return p

    return Task(work, lambda p: masses(problem, n, order, p))


def exit_time(problem: Problem, n: int, order: int = 2) -> Task:
    """The backward equation in its weak form."""

    def work() -> ng.GridFunction:
        space = elements(problem, n, order, dirichlet="right")
        u, v = space.TnT()
        b, divergence, flux = coefficients(problem, u)
        form = sum(flux[i] * ng.grad(v)[i] + (divergence[i] - b[i]) * ng.grad(u)[i] * v for i in range(2))
        matrix = ng.BilinearForm(form * ng.dx).Assemble().mat
        load = ng.LinearForm(v * ng.dx).Assemble().vec
        time = ng.GridFunction(space)
        time.vec.data = matrix.Inverse(space.FreeDofs(), "umfpack") * load
        return time

    return Task(work, lambda time: float(time(time.space.mesh(*map(float, problem.place)))))


def elements(problem: Problem, n: int, order: int, dirichlet: str = "") -> Any:
    """Elements `order` times as wide as a cell."""
    ng.SetNumThreads(1)
    (x0, x1), (y0, y1) = problem.box
    m = n // order
    mesh = MakeStructured2DMesh(nx=m, ny=m, mapping=lambda s, t: (x0 + s * (x1 - x0), y0 + t * (y1 - y0)))
    return ng.H1(mesh, order=order, dirichlet=dirichlet)


def forward(problem: Problem, space: Any) -> Any:
    """Flux of density times the gradient of the test function."""
    u, v = space.TnT()
    b, divergence, flux = coefficients(problem, u)
    return sum((flux[i] + (divergence[i] - b[i]) * u) * ng.grad(v)[i] for i in range(2)) * ng.dx


def coefficients(problem: Problem, u: Any) -> tuple[list[Any], list[Any], list[Any]]:
    """Drift, divergence of the tensor, and the tensor times the gradient."""
    tensor, slope = problem.d(ng.x, ng.y), ng.grad(u)
    flux = [tensor[2 * i] * slope[0] + tensor[2 * i + 1] * slope[1] for i in range(2)]
    return problem.b(ng.x, ng.y), problem.divergence(ng.x, ng.y), flux


def masses(problem: Problem, n: int, order: int, p: ng.GridFunction) -> Array:
    """Integral over each cell by the rule of Gauss with three points an axis, exact to the fifth degree."""
    nodes, weights = np.polynomial.legendre.leggauss(3)
    places = ((np.arange(order)[:, None] + (nodes + 1) / 2) / order).ravel()
    rule = ng.IntegrationRule(
        points=list(product(places.tolist(), repeat=2)),
        weights=np.multiply.outer(*[np.tile(weights, order)] * 2).ravel().tolist(),
    )
    points = p.space.mesh.MapToAllElements(rule, ng.VOL)
    x, y, values = (np.asarray(f(points)).ravel() for f in (ng.x, ng.y, p))
    weight = np.tile(rule.weights, len(values) // len(rule.weights))
    found, *_ = np.histogram2d(x, y, bins=problem.faces(n), weights=values * weight)
    return np.asarray(found / found.sum())
