"""Benign oscillation (Lu, Wu, Yang, Zou 2023): map of one example, reduced valley, network."""

from __future__ import annotations

from collections.abc import Iterator

from validation.benign_oscillation import edge, single, valley
from validation.benign_oscillation.pictures import pictures
from validation.claim import Claim

__all__ = ["DEPARTURES", "SOURCE", "TITLE", "claims", "pictures"]
TITLE = "Benign oscillation"
SOURCE = "Lu, Wu, Yang, Zou (2023)"
DEPARTURES = (
    "Network and data as recalled; sizes, norms, rates and numbers of steps are this project's.",
    "The valley of two weights, its label noise and its effective loss are this project's reduction.",
    "Runs of the network that diverge are left out, as are those that start without any active weak or "
    "strong weight of one sign (chance .004 a run) and, for the speed, those with no window to measure it "
    "in; each verdict says how many.",
    "The edge is judged at finite training (30000 steps): below it by what is reached then.",
)


def claims(quick: bool) -> Iterator[Claim]:
    """The map, the network, the valley."""
    yield from single.claims()
    yield from edge.claims(quick)
    yield from valley.claims(quick)
