"""Handwritten digits (shipped with scikit-learn) for a two-layer network: data and parameters only."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
TITLE = "Digits for a two-layer network"
SOURCE = (
    "scikit-learn's copy of the UCI handwritten digits; the experiment after Mohtashami, Jaggi, Stich (2023)"
)


@dataclass(frozen=True)
class Parameters:
    """Sizes and steps.

    Attributes
    ----------
    train : training images; the rest of the 1797 are for the test
    hidden : ReLU neurons
    batch : images in a mini-batch
    large : the large step
    reuse : k; the small step is large/k, and k of them count as one large step
    """

    train: int = 400
    hidden: int = 32
    batch: int = 16
    large: float = 0.5
    reuse: int = 16


def images(rng: np.random.Generator, p: Parameters) -> tuple[Array, Array, Array, Array]:
    """Pixels (n, 64) in 0 to 1, targets (n, 10) with 1 for the class: for training, then for the test."""
    digits = import_module("sklearn.datasets").load_digits()  # an extra: pip install 'fokkerplanck[digits]'
    order = rng.permutation(len(digits.target))
    x, y = np.asarray(digits.data, float)[order] / 16, np.eye(10)[digits.target[order]]
    return x[: p.train], y[: p.train], x[p.train :], y[p.train :]
