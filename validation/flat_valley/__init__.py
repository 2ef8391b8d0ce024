"""The degenerate valley (Yang, Tang, Tu 2023): slopes, time to flatness, one SDE for three chains."""

from __future__ import annotations

from collections.abc import Iterator

from validation.claim import Claim
from validation.flat_valley import chains, limit, shared_sde
from validation.flat_valley.system import FULL, QUICK

TITLE = "The degenerate valley"


def claims(quick: bool) -> Iterator[Claim]:
    """All claims about the valley."""
    size = QUICK if quick else FULL
    yield from limit.claims()
    yield from chains.claims(size)
    yield from shared_sde.claims(size)
