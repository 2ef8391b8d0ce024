"""The chain linearised at a point: its mean Hessian, and how the samples' Hessians scatter about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from fokkerplanck.codegen import numpy_function
from fokkerplanck.formula import parse_number, symbol
from fokkerplanck.loss import Loss

Array = NDArray[np.float64]
_NOTHING = 1e-10  # relative size below which a curvature or a scatter counts as zero


@dataclass(frozen=True)
class Linearisation:
    """``u' = (1 - eta H_B) u - eta xi`` on the range of the mean Hessian, in its eigenbasis.

    Attributes
    ----------
    point : coordinates (d,)
    curvatures : eigenvalues of the mean Hessian on its range (k,)
    directions : eigenvectors (d, k)
    scatter : covariance of the batch Hessian's entries, (k, k, k, k)
    leaks : whether samples' Hessians couple the range with the mean Hessian's kernel
    gradient_across : largest component of the mean gradient on the range, over curvature
    sample_entries : the entries H_ij of one sample's Hessian as expressions in the samples, (d, d)
    """

    point: Array
    curvatures: Array
    directions: Array
    scatter: Array
    leaks: bool
    gradient_across: float
    sample_entries: Any

    @property
    def multiplies(self) -> bool:
        """Whether any sample changes the curvature."""
        size = float(np.abs(self.scatter).max(initial=0.0))
        return size > _NOTHING**2 * float(np.max(self.curvatures, initial=0.0)) ** 2

    def direction_entry(self, i: int, j: int) -> Any:
        """Entry (i, j) of one sample's Hessian in the eigenbasis, an expression in the samples."""
        left, right = sympy.Matrix(self.directions[:, i]), sympy.Matrix(self.directions[:, j])
        return sympy.expand((left.T * self.sample_entries * right)[0, 0])


def coordinates(loss: Loss, at: Mapping[str, Any]) -> Array:
    """``at`` as an array in the order of the variables."""
    unknown = [n for n in at if n not in loss.names]
    missing = [n for n in loss.names if n not in at]
    if unknown or missing:
        raise ValueError(
            f"at: got {dict(at)}; expected a value for each of the variables {', '.join(loss.names)} and "
            "nothing else"
        )
    return np.array([parse_number(at[n], loss.constants, what=f"at {n}") for n in loss.names])


def linearise(loss: Loss, point: Array, batch: int, sampling: str) -> Linearisation:
    """The linearised chain at a point (d,)."""
    numbers = {symbol(n): sympy.Float(v) for n, v in zip(loss.names, point, strict=True)}
    numbers |= {symbol(n): sympy.Float(v) for n, v in loss.constants.items()}
    hessian = loss.evaluate(loss.hessian, point)
    gradient = loss.evaluate(loss.gradient, point)[:, 0]
    values, vectors = np.linalg.eigh((hessian + hessian.T) / 2)
    kept = np.abs(values) > _NOTHING * max(float(np.abs(values).max()), 1e-300)
    basis = np.concatenate([vectors[:, kept], vectors[:, ~kept]], axis=1)
    sample = loss.sample_hessian.xreplace(numbers)
    d, k = len(point), int(kept.sum())
    scatter = _scatter(loss, sample, d, batch, sampling)
    rotated = np.einsum("ai,bj,abcd,ck,dl->ijkl", basis, basis, scatter, basis, basis)
    inner = rotated[:k, :k, :k, :k]
    variances = np.einsum("ijij->ij", rotated)
    outside = variances.copy()
    outside[:k, :k] = 0.0
    largest = float(np.abs(values).max(initial=0.0)) ** 2
    across = np.abs(vectors[:, kept].T @ gradient) / np.abs(values[kept])
    return Linearisation(
        point=point,
        curvatures=values[kept],
        directions=vectors[:, kept],
        scatter=inner,
        leaks=bool(np.abs(outside).max(initial=0.0) > _NOTHING * max(largest, 1e-300)),
        gradient_across=float(across.max(initial=0.0)),
        sample_entries=sample,
    )


def _scatter(loss: Loss, sample: Any, d: int, batch: int, sampling: str) -> Array:
    """Covariance of the batch Hessian's entries, (d, d, d, d)."""
    upper = [(i, j) for i in range(d) for j in range(i, d)]
    moving = [(i, j) for i, j in upper if sample[i, j].free_symbols]
    result = np.zeros((d, d, d, d))
    if not moving:
        return result
    numbers = {symbol(n): sympy.Float(v) for n, v in loss.constants.items()}
    covariance = loss.step_covariance([sample[i, j] for i, j in moving], batch, sampling).xreplace(numbers)
    for a, (i, j) in enumerate(moving):
        for b, (k, m) in enumerate(moving):
            for p, q in {(i, j), (j, i)}:
                for r, s in {(k, m), (m, k)}:
                    result[p, q, r, s] = float(covariance[a, b])
    return result


def sample_batches(
    loss: Loss, exprs: list[Any], count: int, batch: int, sampling: str, rng: np.random.Generator
) -> Array:
    """Batch means of expressions in the samples, (count, len(exprs)), drawn at random."""
    draws = loss.draws
    symbols = [s for draw in draws for s in draw.symbols]
    function = numpy_function(exprs, (*symbols, *loss.parameters))
    values = dict(zip(loss.parameters, loss.parameter_values, strict=True))
    total = np.zeros((count, len(exprs)))
    rows = loss.data
    picks = None
    if rows is not None and sampling == "without-replacement":
        picks = np.argsort(rng.random((count, len(rows))), axis=1)[:, :batch]
    for k in range(batch):
        columns: list[Array] = []
        for draw in draws:
            numbers = [float(p.subs(values)) for p in draw.parameters]
            if draw.kind == "normal":
                columns.append(rng.normal(numbers[0], numbers[1], count))
            elif draw.kind == "uniform":
                columns.append(rng.uniform(numbers[0], numbers[1], count))
            elif draw.kind == "rademacher":
                columns.append(rng.choice([-1.0, 1.0], count))
            elif rows is not None:
                chosen = picks[:, k] if picks is not None else rng.integers(len(rows), size=count)
                columns.extend(rows[chosen].T)
        total += np.stack(function(*columns, *loss.parameter_values), axis=-1)
    return total / batch
