"""The degenerate valley (Yang, Tang, Tu 2023): slopes, time to flatness, one SDE for three chains."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from validation.claim import Claim
from validation.flat_valley import chains, growth, limit, shared_sde
from validation.flat_valley.system import FULL, QUICK, SEED, Size
from validation.seeds import seed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "The degenerate valley"
SOURCE = (
    "N. Yang, C. Tang, Y. Tu, Stochastic gradient descent introduces an effective landscape-dependent "
    "regularization favoring flat solutions, Phys. Rev. Lett. 130, 237101 (2023); claims as recalled"
)
DEPARTURES = (
    "The full text was not at hand: sharpness along the valley and all numbers are this project's own.",
    "Which mini-batch model the paper uses is not known; here the gradient's noise is constant, and the two "
    "others are judged under `valley_noises`.",
    "The chain at a finite learning rate is this project's addition: its law is a derivation of its own.",
)


def claims(quick: bool) -> Iterator[Claim]:
    """All claims about the valley."""
    size = size_of(quick)
    yield from limit.claims()
    yield from chains.claims(size)
    yield from shared_sde.claims(size)
    yield from growth.claims(size)


def pictures(quick: bool) -> Iterator[tuple[str, Figure]]:
    """How the law follows the flatness, the effective loss, and what it grows with."""
    from validation.flat_valley import plots

    size = size_of(quick)
    yield plots.law(size)
    yield plots.effective_loss(size)
    yield plots.growing(size)


def size_of(quick: bool) -> Size:
    """Numbers of replicas and the seed."""
    return replace(QUICK if quick else FULL, seed=seed(SEED))
