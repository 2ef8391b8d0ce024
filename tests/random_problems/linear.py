"""Spectra and evolution known exactly: linear drift, constant coefficients on a torus, and between walls."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import expm, solve_continuous_lyapunov

import fokkerplanck as fp
from fokkerplanck.operators import Generator
from tests.random_problems.answer import Answer

Array = NDArray[np.float64]

NAMES = ("x", "y", "z")
CELLS = {1: (48, 160), 2: (36, 72), 3: (20, 28)}
WIDTH = 6.5  # of the box, in standard deviations on either side


@dataclass(frozen=True)
class Linear:
    """``dX = (push - pull X) dt + sqrt(2 D) dW``."""

    pull: Array
    diffusion: Array
    push: Array

    def __call__(self, x: Array) -> tuple[Array, Array]:
        return self.push - x @ self.pull.T, np.tile(self.diffusion, (len(x), 1, 1))

    @property
    def covariance(self) -> Array:
        return np.asarray(solve_continuous_lyapunov(self.pull, 2 * self.diffusion))


def ornstein_uhlenbeck(rng: np.random.Generator, d: int) -> Iterator[Answer]:
    """Any stable matrix and any D: rates are sums of eigenvalues, a normal law stays normal."""
    process = _ornstein_uhlenbeck(rng, d)
    covariance = process.covariance
    # Starts elsewhere, narrower, and in another shape.
    root = 0.6 * np.linalg.cholesky(covariance) @ np.linalg.qr(rng.normal(size=(d, d)))[0]
    root = root * rng.uniform(0.7, 1.1, d)
    start, mean = root @ root.T, np.sqrt(np.diag(covariance)) * rng.uniform(-1, 1, d)
    reach = WIDTH * np.sqrt(np.diag(covariance)) + np.abs(mean)
    grid = _grid(rng, -reach, reach, "open")
    gen = Generator(grid, process)
    yield from _rates(rng, gen, _sums(np.linalg.eigvals(process.pull)))
    inverse = np.linalg.inv(start)

    def density(*x: Array) -> Array:
        away = np.stack(x, axis=-1) - mean
        return np.asarray(np.exp(-0.5 * np.einsum("ni,ij,nj->n", away, inverse, away)))

    t = float(rng.uniform(0.1, 2.0) / np.linalg.eigvals(process.pull).real.mean())
    flow = expm(-process.pull * t)
    there, spread = flow @ mean, flow @ (start - covariance) @ flow.T + covariance
    p = gen.evolve(density, [t])[0]
    k, j = int(rng.integers(d)), int(rng.integers(d))
    a, b = NAMES[k], NAMES[j]
    yield Answer("evolved mean", p.mean(a), float(there[k]))
    yield Answer("evolved moment", p.mean(f"{a}*{b}"), float(spread[k, j] + there[k] * there[j]))
    point = there + np.linalg.cholesky(spread) @ rng.normal(size=d)
    away = point - there
    exact = np.exp(-0.5 * away @ np.linalg.solve(spread, away)) / np.sqrt(np.linalg.det(2 * np.pi * spread))
    yield Answer("evolved density", p.at(**dict(zip(NAMES, point.tolist(), strict=False))), float(exact))


def torus(rng: np.random.Generator, d: int) -> Iterator[Answer]:
    """Constant drift and full D on a torus: a wave of vector k decays at k.Dk and turns at k.b."""
    diffusion, push = _tensor(rng, d), rng.uniform(-2, 2, d)
    process = Linear(np.zeros((d, d)), diffusion, push)
    low = rng.uniform(-np.pi, np.pi, d)
    grid = _grid(rng, low, low + 2 * np.pi, "periodic")
    gen = Generator(grid, process)
    vectors = np.array(list(itertools.product(range(-3, 4), repeat=d)))
    rates = np.einsum("ni,ij,nj->n", vectors, diffusion, vectors) + 1j * (vectors @ push)
    yield from _rates(rng, gen, rates)
    k = rng.integers(1, 3, d) * rng.choice([-1, 1], d)
    t = float(rng.uniform(0.1, 1.0) / (k @ diffusion @ k))
    p = gen.evolve(lambda *x: 1 + 0.8 * np.cos(np.stack(x, axis=-1) @ k), [t])[0]
    phase = float(rng.uniform(0, 2 * np.pi))
    got = p.mean(lambda *x: np.cos(np.stack(x, axis=-1) @ k - phase))
    yield Answer(
        "evolved wave", got, float(0.4 * np.exp(-t * k @ diffusion @ k) * np.cos(phase - t * k @ push))
    )


def between_walls(rng: np.random.Generator, d: int) -> Iterator[Answer]:
    """Diagonal D and constant drift between walls: rates D (pi n/l)^2 + b^2/4D, or 0, along every axis."""
    spread, length = 10 ** rng.uniform(-0.5, 0.5, d), 10 ** rng.uniform(-0.3, 0.3, d)
    push = rng.uniform(-4, 4, d) * spread / length
    process = Linear(np.zeros((d, d)), np.diag(spread), push)
    low = rng.uniform(-1, 1, d)
    gen = Generator(_grid(rng, low, low + length, "reflecting"), process)
    n = np.arange(6)
    alone = [np.where(n > 0, s * (np.pi * n / e) ** 2 + b**2 / (4 * s), 0.0)
             for s, e, b in zip(spread, length, push, strict=True)]  # fmt: skip
    sums = np.sort([sum(c) for c in itertools.product(*alone)])
    yield from _rates(rng, gen, sums.astype(complex))


def _rates(rng: np.random.Generator, gen: Generator, exact: NDArray[np.complex128]) -> Iterator[Answer]:
    """The second rate and one more, where their neighbours are far enough to know them apart."""
    exact = exact[np.argsort(exact.real)]
    found = gen.spectrum(5)
    distinct = [1]
    for i in range(2, 4):
        others = np.delete(exact.real, i)
        if np.abs(others - exact.real[i]).min() > 0.05 * exact.real[i]:
            distinct.append(i)
    yield Answer("slowest rate", found.rates[1], float(exact[1].real))
    yield Answer("slowest frequency", found.frequencies[1], float(abs(exact[1].imag)))
    for i in distinct[1:]:
        yield Answer("another rate", found.rates[i], float(exact[i].real))


def _sums(values: NDArray[np.complex128]) -> NDArray[np.complex128]:
    counts = itertools.product(range(7), repeat=len(values))
    return np.array([np.dot(c, values) for c in counts])


def _ornstein_uhlenbeck(rng: np.random.Generator, d: int) -> Linear:
    """Drift matrix of an anisotropic well that is turned, with a rotation in it."""
    turn = np.linalg.qr(rng.normal(size=(d, d)))[0]
    pull = turn @ np.diag(10 ** rng.uniform(-0.25, 0.25, d)) @ turn.T
    spin = rng.uniform(-0.7, 0.7, (d, d))
    return Linear(pull + spin - spin.T, _tensor(rng, d), np.zeros(d))


def _tensor(rng: np.random.Generator, d: int) -> Array:
    turn = np.linalg.qr(rng.normal(size=(d, d)))[0]
    return np.asarray(turn @ np.diag(10 ** rng.uniform(-0.5, 0.5, d)) @ turn.T)


def _grid(rng: np.random.Generator, low: Array, high: Array, boundary: str) -> fp.Grid:
    cells = [2 * int(rng.integers(*CELLS[len(low)]) // 2) for _ in low]
    room = rng.uniform(0, 0.1, (2, len(low))) * (high - low) * (boundary == "open")
    ends = zip((low - room[0]).tolist(), (high + room[1]).tolist(), cells, strict=True)
    return fp.Grid(boundary=boundary, **dict(zip(NAMES, ends, strict=False)))
