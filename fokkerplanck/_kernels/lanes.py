"""How many particles are advanced together."""

from __future__ import annotations

from fokkerplanck._kernels._jit import lane

MOST = 256  # lanes of a block: with a few numbers each they fit in the first-level cache
LEAST = 32  # a multiple of what the vectoriser takes at once, so that no lane is left to a scalar loop


@lane
def lanes_of(particles: int) -> int:
    """Lanes of a block: no more than there are particles, in whole vectors."""
    return min(MOST, (particles + LEAST - 1) // LEAST * LEAST)
