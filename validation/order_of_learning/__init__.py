"""The order of learning (Li, Wei, Ma 2019): what a large rate, or noise, teaches first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from validation.claim import Claim
from validation.order_of_learning import digits, gradient_noise, noisy_activations, plots
from validation.order_of_learning.runs import SEED, size_of
from validation.seeds import seed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "The order of learning"
SOURCE = (
    "Y. Li, C. Wei, T. Ma, Towards explaining the regularization effect of initial large learning rate in "
    "training neural networks, NeurIPS (2019)"
)
DEPARTURES = (
    "The full text was not at hand. Data model and network are as recalled; all numbers of the setting are "
    "this project's own, and so are all numbers predicted.",
    "The size alpha of the pattern Q is uniform on (.5, 1); its range in the paper was not at hand.",
    "One network of two groups of hidden units, 40 on x1 and 6000 (4000) on x2; two coordinates of the "
    "latter are simulated, which is the same law, as no gradient points elsewhere.",
    "The noise of the gradient is put in, spherical and as strong at both rates; the gradient itself is that "
    "of all data.",
    "The noise of an activation is drawn for each unit and each of the three directions, not for each "
    "example.",
    "Equal fit is an equal training accuracy, reached between the times 40 and 60: the training loss of the "
    "small rate does not come down to that of the other course.",
    "Digits of 8 x 8 pixels with a patch beside them instead of larger images with a patch on them; a "
    "network of two layers, of which the first learns. The patch is this project's reading of what is "
    "recalled.",
)


def claims(quick: bool) -> Iterator[Claim]:
    """All claims about the order of learning."""
    size, base = size_of(quick), seed(SEED)
    yield from gradient_noise.claims(size, base)
    yield from noisy_activations.claims(size, base)
    yield from digits.claims(size, base)


def pictures(quick: bool) -> Iterator[tuple[str, Figure]]:
    """Accuracies along training."""
    size, base = size_of(quick), seed(SEED)
    yield plots.along_training(size, base)
    yield plots.noisy_activations(size, base)
    yield plots.digits(size, base)
