"""Looking at a run now and then, without keeping it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from fokkerplanck.sampling.runs import Array


@dataclass(frozen=True)
class Frames:
    """Every so many steps, ``note(frame, x, coarse)`` is shown the states (n, d); frame 0 is the start.

    ``held``: the arrays it writes to, so that a checkpoint keeps them with the states.
    """

    every: int
    note: Callable[[int, Array, Array | None], None]
    held: Mapping[str, NDArray[Any]] = field(default_factory=dict)
