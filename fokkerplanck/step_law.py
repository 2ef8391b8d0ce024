"""The law of one step of SGD from given points, as the transition operator takes it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from fokkerplanck.batches import count_batches, mini_batches
from fokkerplanck.loss import Data, Loss, Normal, Rademacher
from fokkerplanck.operators import Step

Array = NDArray[np.float64]

MAX_BATCHES = 512  # different mini-batches that are enumerated

MATCHED = "steps replaced by a Gaussian of the same mean and covariance"


def step_law(loss: Loss, lr: float, batch: int, sampling: str) -> tuple[Callable[[Array], Step], str]:
    """Displacements and covariance of one step, and a sentence if they only match its first two moments.

    Exact where the noise is affine in normal samples, with few enough different mini-batches of the others.
    """
    mean = loss.gradient
    normal, discrete = _kinds(loss)
    if not discrete and loss.is_gaussian:
        return _gaussian(loss, lr, mean, loss.noise_covariance(batch, sampling)), ""
    if discrete is not None and loss.is_affine and normal:
        atoms = _atoms(loss, discrete, batch, sampling)
        if atoms is not None:
            return _mixture(loss, lr, batch, normal, atoms), ""
    return _gaussian(loss, lr, mean, loss.noise_covariance(batch, sampling)), _why(loss, normal, discrete)


def _why(loss: Loss, normal: list[Any], discrete: list[Any] | None) -> str:
    """Why a step only matches two moments; a single step of atoms is no density, however few they are."""
    if discrete is None:
        reason = "some samples are neither normal nor discrete"
    elif not normal:
        reason = "a discrete step has no density on a grid"
    elif not loss.is_affine:
        reason = "the gradient is not affine in the samples"
    else:
        reason = f"there are more than {MAX_BATCHES} different mini-batches"
    return f"{MATCHED}, because {reason}: compare first and second moments only"


def _gaussian(loss: Loss, lr: float, mean: Any, covariance: Any) -> Callable[[Array], Step]:
    def step(points: Array) -> Step:
        shift = -lr * loss.evaluate(mean, points)[:, :, 0]
        return Step(shift[:, None, :], np.ones(1), lr**2 * loss.evaluate(covariance, points))

    return step


def _mixture(
    loss: Loss, lr: float, batch: int, normal: list[Any], atoms: list[tuple[float, dict[Any, float]]]
) -> Callable[[Array], Step]:
    """A Gaussian around the displacement of each mini-batch of the discrete samples (affine gradient)."""
    centres = {s: loss.law_parameters[s][0] for s in normal}
    gradients = [loss.sample_gradient.subs({**centres, **values}) for _, values in atoms]
    weight = np.array([w for w, _ in atoms])
    slopes = [loss.sample_gradient.diff(s) * loss.law_parameters[s][1] for s in normal]
    covariance = sum((g * g.T / batch for g in slopes), sympy.zeros(len(loss.names)))

    def step(points: Array) -> Step:
        shift = np.stack([-lr * loss.evaluate(g, points)[:, :, 0] for g in gradients], axis=1)
        return Step(shift, weight, lr**2 * loss.evaluate(covariance, points))

    return step


def _kinds(loss: Loss) -> tuple[list[Any], list[Any] | None]:
    """Normal samples in use, and the discrete ones (None if a continuous one is not normal)."""
    used = loss.sample_gradient.free_symbols
    laws = {s: law for s, law in loss.laws.items() if s in used}
    normal = [s for s, law in laws.items() if isinstance(law, Normal)]
    discrete = [s for s, law in laws.items() if isinstance(law, Rademacher | Data)]
    return normal, discrete if len(normal) + len(discrete) == len(laws) else None


def _atoms(
    loss: Loss, discrete: list[Any], batch: int, sampling: str
) -> list[tuple[float, dict[Any, float]]] | None:
    """Batch means of the discrete samples with their probabilities; None if there are too many."""
    factors: list[list[tuple[float, dict[Any, float]]]] = []
    for s in discrete:
        if isinstance(loss.laws[s], Rademacher):
            factors.append(
                [(math.comb(batch, k) * 0.5**batch, {s: (2 * k - batch) / batch}) for k in range(batch + 1)]
            )
    columns = [s for s in discrete if isinstance(loss.laws[s], Data)]
    if columns and loss.data is not None:
        n = len(loss.data)
        replace = sampling == "iid"
        if count_batches(n, batch, replace) > MAX_BATCHES:
            return None
        factors.append(
            [
                (w, {c: float(loss.data[list(rows), loss.columns[c]].mean()) for c in columns})
                for w, rows in mini_batches(n, batch, replace)
            ]
        )
    if math.prod(len(f) for f in factors) > MAX_BATCHES:
        return None
    atoms = []
    for choice in itertools.product(*factors):
        merged: dict[Any, float] = {}
        for _, values in choice:
            merged |= values
        atoms.append((math.prod(w for w, _ in choice), merged))
    return atoms
