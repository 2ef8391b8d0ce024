"""Stationary laws known exactly: any D and any skew Q, by the complete recipe."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fokkerplanck as fp
from fokkerplanck.operators import Generator
from tests.random_problems.answer import Answer
from tests.random_problems.fields import Function, Recipe, Scaled, Wave, rank_one, skew, tensor

Array = NDArray[np.float64]

NAMES = ("x", "y", "z")
DEPTH = 23.0  # of the potential at open ends, at least: exp(-23) = 1e-10; more where drift is taken upwind
WIDEST = 12.0  # half of the range searched for it
NODES = {1: 400, 2: 150, 3: 56}
FINER = (64, 112)  # cells an axis where noise is of rank one, in the plane
CELLS = {1: (40, 160), 2: (32, 72), 3: (20, 30)}


@dataclass(frozen=True)
class Law:
    """A process whose stationary law is exp(-potential) on a box, in coordinates xi and x of its own."""

    grid: fp.Grid
    potential: Function
    coefficients: Scaled
    symmetric: bool = False

    @property
    def generator(self) -> Generator:
        return Generator(self.grid, self.coefficients)

    def xi(self, *x: Array) -> Array:
        return (np.stack(x, axis=-1) - self.coefficients.centre) / self.coefficients.scale

    def exact(self, f: Function, axis: int = 0, beyond: float | None = None) -> float:
        """Mean of f(xi), over the part of the box where ``xi[axis] > beyond`` only if that is given."""
        points, weights = self._nodes(axis, beyond)
        u = self.potential(points)
        lowest = u.min()
        total, norm = weights @ (f(points) * np.exp(lowest - u)), None
        whole, every = self._nodes()
        v = self.potential(whole)
        norm = every @ np.exp(lowest - v)
        return float(total / norm)

    def norm(self) -> float:
        """Integral of exp(-U) over x."""
        points, weights = self._nodes()
        return float(weights @ np.exp(-self.potential(points)) * np.prod(self.coefficients.scale))

    def averages(self) -> Array:
        """Masses of the cells, (size,), by Gauss's rule in each."""
        t, w = np.polynomial.legendre.leggauss(3)
        total = np.zeros(self.grid.size)
        for corner in itertools.product(range(3), repeat=self.grid.ndim):
            at = self.grid.points() + 0.5 * t[list(corner)] * self.grid.spacing
            total += np.prod(w[list(corner)]) * np.exp(-self.potential(self.xi(*at.T)))
        return total / total.sum()

    def _nodes(self, axis: int = 0, beyond: float | None = None) -> tuple[Array, Array]:
        """Nodes (m, d) and weights (m,) of a product rule on the box, in xi."""
        per_axis = []
        for k, a in enumerate(self.grid.axes):
            low, high = (
                (end - self.coefficients.centre[k]) / self.coefficients.scale[k] for end in (a.low, a.high)
            )
            n = NODES[self.grid.ndim]
            if k == axis and beyond is not None:
                low = beyond
            if a.periodic and not (k == axis and beyond is not None):
                per_axis.append((low + (np.arange(n) + 0.5) / n * (high - low), np.full(n, (high - low) / n)))
            else:
                t, w = np.polynomial.legendre.leggauss(n)
                per_axis.append((0.5 * (low + high) + 0.5 * (high - low) * t, 0.5 * (high - low) * w))
        points = np.stack([m.ravel() for m in np.meshgrid(*(p for p, _ in per_axis), indexing="ij")], axis=1)
        weights = per_axis[0][1]
        for _, w in per_axis[1:]:
            weights = np.multiply.outer(weights, w)
        return points, weights.ravel()

    def answers(self, rng: np.random.Generator) -> Iterator[Answer]:
        """Means, the probability of a half of the box, the density at a point, and its distance in L1."""
        p = self.generator.stationary()
        d = self.grid.ndim
        for name, f in observables(rng, self.grid):
            yield Answer(f"mean {name}", p.mean(lambda *x, f=f: f(self.xi(*x))), self.exact(f))
        k = int(rng.integers(d))
        edge = float(rng.uniform(-0.7, 0.7))
        exact = self.exact(lambda y: np.ones(len(y)), k, edge)
        place = float(self.coefficients.centre[k] + edge * self.coefficients.scale[k])
        yield Answer("probability", p.probability(f"{NAMES[k]} > {place!r}"), exact)
        xi = rng.uniform(-0.7, 0.7, d)
        x = self.coefficients.centre + xi * self.coefficients.scale
        there = float(np.exp(-self.potential(xi[None])[0]) / self.norm())
        yield Answer("density", p.at(**dict(zip(NAMES, x.tolist(), strict=False))), there)
        off = float(np.abs(p.masses - self.averages()).sum())
        yield Answer("distance in L1", fp.Estimate(0.0, disc=p.l1_error, status=p.status), off)


