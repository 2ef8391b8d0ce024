"""First passage known exactly: one coordinate that goes by itself, and ellipses with a time to order."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import fokkerplanck as fp
from fokkerplanck.operators import Generator
from tests.random_problems.answer import Answer
from tests.random_problems.fields import Wave
from tests.random_problems.line import Line

Array = NDArray[np.float64]

NAMES = ("x", "y", "z")
CELLS = {1: (48, 160), 2: (40, 80), 3: (24, 34)}


@dataclass(frozen=True)
class Driver:
    """Coordinates (u, v, ...): u goes by itself, the others follow it and share its noise; x = frame @ them.

    Whatever depends on u alone is that of one dimension, though on the grid D is full and state-dependent.
    """

    line: Line
    frame: Array
    rest: tuple[Wave, ...]
    shared: float
    noise: float

    def __call__(self, x: Array) -> tuple[Array, Array]:
        w = x @ np.linalg.inv(self.frame).T
        d = w.shape[1]
        drift, root = -w, np.zeros((len(w), d, d))
        drift[:, 0] = self.line.drift(w[:, 0])
        root[:, 0, 0] = np.sqrt(self.line.diffusion(w[:, 0]))
        for k in range(1, d):
            pull, push, lean = self.rest[3 * (k - 1) : 3 * k]
            drift[:, k] = -w[:, k] * (1 + 0.5 * pull(w)) + push(w)
            root[:, k, 0] = self.shared * (1 + 0.5 * lean(w))
            root[:, k, k] = self.noise
        diffusion = root @ np.swapaxes(root, 1, 2)
        return drift @ self.frame.T, self.frame @ diffusion @ self.frame.T


def driver(rng: np.random.Generator, frame: Array) -> Driver:
    """Random coefficients: u in a well or two, with noise that varies."""
    a, c = rng.uniform(-0.6, 1.0), rng.uniform(0.1, 0.4)
    tilt, size = rng.uniform(-0.5, 0.5), np.exp(rng.uniform(-0.7, 0.5))
    wave = Wave.draw(rng, 0.5, [False])

    def drift(u: Array) -> Array:
        return size * (tilt - a * u - c * u**3)

    def diffusion(u: Array) -> Array:
        return np.asarray(size * np.exp(wave(u[..., None])))

    d = len(frame)
    rest = tuple(Wave.draw(rng, 0.7, [False] * d) for _ in range(3 * (d - 1)))
    return Driver(Line(drift, diffusion), frame, rest, rng.uniform(-1, 1), np.exp(rng.uniform(-1.0, 0.3)))


def region(rng: np.random.Generator, d: int) -> Iterator[Answer]:
    """Exits through one edge and two, and committors, at edges that lie across the cells at any angle."""
    frame = _rotation(rng, d) @ np.diag(10 ** rng.uniform(-0.2, 0.2, d))
    process = driver(rng, frame)
    low, high = rng.uniform(-1.5, -0.6), rng.uniform(0.5, 1.3)
    start = np.concatenate([[rng.uniform(0.7 * low, 0.7 * high)], rng.uniform(-0.5, 0.5, d - 1)])
    bottom, _ = process.line.reach(22.0)
    corners = np.array(list(itertools.product((bottom, high + 0.3), *((-5.5, 5.5),) * (d - 1)))) @ frame.T
    grid = _grid(rng, corners.min(axis=0), corners.max(axis=0))
    gen = Generator(grid, process)
    x0 = dict(zip(NAMES, (frame @ start).tolist(), strict=False))
    across = np.linalg.inv(frame)[0]
    u = " + ".join(f"({c!r})*{n}" for c, n in zip(across.tolist(), NAMES, strict=False))
    line = process.line
    yield Answer(
        "exit time, one edge",
        gen.exit_time(f"{u} < {high!r}").at(**x0),
        line.exit_time(start[0], process.line.reach(30.0)[0], high, natural=True),
    )
    yield Answer(
        "exit time, two edges",
        gen.exit_time(f"{low!r} < {u} < {high!r}").at(**x0),
        line.exit_time(start[0], low, high, natural=False),
    )
    q = gen.committor(f"{u} < {low!r}", f"{u} > {high!r}").at(**x0)
    yield Answer("committor", q, line.committor(start[0], low, high))
    rate = gen.quasi_stationary(f"{low!r} < {u} < {high!r}")[1]
    yield Answer("decay rate", rate, line.decay_rate(low, high))


def ends(rng: np.random.Generator, d: int) -> Iterator[Answer]:
    """Exits through ends of the box that absorb, or one that absorbs and one that reflects."""
    frame = np.eye(d) + np.tril(rng.uniform(-0.7, 0.7, (d, d)), -1)
    process = driver(rng, frame)
    low, high = rng.uniform(-1.5, -0.6), rng.uniform(0.5, 1.3)
    start = np.concatenate([[rng.uniform(0.7 * low, 0.7 * high)], rng.uniform(-0.5, 0.5, d - 1)])
    reach = np.abs(frame) @ np.concatenate([[max(-low, high)], np.full(d - 1, 5.5)])
    x0 = dict(zip(NAMES, (frame @ start).tolist(), strict=False))
    both = bool(d > 1 or rng.random() < 0.5)
    pair = ("absorbing" if both else "reflecting", "absorbing")
    grid = _grid(rng, -reach, reach, (low, high), pair)
    gen = Generator(grid, process)
    exact = process.line.exit_time(start[0], low, high, natural=not both)
    yield Answer("exit time, ends", gen.exit_time().at(**x0), exact)
    if both:
        yield Answer("decay rate, ends", gen.quasi_stationary()[1], process.line.decay_rate(low, high))


@dataclass(frozen=True)
class Ellipse:
    r"""A process with the mean exit time :math:`T = F(s)`, or the committor F, with :math:`s = x\cdot A x`.

    D(x) = k (A^-1 + s E(x)) is full and varies, and :math:`b = Q(x) A x - g(x)\,x` with any skew Q: then
    :math:`L F = F'\,(2\,\mathrm{tr}\,D A - 2 g s) + 4 F''\, A x\cdot D A x`, which g makes to be `source`.
    """

    a: Array
    strength: float
    slope: Callable[[Array], Array]  # F'
    bend: Callable[[Array], Array]  # F''
    extra: tuple[Wave, Wave]
    direction: Array
    source: float

    def __call__(self, x: Array) -> tuple[Array, Array]:
        d = x.shape[1]
        ax = x @ self.a
        s = np.einsum("ni,ni->n", x, ax)
        more = np.multiply.outer(0.3 * (1 + 0.8 * self.extra[0](x)) * s, self.direction)
        diffusion = self.strength * (np.linalg.inv(self.a) + more)
        first, second = self.slope(s), self.bend(s)
        trace = np.einsum("nij,ji->n", diffusion, self.a)
        square = np.einsum("ni,nij,nj->n", ax, diffusion, ax)
        g = (2 * first * trace + 4 * second * square - self.source) / (2 * np.maximum(s, 1e-3) * first)
        skew = np.zeros((len(x), d, d))
        skew[:, 0, -1] = 1.5 * self.extra[1](x) * (d > 1)
        skew[:, -1, 0] = -skew[:, 0, -1] * (d > 1)
        return np.einsum("nij,nj->ni", skew, ax) - g[:, None] * x, diffusion


def ellipse(rng: np.random.Generator, d: int) -> Iterator[Answer]:
    """The mean time to leave an ellipse, from its middle and near the edge; or to cross a shell of it."""
    turn = _rotation(rng, d)
    a = turn @ np.diag(10 ** rng.uniform(-0.3, 0.3, d)) @ turn.T
    entry = a.tolist()
    strength, bent = 10 ** rng.uniform(-1, 1), rng.uniform(-0.3, 1.5)
    waves = (Wave.draw(rng, 1.0, [False] * d), Wave.draw(rng, 1.0, [False] * d))
    lean = rng.normal(size=d)
    direction = np.multiply.outer(lean, lean) / (lean @ lean)
    # F = c (1 - s)(1 + bent s) with L F = -1 at s = 0, where L F = 2 F'(0) strength d.
    c = 1.0 / (2 * strength * d * (1 - bent)) if bent < 0.8 else 0.0
    inside = " + ".join(f"({entry[i][j]!r})*{NAMES[i]}*{NAMES[j]}" for i in range(d) for j in range(d))
    reach = 1.25 * np.sqrt(np.diag(np.linalg.inv(a)))
    grid = _grid(rng, -reach, reach)
    x0 = turn @ rng.normal(size=d)
    x0 *= np.sqrt(rng.uniform(0.05, 0.85) / (x0 @ a @ x0))
    point = dict(zip(NAMES, x0.tolist(), strict=False))
    s0 = float(x0 @ a @ x0)
    if c > 0:
        process = Ellipse(
            a, strength, lambda s: c * (bent - 1 - 2 * bent * s), lambda s: np.full_like(s, -2 * c * bent),
            waves, direction, -1.0,
        )  # fmt: skip
        if not (c * (bent - 1 - 2 * bent * np.linspace(0, 2, 50)) < 0).all():
            return
        t = Generator(grid, process).exit_time(f"{inside} < 1").at(**point)
        yield Answer("exit time, ellipse", t, c * (1 - s0) * (1 + bent * s0))
        return
    s1 = 0.6 * s0
    power = rng.uniform(-1.0, 1.5)

    def f(s: float) -> float:
        return (s**power - s1**power) / (1.0 - s1**power)

    scale = 1.0 / (1.0 - s1**power)
    process = Ellipse(
        a, strength, lambda s: scale * power * np.maximum(s, 1e-3) ** (power - 1),
        lambda s: scale * power * (power - 1) * np.maximum(s, 1e-3) ** (power - 2),
        waves, direction, 0.0,
    )  # fmt: skip
    q = Generator(grid, process).committor(f"{inside} < {s1!r}", f"{inside} > 1").at(**point)
    yield Answer("committor, shell", q, f(s0))


def _rotation(rng: np.random.Generator, d: int) -> Array:
    return np.asarray(np.linalg.qr(rng.normal(size=(d, d)))[0])


def _grid(
    rng: np.random.Generator,
    low: Array,
    high: Array,
    first: tuple[float, float] | None = None,
    pair: tuple[str, str] = ("open", "open"),
) -> fp.Grid:
    """Cells over (low, high) and a little more; the first axis may have ends of its own."""
    d = len(low)
    axes = {}
    for k, name in enumerate(NAMES[:d]):
        room = rng.uniform(0, 0.1, 2) * (high[k] - low[k])
        pair_of_ends = (low[k] - room[0], high[k] + room[1]) if k or first is None else first
        axes[name] = (*map(float, pair_of_ends), 2 * int(rng.integers(*CELLS[d]) // 2))
    return fp.Grid(boundary={"x": pair}, **axes)
