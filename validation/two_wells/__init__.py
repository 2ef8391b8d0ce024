"""Escape and the batch size (Dai, Zhu 2018), with the power law of loss-proportional noise beside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from validation.claim import Claim
from validation.two_wells import escape, loss_noise, shares, speed
from validation.two_wells.system import size_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Escape and the batch size"
SOURCE = (
    "X. Dai, Y. Zhu, Towards theoretical understanding of large batch training in stochastic gradient "
    "descent (2018): claims of the abstract; T. Mori, L. Ziyin, K. Liu, M. Ueda, Power-law escape rate of "
    "SGD (2022)"
)
DEPARTURES = (
    "The full texts were not at hand; the formulas are derived here, the claims are those of the abstracts.",
    "The losses are this project's own: one parameter, minima at x = -1 and x = +1 with known curvatures.",
    "Gradient noise is the same everywhere (isotropic, beta = sigma^2); Mori's noise, 2 L H*, in a model of "
    "its own.",
    "Generalization is not simulated: what a larger lr/batch pays is shown in the mean loss at the end.",
)


def claims(quick: bool) -> Iterator[Claim]:
    """All claims about the two wells."""
    size = size_of(quick)
    yield from escape.claims(size)
    yield from shares.claims(size)
    yield from speed.claims(size)
    yield from loss_noise.claims(size)


def pictures(quick: bool) -> Iterator[tuple[str, Figure]]:
    """Landscape, escapes, the asymptotic law, and what speed costs."""
    from validation.two_wells import plots

    size = size_of(quick)
    yield plots.landscape(size)
    yield plots.escapes(size)
    yield plots.asymptotics()
    yield plots.price_and_power(size)
