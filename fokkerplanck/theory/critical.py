"""Minima and saddles of the mean loss, found numerically."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.codegen import numpy_function
from fokkerplanck.loss import Loss

Array = NDArray[np.float64]
_STEPS = 2000


@dataclass(frozen=True)
class Landscape:
    """Value, gradient and Hessian of the mean loss at a point (d,)."""

    value: Callable[[Array], float]
    gradient: Callable[[Array], Array]
    hessian: Callable[[Array], Array]

    @classmethod
    def of(cls, loss: Loss) -> Landscape:
        """Of a Loss, its constants at their values."""
        d = len(loss.variables)
        entries = [loss.mean, *loss.gradient, *loss.hessian]
        function = numpy_function(entries, (*loss.variables, *loss.parameters))

        def at(point: Array) -> Array:
            return np.array([float(v) for v in function(*point, *loss.parameter_values)])

        return cls(
            lambda p: float(at(p)[0]),
            lambda p: at(p)[1 : d + 1],
            lambda p: at(p)[d + 1 :].reshape(d, d),
        )

    def minimum(self, start: Array) -> Array | None:
        """The minimum whose basin holds the start: a damped descent, then Newton; None if there is none."""
        return self._follow(start, climbing=None)

    def saddles(self, minimum: Array) -> list[Array]:
        """Index-1 saddles reached by following each soft direction uphill from a minimum."""
        _, vectors = np.linalg.eigh(self.hessian(minimum))
        found: list[Array] = []
        for mode in vectors.T:
            for sign in (1.0, -1.0):
                saddle = self._follow(minimum + 1e-2 * sign * mode, climbing=sign * mode)
                if saddle is not None and not any(np.allclose(saddle, s, atol=1e-6) for s in found):
                    found.append(saddle)
        return found

    def _follow(self, start: Array, climbing: Array | None) -> Array | None:
        """Eigenvector following: short steps downhill in all modes but the climbed one, Newton at the end."""
        point, mode = start.astype(float), climbing
        origin = point.copy()
        for _ in range(_STEPS):
            slope, hessian = self.gradient(point), self.hessian(point)
            if not (np.isfinite(slope).all() and np.isfinite(hessian).all()):
                return None
            values, vectors = np.linalg.eigh(hessian)
            parts = vectors.T @ slope
            # Steps grow with the distance, so that a slope without end is given up soon.
            longest = 0.02 * (1 + float(np.abs(point - origin).max()))
            newton = np.abs(parts) / np.maximum(np.abs(values), 1e-12)
            direction = -np.sign(parts) * np.minimum(newton, longest)
            wanted = np.ones(len(values))
            if mode is not None:
                k = int(np.argmax(np.abs(vectors.T @ mode)))
                mode = vectors[:, k] * np.sign(vectors[:, k] @ mode)
                direction[k] *= -1
                wanted[k] = -1
            point = point + vectors @ direction
            if np.abs(direction).max() < 1e-12:
                return point if np.all(values * wanted > 0) else None
            if np.abs(point).max() > 1e6:
                return None
        return None
