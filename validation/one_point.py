"""One-point strong convexity of a given function, inside and outside a region, by branch and bound.

f is mu-strongly convex towards x* on a set if g(x).(x - x*) >= mu |x - x*|^2 there, g its gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array: TypeAlias = NDArray[np.float64]
Gradient: TypeAlias = Callable[[Array], Array]
Inside: TypeAlias = Callable[[Array], NDArray[np.bool_]]
CELLS = 400_000  # boxes that one search may hold at a time


@dataclass(frozen=True)
class OnePoint:
    """What a search found.

    Attributes
    ----------
    mu : smallest ratio g.(x - x*)/|x - x*|^2 seen: the constant is at most this
    at_least : the constant is at least this, if `smoothness` is right
    smoothness : Lipschitz constant of the gradient that the bound rests on
    where : the point of the smallest ratio
    proven : whether `smoothness` was given; one that was sampled is no proof
    """

    mu: float
    at_least: float
    smoothness: float
    where: tuple[float, ...]
    proven: bool

    def __str__(self) -> str:
        word = (
            "proven with the Lipschitz constant given" if self.proven else "with a sampled Lipschitz constant"
        )
        return f"mu between {self.at_least:.4g} and {self.mu:.4g} ({word}, {self.smoothness:.4g})"


def one_point_convexity(
    gradient: Gradient,
    minimum: ArrayLike,
    box: Sequence[tuple[float, float]],
    inside: Inside,
    smoothness: float | None = None,
    core: float = 1e-2,
    tolerance: float = 1e-2,
) -> OnePoint:
    r"""Constant of one-point strong convexity about `minimum` on the part of a box where `inside` holds.

    With a gradient of Lipschitz constant L and :math:`d = x - x^*`, :math:`h = g\cdot d/|d|^2` has
    :math:`|\nabla h| \le (L|d| + 3|g|)/|d|^2`: a box is dropped once its centre's h, less this times its half
    diagonal, is above the smallest h seen, and halved along every axis otherwise.

    Parameters
    ----------
    gradient : callable
        (n, d) points to (n, d) gradients.
    minimum : array_like
        The point x*, a zero of the gradient.
    box : sequence of (low, high)
        Where to look, an interval an axis.
    inside : callable
        (n, d) points to booleans: the set. Its edge is met to the size of the last boxes.
    smoothness : float, optional
        Lipschitz constant of the gradient **on the whole box**. Without it the largest one seen on a
        lattice is taken: then the lower bound is an estimate, not a proof.
    core : float
        Distance from `minimum` within which nothing is searched and nothing said: the bound on
        the slope of h has no limit there, and the Hessian at `minimum` decides.
    tolerance : float
        When the two bounds are this close, the search ends; also when it would need more than
        `CELLS` boxes, and then they are further apart.

    Raises
    ------
    ValueError
        Points that do not fit, a `minimum` that is none, or a set that no point of the lattice meets.

    Examples
    --------
    >>> found = one_point_convexity(lambda x: 2 * x, [0.0], [(-1, 1)], lambda x: np.abs(x[:, 0]) > 0.1, 2.0)
    >>> round(found.mu, 12), found.at_least > 1.98
    (2.0, True)
    """
    centre = np.atleast_1d(np.asarray(minimum, float))
    low, high = np.array(box, float).T
    if low.shape != centre.shape or not np.all(low < high):
        raise ValueError(f"box is {box}: {len(centre)} intervals (low, high) are expected, one an axis")
    at_rest = float(np.linalg.norm(gradient(centre[None])))
    if not at_rest < 1e-8:
        raise ValueError(f"the gradient at {centre.tolist()} is {at_rest:.3g}, not 0: no minimum lies there")
    bound = _sampled_smoothness(gradient, low, high) if smoothness is None else float(smoothness)
    per_axis = 1000 if len(centre) == 1 else 64
    half = (high - low) / (2 * per_axis)
    axes = [np.linspace(a + h, b - h, per_axis) for a, b, h in zip(low, high, half, strict=True)]
    boxes = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(centre))
    best, where, lowest, dropped = np.inf, centre, -np.inf, np.inf
    while True:
        radius = float(np.linalg.norm(half))
        beyond = np.sum((boxes - centre) ** 2, axis=1) > max(core - radius, 0.0) ** 2
        boxes = boxes[beyond]
        g, away = gradient(boxes), boxes - centre
        square = np.maximum(np.sum(away**2, axis=1), 1e-300)
        ratio = np.sum(g * away, axis=1) / square
        counted = inside(boxes) & (square >= core**2)
        if counted.any() and (smallest := ratio[counted].min()) < best:
            best = float(smallest)
            where = boxes[counted][np.argmin(ratio[counted])]
        distance = np.sqrt(square)
        nearest = np.maximum(distance - radius, 0.0)
        with np.errstate(divide="ignore"):
            steep = (
                bound * (distance + radius) + 3 * (np.linalg.norm(g, axis=1) + bound * radius)
            ) / nearest**2
        floor = np.maximum(ratio - steep * radius, -bound)  # |g| <= L |d| bounds the ratio in any case
        keep = _near(inside, boxes, half) & (floor < best)
        dropped = min(dropped, float(floor[~keep & counted].min(initial=np.inf)))
        lowest = min(dropped, float(floor[keep].min(initial=np.inf)), best)
        if not keep.any() or best - lowest < tolerance or keep.sum() * 2 ** len(centre) > CELLS:
            break
        half = half / 2
        boxes = _halved(boxes[keep], half)
    if not np.isfinite(best):
        raise ValueError("no point of the lattice lies in the set; give a smaller box")
    return OnePoint(best, lowest, bound, tuple(float(w) for w in where), smoothness is not None)


def _halved(boxes: Array, half: Array) -> Array:
    corners = np.array(np.meshgrid(*[(-h, h) for h in half], indexing="ij")).reshape(len(half), -1).T
    return np.asarray((boxes[:, None] + corners).reshape(-1, len(half)))


def _near(inside: Inside, boxes: Array, half: Array) -> NDArray[np.bool_]:
    """Whether the centre or a corner of a box lies in the set."""
    found = inside(boxes)
    for corner in np.array(np.meshgrid(*[(-h, h) for h in half], indexing="ij")).reshape(len(half), -1).T:
        found = found | inside(boxes + corner)
    return found


def _sampled_smoothness(gradient: Gradient, low: Array, high: Array) -> float:
    """Largest norm of the symmetric difference-quotient Hessian on a lattice."""
    per_axis = 20_001 if len(low) == 1 else 301
    axes = [np.linspace(a, b, per_axis) for a, b in zip(low, high, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(low))
    step = 1e-6 * float(np.max(high - low))
    columns = []
    for k in range(len(low)):
        shift = np.zeros(len(low))
        shift[k] = step
        columns.append((gradient(points + shift) - gradient(points - shift)) / (2 * step))
    hessian = np.stack(columns, axis=-1)
    return float(np.abs(np.linalg.eigvalsh((hessian + np.swapaxes(hessian, 1, 2)) / 2)).max())
