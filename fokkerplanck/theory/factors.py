"""The law of a batch's curvature in one direction, from the laws of the samples."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.batches import count_batches, mini_batches
from fokkerplanck.codegen import numpy_function
from fokkerplanck.laws import Data, Normal, Rademacher
from fokkerplanck.loss import Loss
from fokkerplanck.theory.linear import sample_batches
from fokkerplanck.theory.lyapunov import AtomicFactor, Factor, NormalFactor

Array = NDArray[np.float64]
_MOST_ATOMS = 4096
_DRAWS = 200_000


def curvature_factor(loss: Loss, entry: Any, batch: int, sampling: str, rng: np.random.Generator) -> Factor:
    """The standardised law of the batch mean of an expression in the samples: exact if normal or atomic."""
    space = loss.sample_space
    used = [s for s in space.laws if entry.has(s)]
    if space.is_affine([entry]) and all(isinstance(space.laws[s], Normal) for s in used):
        return NormalFactor()
    atoms = _atoms(loss, entry, used, batch, sampling)
    if atoms is None:
        values = sample_batches(loss, [entry], _DRAWS, batch, sampling, rng)[:, 0]
        return _standard(values, np.full(_DRAWS, 1 / _DRAWS), exact=False)
    return _standard(*atoms, exact=True)


def _standard(values: Array, weights: Array, exact: bool) -> AtomicFactor:
    centred = values - weights @ values
    return AtomicFactor(centred / math.sqrt(weights @ centred**2), weights, exact)


def _atoms(loss: Loss, entry: Any, used: list[Any], batch: int, sampling: str) -> tuple[Array, Array] | None:
    """Values and probabilities of the batch mean, or None where they are too many or continuous."""
    space = loss.sample_space
    signs = [s for s in used if isinstance(space.laws[s], Rademacher)]
    columns = [s for s in used if isinstance(space.laws[s], Data)]
    rows = space.rows if columns else None
    if (
        len(signs) + len(columns) < len(used)
        or 2 ** len(signs) * (1 if rows is None else len(rows)) > _MOST_ATOMS
    ):
        return None
    function = numpy_function([entry], [*columns, *signs, *loss.parameters])
    patterns = list(itertools.product((-1.0, 1.0), repeat=len(signs)))
    table = [[]] if rows is None else [[row[space.columns[s]] for s in columns] for row in rows]
    single = np.array(
        [float(function(*row, *p, *loss.parameter_values)[0]) for row in table for p in patterns]
    )
    if sampling == "without-replacement" and rows is not None:
        if signs or count_batches(len(rows), batch, replace=False) > _MOST_ATOMS:
            return None
        shares, picks = zip(*mini_batches(len(rows), batch, replace=False), strict=True)
        return _merge(np.array([single[list(p)].mean() for p in picks]), np.array(shares))
    values, weights = one_values, one_weights = _merge(single, np.full(len(single), 1 / len(single)))
    for _ in range(batch - 1):
        if len(values) * len(one_values) > 50 * _MOST_ATOMS:
            return None
        values, weights = _merge(
            np.add.outer(values, one_values).ravel(), np.multiply.outer(weights, one_weights).ravel()
        )
        if len(values) > _MOST_ATOMS:
            return None
    return values / batch, weights


def _merge(values: Array, weights: Array) -> tuple[Array, Array]:
    """Equal values (to 12 digits of the largest) taken together."""
    scale = max(float(np.abs(values).max()), 1e-300)
    _, first, back = np.unique(np.round(values / scale, 12), return_index=True, return_inverse=True)
    return values[first], np.bincount(back, weights=weights).astype(np.float64)
