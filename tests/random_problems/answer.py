"""An answer beside what it should have been."""

from __future__ import annotations

from dataclasses import dataclass

import fokkerplanck as fp

ROUNDING = 1e-9  # relative: iterations and quadrature end there
LEAST = 1e-12  # and absolute, for answers that are 0


@dataclass(frozen=True)
class Answer:
    """What was asked, the estimate that came, and the exact value."""

    question: str
    estimate: fp.Estimate
    exact: float

    @property
    def ratio(self) -> float:
        """Distance from the exact value in units of the error."""
        return abs(self.estimate.value - self.exact) / (self.estimate.error + self._rounding)

    def covered(self, factor: float = 3.0, shrink: float = 1.0) -> bool:
        """Whether the value lies within `factor` errors, themselves `shrink` times what was quoted."""
        room = factor * shrink * self.estimate.error + self._rounding
        return abs(self.estimate.value - self.exact) <= room

    @property
    def _rounding(self) -> float:
        return ROUNDING * abs(self.exact) + LEAST
