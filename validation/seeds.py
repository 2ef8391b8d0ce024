"""All seeds at once: ``python -m validation --seed N`` repeats every claim with other random numbers."""

from __future__ import annotations

_shift = 0


def shift(by: int) -> None:
    """Set what is added; 0 gives the seeds that stand in the modules."""
    global _shift
    _shift = by


def seed(base: int) -> int:
    """The seed to use for a module's own `base`. Bases below a million never meet, whatever the shift."""
    return base + 1_000_000 * _shift
