"""Needles: elongated D in the plane whose law is known, and given without a potential."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

import fokkerplanck as fp
from fokkerplanck.operators import Generator
from tests.random_problems.answer import Answer

Array = NDArray[np.float64]


def needle(
    angle: float, thickness: float, circulation: float, cells: int, reach: float = 9.0
) -> tuple[Generator, Array]:
    """D = diag(1, thickness) in axes turned by an angle, with the law exp(-|x|^2/2); and the short axis.

    Two Ornstein–Uhlenbeck processes on these axes, coupled by a circulation.
    """
    c, s = np.cos(angle), np.sin(angle)
    turn = np.array([[c, -s], [s, c]])
    tensor = turn @ np.diag([1.0, thickness]) @ turn.T
    flow = tensor + circulation * np.array([[0.0, 1.0], [-1.0, 0.0]])

    def coefficients(x: Array) -> tuple[Array, Array]:
        return -x @ flow.T, np.tile(tensor, (len(x), 1, 1))

    ends = (-reach, reach, cells)
    return Generator(fp.Grid(x=ends, y=ends), coefficients), turn[:, 1]


def needles(rng: np.random.Generator) -> Iterator[Answer]:
    """The variance along the short axis of a random one, of condition 60 to 30 000; it is 1."""
    angle, cells = rng.uniform(0, np.pi), int(rng.choice([48, 64, 96]))
    thickness, circulation = 10 ** rng.uniform(-4.5, -1.8), float(rng.choice([0.0, 0.0, 0.01, 0.1]))
    generator, short = needle(angle, thickness, circulation, cells)
    got = generator.stationary().mean(lambda x, y: (short[0] * x + short[1] * y) ** 2)
    yield Answer("variance along the short axis", got, 1.0)