def observables(rng: np.random.Generator, grid: fp.Grid) -> Iterator[tuple[str, Function]]:
    """A function of each axis and one of all."""
    k = int(rng.integers(grid.ndim))
    if grid.axes[k].periodic:
        yield "of an angle", lambda y: np.cos(y[:, k] - 0.4)
    else:
        yield "of a square", lambda y: y[:, k] ** 2
    wave = Wave.draw(rng, 1.0, grid.periodic)
    yield "of a wave", wave
    if grid.ndim > 1 and not any(grid.periodic):
        yield "of a product", lambda y: y[:, 0] * y[:, 1]


def draw(
    rng: np.random.Generator,
    kinds: tuple[str, ...],
    rank: str = "full",
    current: bool = True,
    spread: float = 0.6,
    log_scale: float = 1.0,
) -> Law:
    """A random law on axes of the `kinds` "open", "reflecting" and "periodic"."""
    d = len(kinds)
    whole = np.array([k == "periodic" for k in kinds])
    walls = np.array([k == "reflecting" for k in kinds])
    potential = _potential(rng, kinds)
    diffusion = (
        rank_one(rng, whole, 0.5 * (rng.random() < 0.5)) if rank == "one" else tensor(rng, whole, spread)
    )
    strength = rng.uniform(0.5, 1.5) if rank == "one" else rng.uniform(-1, 1) * float(current)
    inner = Recipe(potential, diffusion, skew(rng, whole, strength, walls, 0.3 if rank == "one" else 0.6))
    scale = 10.0 ** rng.uniform(-log_scale, log_scale, d)
    centre = rng.uniform(-1, 1, d) * scale
    ends = _ends(rng, potential, kinds, DEPTH + 15.0 * (rank == "one"))
    axes, boundary = {}, {}
    for k, name in enumerate(NAMES[:d]):
        cells = int(rng.integers(*(FINER if rank == "one" else CELLS[d])))
        low, high = (float(centre[k] + scale[k] * e) for e in ends[k])
        axes[name], boundary[name] = (low, high, 2 * (cells // 2)), kinds[k]
    return Law(fp.Grid(boundary=boundary, **axes), potential, Scaled(inner, centre, scale))


def _potential(rng: np.random.Generator, kinds: tuple[str, ...]) -> Function:
    opened = np.array([k == "open" for k in kinds])
    d = len(kinds)
    stiff, quartic = rng.uniform(-0.3, 1.0, d), rng.uniform(0.05, 0.3, d)
    coupling = np.triu(rng.uniform(-0.4, 0.4, (d, d)), 1) * np.multiply.outer(opened, opened)
    tilt = np.where([k == "reflecting" for k in kinds], rng.uniform(-1.5, 1.5, d), 0.0)
    wave = Wave.draw(rng, rng.uniform(0.2, 1.0), [k == "periodic" for k in kinds])

    def evaluate(x: Any) -> Any:
        alone = (0.5 * stiff * x**2 + 0.25 * quartic * x**4) * opened + tilt * x
        return alone.sum(axis=1) + np.einsum("ni,ij,nj->n", x, coupling, x) + wave(x)

    return evaluate


def _ends(
    rng: np.random.Generator, potential: Function, kinds: tuple[str, ...], depth: float
) -> list[tuple[float, float]]:
    """The box in xi: open ends where the law is exp(-depth) of its largest or less, some more than others."""
    n = {1: 400, 2: 100, 3: 48}[len(kinds)]
    reach = {"open": WIDEST, "reflecting": 1.0, "periodic": np.pi}
    lines = [np.linspace(-reach[k], reach[k], n) for k in kinds]
    points = np.stack([m.ravel() for m in np.meshgrid(*lines, indexing="ij")], axis=1)
    u = potential(points).reshape((n,) * len(kinds))
    out = []
    for k, kind in enumerate(kinds):
        if kind != "open":
            out.append((-reach[kind], reach[kind]))
            continue
        lowest = u.min(axis=tuple(j for j in range(len(kinds)) if j != k))
        deep = np.flatnonzero(lowest < u.min() + depth + rng.uniform(0, 4))
        out.append((float(lines[k][deep[0] - 1]), float(lines[k][deep[-1] + 1])))
    return out


def reversible(law: Law, potential_known: bool) -> Law:
    """The same law with its symmetry told."""
    return replace(law, symmetric=potential_known)
