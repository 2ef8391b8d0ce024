"""Top Lyapunov exponent of products of random matrices 1 - eta H_B, by simulation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.loss import Loss
from fokkerplanck.theory.linear import Linearisation, sample_batches

Array = NDArray[np.float64]
_REPLICAS, _STEPS, _BURN = 32, 600, 60


@dataclass(frozen=True)
class ProductExponent:
    """The same draws serve every learning rate and noise scale, so that roots are smooth."""

    mean: Array  # (k,) curvatures
    deviations: Array  # (steps, replicas, k, k)

    @classmethod
    def draw(cls, loss: Loss, linear: Linearisation, batch: int, sampling: str, seed: int) -> Self:
        """Batch Hessians in the eigenbasis, less their mean."""
        d, basis = linear.directions.shape[0], linear.directions
        entries = [linear.sample_entries[i, j] for i in range(d) for j in range(d)]
        rng = np.random.default_rng(seed)
        drawn = sample_batches(loss, entries, _STEPS * _REPLICAS, batch, sampling, rng)
        full = drawn.reshape(_STEPS, _REPLICAS, d, d)
        rotated = np.einsum("ai,trab,bj->trij", basis, full, basis)
        return cls(linear.curvatures, rotated - np.diag(linear.curvatures))

    def exponents(self, lr: float, scale: float) -> Array:
        """Growth rate of a vector, an estimate a replica (replicas,), after a burn-in."""
        steps, replicas, k, _ = self.deviations.shape
        vectors = np.full((replicas, k), 1 / np.sqrt(k))
        keep = 1 - lr * self.mean
        total = np.zeros(replicas)
        for t in range(steps):
            pushed = np.einsum("rij,rj->ri", self.deviations[t], vectors)
            vectors = keep * vectors - lr * scale * pushed
            size = np.linalg.norm(vectors, axis=1)
            size = np.where(size > 0, size, np.finfo(float).tiny)
            vectors /= size[:, None]
            if t >= _BURN:
                total += np.log(size)
        return np.asarray(total / (steps - _BURN))
