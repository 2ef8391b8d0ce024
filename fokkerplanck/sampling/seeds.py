"""One 64-bit seed from whatever the user passes as `rng`."""

from __future__ import annotations

from typing import Any

import numpy as np

from fokkerplanck.sampling.checkpoint import Checkpoint


def seed_of(rng: Any, checkpoint: Checkpoint | None = None) -> int:
    """Seed below 2**63 drawn through ``np.random.default_rng``: None, int, SeedSequence or Generator.

    A run without a seed that goes on from a checkpoint goes on with the seed of that.

    >>> seed_of(0) == seed_of(0)
    True
    """
    if rng is None and checkpoint is not None and checkpoint.seed is not None:
        return checkpoint.seed
    try:
        generator = np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        expected = "give None, a whole number, a SeedSequence or a Generator"
        raise ValueError(f"rng is {rng!r}: {expected}") from error
    return int(generator.integers(2**63))
