"""Weak and strong features in patches (after Lu, Wu, Yang, Zou 2023): data and parameters, nothing trained.

A point has three patches, (y u, y v or 0, xi): the weak feature u is in every point, the strong one v in
most, noise in all. The network is two-layer, with squared ReLU and a fixed second layer: +1/m for m neurons,
-1/m for m others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
TITLE = "Weak and strong features in patches"
SOURCE = "after Lu, Wu, Yang, Zou (2023); data and network as recalled, parameters this project's own"


@dataclass(frozen=True)
class Parameters:
    """Sizes and norms.

    Attributes
    ----------
    points, dimension, neurons : training points; length of a patch; neurons of each sign (m)
    weak, strong, noise : |u|, |v| and the root of E|xi|^2
    missing : share of the points without v
    start : standard deviation of an initial weight
    """

    points: int = 100
    dimension: int = 500
    neurons: int = 10
    weak: float = 0.2
    strong: float = 1.0
    noise: float = 1.0
    missing: float = 0.05
    start: float = 0.01


@dataclass(frozen=True)
class Points:
    """Labels (n,), whether v is there (n,), and the noise patch without the feature directions (n, d - 2)."""

    label: Array
    has_strong: NDArray[np.bool_]
    noise: Array


def points(rng: np.random.Generator, n: int, p: Parameters, missing: float) -> Points:
    """Draw `n` points, the share `missing` of them without the strong feature (to a whole number)."""
    return Points(
        rng.choice([-1.0, 1.0], n),
        np.arange(n) >= round(missing * n),
        rng.standard_normal((n, p.dimension - 2)) * p.noise / np.sqrt(p.dimension - 2),
    )
