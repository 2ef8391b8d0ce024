"""What the engines return: plain arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class PathRun:
    """End of an ensemble of SDE paths.

    ``final`` (n, d) at step dt; ``coarse`` (n, d) the same paths, with the same noise, at step 2 dt: the
    difference of a mean over both is its step bias; ``diverged`` (n,). What diverged is nan.
    """

    final: Array
    coarse: Array
    diverged: Flags


@dataclass(frozen=True)
class ChainRun:
    """End of an ensemble of chains: ``final`` (n, d), nan where ``diverged`` (n,).

    ``buffer`` (n, d): that of the momentum, with which a run is continued; None without momentum.
    """

    final: Array
    diverged: Flags
    buffer: Array | None = None


@dataclass(frozen=True)
class Passage:
    """First exits: ``times`` (n,), in time units for paths and in steps for chains.

    Where neither ``exited`` nor ``diverged`` the time is the end of the run: the exit comes later. Where
    ``diverged`` it is the time of the divergence. ``coarse``: the same replicas at twice the step with the
    same noise (paths): their difference is the step bias.
    """

    times: Array
    exited: Flags
    diverged: Flags
    coarse: Passage | None = None
