"""Two kinds of pattern, one easy to generalize and hard to fit, one the other way round (Li, Wei, Ma 2019).

The data as recalled. A point is a pair (x1, x2) with a label y = -1 or 1, both equally likely:

- ``x1``, the pattern P: a normal vector of covariance I/d whose first coordinate is replaced by
  ``y (|g| + 1)/sqrt(d)``, so that the classes are half spaces with the margin ``1/sqrt(d)``. Linearly
  separable, but it takes many examples to find the direction among d.
- ``x2``, the pattern Q: ``scale * alpha * z`` for y = 1, ``scale * alpha * (z - zeta)`` or ``(z + zeta)`` for
  y = -1, with ``|z| = 1``, ``|zeta| = distance``, z orthogonal to zeta and alpha uniform on (least, 1). Not
  linearly separable: the positive class lies between the halves of the negative one. Few examples show it.

A share `only_p` of the points has no x2, a share `only_q` no x1, the rest have both.
Nothing is trained here: parameters and pure functions only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Setting:
    """Data and network; the defaults are the case of the gradient noise.

    Parameters
    ----------
    dimension : int
        d, of x1.
    examples : int
        N, of the training data.
    only_p, only_q : float
        Shares of points that carry one pattern only.
    scale, distance, least : float
        Of the pattern Q, see above.
    units_p, units_q : int
        Hidden units that see x1, and that see x2. Half of each have the output weight ``units**-0.5``, half
        ``-units**-0.5``, both fixed.
    spread_p, spread_q : float
        Standard deviation of a hidden weight at the start.
    decay : float
        Coefficient of ``|weights|^2 / 2`` in the loss.
    """

    dimension: int = 400
    examples: int = 500
    only_p: float = 0.02
    only_q: float = 0.2
    scale: float = 4.0
    distance: float = 0.2
    least: float = 0.5
    units_p: int = 40
    units_q: int = 6000
    spread_p: float = 0.1
    spread_q: float = 0.3
    decay: float = 0.004

    @property
    def directions(self) -> Array:
        """(3, 2) the points z - zeta, z, z + zeta in coordinates along z and zeta: x2 knows no others."""
        return np.array([[1.0, -self.distance], [1.0, 0.0], [1.0, self.distance]])


GRADIENT_NOISE = Setting()
ACTIVATION_NOISE = Setting(dimension=800, scale=12.0, distance=0.8, units_q=4000, spread_q=0.1, decay=1e-5)
RATES = (0.4, 0.05)  # large and small, for gradient noise
NOISE = 8.0  # standard deviation of the noise of an activation
NOISY_RATE = 0.08


@dataclass(frozen=True)
class Examples:
    """Points; ``x2 = size * directions[place]``, and a pattern that a point lacks is zero.

    Parameters
    ----------
    x1 : array (n, d)
    size : array (n,)
        ``scale * alpha``.
    place : array of int (n,)
        Row of `Setting.directions`: 1 for y = 1, else 0 or 2.
    y : array (n,)
        Labels, -1 or 1.
    """

    x1: Array
    size: Array
    place: NDArray[np.intp]
    y: Array


def draw(rng: np.random.Generator, n: int, setting: Setting, mixed: bool = True) -> Examples:
    """Draw n points; unless `mixed`, every one carries both patterns."""
    y = rng.choice([-1.0, 1.0], n)
    x1 = rng.standard_normal((n, setting.dimension)) / np.sqrt(setting.dimension)
    x1[:, 0] = y * (np.abs(x1[:, 0]) + 1 / np.sqrt(setting.dimension))
    size = setting.scale * rng.uniform(setting.least, 1.0, n)
    place = np.where(y > 0, 1, rng.choice([0, 2], n))
    if mixed:
        u = rng.random(n)
        lacks_q = u < setting.only_p
        x1[(u >= setting.only_p) & (u < setting.only_p + setting.only_q)] = 0.0
        size[lacks_q] = 0.0
    return Examples(x1, size, place, y)


def accuracy_of_the_mean(n: float, dimension: int) -> float:
    """How often the mean of y x1 over n examples classifies a new x1: what n examples of P are worth.

    With ``w = mean(y x1)``, ``sqrt(d) w`` has the first coordinate ``1 + sqrt(2/pi)`` and noise 1/sqrt(n) in
    the d - 1 others, so that a point with ``|x1_1| = (1 + |g|)/sqrt(d)`` is classified with the chance
    ``Phi((1 + sqrt(2/pi)) (1 + |g|) sqrt(n/d))``, up to terms small as 1/d and, in the first coordinate, 1/n.
    """
    from scipy.stats import norm

    nodes, weights = np.polynomial.hermite_e.hermegauss(64)
    argument = (1 + np.sqrt(2 / np.pi)) * (1 + np.abs(nodes)) * np.sqrt(n / dimension)
    return float(weights @ norm.cdf(argument) / weights.sum())
