"""Digits of scikit-learn with a patch that can be memorized; after Li, Wei, Ma (2019), as recalled.

An image is 8 x 8, and to its right come two columns of 8 pixels for the patch. Every class has two patches,
``size (z + zeta_c)`` and ``size (z - zeta_c)``, equally likely, with one z for all classes and a zeta for
each: on the average the patches of all classes are the same, so that no linear classifier learns a thing from
them, yet there are only twenty. A share of the images has no patch, a share of the patches no image, the rest
both. Nothing is trained here: parameters and pure functions only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
CLASSES, PIXELS, PATCH = 10, 64, 16


@dataclass(frozen=True)
class Setting:
    """Data.

    Parameters
    ----------
    examples : int
        Of the training data; the other digits are tests.
    only_image, only_patch : float
        Shares of the training data.
    size, distance : float
        |size z|, and |zeta|/|z|; a digit, with pixels from 0 to 1, has the norm 3.9 on the average.
    """

    examples: int = 800
    only_image: float = 0.2
    only_patch: float = 0.16
    size: float = 8.0
    distance: float = 0.7


SETTING = Setting()
RATES = (2.0, 0.1)  # large and small
BATCH, UNITS, SPREAD = 50, 200, 0.3  # images a step, hidden units, standard deviation of the first weights


def patches(rng: np.random.Generator, setting: Setting) -> Array:
    """(2, classes, pixels) the two patches of each class; z and all zeta orthogonal."""
    frame = np.linalg.qr(rng.standard_normal((PATCH, CLASSES + 1)))[0].T
    zeta = setting.distance * frame[1:]
    return setting.size * np.stack([frame[0] + zeta, frame[0] - zeta])


def training_data(
    rng: np.random.Generator, images: Array, labels: NDArray[np.intp], setting: Setting, patched: bool = True
) -> tuple[Array, NDArray[np.intp]]:
    """(n, 80) inputs and their labels; unless `patched`, the same images without any patch.

    What would be a patch alone is then left out, as it has nothing left to be recognized by.
    """
    pick = patches(rng, setting)[rng.integers(0, 2, len(labels)), labels]
    u = rng.random(len(labels))
    bare, alone = u < setting.only_image, u >= 1 - setting.only_patch
    if not patched:
        return padded(images[~alone]), labels[~alone]
    x = np.hstack([images, pick])
    x[bare, PIXELS:] = 0.0
    x[alone, :PIXELS] = 0.0
    return x, labels


def padded(images: Array) -> Array:
    """Images without a patch."""
    return np.hstack([images, np.zeros((len(images), PATCH))])
