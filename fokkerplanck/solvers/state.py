"""A density on its way, and what has been absorbed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class State:
    """Masses (n,) of the cells, mass ``absorbed`` (sinks,) so far, and a bound on the error of all in L1.

    The flow of a chain contracts L1, so the bounds of successive steps add up.
    """

    masses: Array
    absorbed: Array
    error: float = 0.0

    def moved(self, masses: Array, gained: Array, error: float) -> State:
        """Return the state after a step that ended with `masses` and sent ``gained`` (sinks,) to the sinks.

        Negative masses become zero and the total is put right; both are added to the error.
        """
        total = float(self.masses.sum())
        negative = -float(np.minimum(masses, 0.0).sum())
        kept = np.maximum(masses, 0.0)
        gained = np.maximum(gained, 0.0)
        found = float(kept.sum() + gained.sum())
        scale = total / found if found > 0 else 1.0
        error += 2.0 * negative + abs(found - negative - total)
        return State(scale * kept, self.absorbed + scale * gained, self.error + error)

    def blurred(self, error: float) -> State:
        """Return the same state with `error` more."""
        return replace(self, error=self.error + error)

    def distance(self, other: State) -> float:
        """Return the distance in L1, sinks included."""
        return float(np.abs(self.masses - other.masses).sum() + np.abs(self.absorbed - other.absorbed).sum())
