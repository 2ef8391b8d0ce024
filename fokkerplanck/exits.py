"""Mean number of steps to leave a region, by every route; each a few lines that dispatch downward."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck import rare, theory
from fokkerplanck.estimate import Estimate, combine_status
from fokkerplanck.grid import Grid, pointwise
from fokkerplanck.operators import Generator
from fokkerplanck.passages import from_passages

Array = NDArray[np.float64]

if TYPE_CHECKING:
    from fokkerplanck.sgd import SGD

# Particle-steps that one simulated escape may cost before its runs are cut off.
BUDGET = 1_000_000_000
BEYOND = "lr times the curvature is 2 or more: the chain diverges, or leaves, where its SDE stays"

Progress = Callable[[float], None] | None


def mean_exit(
    sgd: SGD,
    region: str,
    x0: Any,
    method: str,
    n: int,
    rng: Any,
    grid: Grid | None,
    progress: Progress,
    score: Any = None,
    repeats: int = rare.REPEATS,
) -> Estimate:
    """Dispatch on the method; see `fokkerplanck.SGD.escape`."""
    start = named_start(sgd.names, x0)
    if method in ("paths", "transition", "density", "splitting"):  # the laws say so themselves
        theory.check_plain(sgd, f"an escape by {method!r}")
    if method == "splitting":
        return rare.of_chain(sgd, region, start, n, rng, score, repeats)
    if score is not None:
        raise ValueError(f"score is for method='splitting', and method is {method!r}: leave it out")
    if method == "simulation":
        limit = max(1000, BUDGET // max(n, 1))
        run = sgd.first_passage(region, n, start, limit, rng, progress)
        return from_passages(run, "SGD chains", "steps")
    if method == "paths":
        sde = sgd.sde()
        longest = max(1000, BUDGET // 16 // max(n, 1)) * sgd.lr
        run = sde.first_passage(region, n, start, longest, rng, progress=progress)
        fine = from_passages(run, "SDE paths", "time")
        return _quoted(sgd, fine, start)
    if method == "transition":
        return sgd.transition(grid or Grid.auto(sgd, region, start)).exit_time(region).at(**start)
    if method == "density":
        sde = sgd.sde()
        gen = sde.generator(grid or Grid.auto(sde, region, start))
        quoted = _quoted(sgd, gen.exit_time(region).at(**start), start)
        return quoted.with_(model=quoted.model + _overshoot(sgd, gen, region, start))
    if method in theory.ESCAPE_LAWS:
        return theory.ESCAPE_LAWS[method](sgd, region, start)
    known = ("simulation", "splitting", "paths", "transition", "density", *theory.ESCAPE_LAWS)
    raise ValueError(f"method is {method!r}; take one of {', '.join(known)}")


def named_start(names: tuple[str, ...], x0: Any) -> dict[str, float]:
    """Start as a mapping by name."""
    if isinstance(x0, Mapping):
        values = {str(k): float(v) for k, v in x0.items()}
    else:
        row = np.asarray(x0, dtype=float).ravel()
        values = dict(zip(names, row.tolist(), strict=False)) if len(row) == len(names) else {}
    if set(values) != set(names):
        raise ValueError(f"x0 is {x0!r}: give one number for each of {', '.join(names)}")
    return values


def adiabatic_gap(sgd: SGD, at: Mapping[str, float]) -> float:
    r"""Relative gap between the chain and its SDE at a point, from its largest curvature :math:`\lambda`.

    With :math:`u = \eta\lambda/2` it is :math:`u/(1 - u)`, that of a variance; infinite from u = 1 on.
    """
    point = np.array([[at[n] for n in sgd.names]])
    hessian = sgd.loss.evaluate(sgd.loss.hessian, point)[0]
    u = float(sgd.lr * max(np.linalg.eigvalsh(hessian)[-1], 0.0) / 2)
    return u / (1 - u) if u < 1 else float("inf")


def with_gap(of_sde: Estimate, gap: float) -> Estimate:
    """What the SDE says, quoted for the chain: with the gap between them, or why it must not be."""
    if np.isinf(gap):
        return of_sde.with_(status=combine_status([of_sde.status, BEYOND]))
    return of_sde.with_(model=abs(of_sde.value) * gap)


def _overshoot(sgd: SGD, gen: Generator, region: str, start: Mapping[str, float]) -> float:
    """What moving the edge out by the mean overshoot of a step, .5826 sqrt(2 D_n lr), adds to a mean exit, in
    steps: a chain leaves late because it is looked at only once a step."""
    level = pointwise(region, sgd.names, sgd.loss.constants, region=True)
    coarse, sde = gen.coarse or gen, sgd.sde()
    small = 1e-5 * (gen.grid.spacing * np.array(gen.grid.shape))  # of the box

    def moved(*coordinates: Array) -> Array:
        x = np.stack(coordinates, axis=-1)
        slope = np.stack([(level(x + e) - level(x - e)) / (2 * e.max()) for e in np.diag(small)], axis=-1)
        spread = np.einsum("ni,nij,nj->n", slope, sde.coefficients(x)[1], slope)
        outward: Array = level(x) + theory.OVERSHOOT * np.sqrt(2 * sgd.lr * np.maximum(spread, 0.0))
        return outward

    try:
        late = coarse.exit_time(moved).at(**start).value
    except ValueError:  # the moved edge lies outside the box: nothing is known of it
        return 0.0
    return float(abs(late - coarse.exit_time(region).at(**start).value) / sgd.lr)


def _quoted(sgd: SGD, time: Estimate, start: Mapping[str, float]) -> Estimate:
    """A time of the SDE in steps, with the gap to the chain that theory predicts.

    An exit over a barrier feels the gap of the variance in its exponent, about ``Q u/(1 - u)`` with Q the
    barrier over the noise.
    """
    steps = time.scaled(1.0 / sgd.lr, "steps")
    gap = adiabatic_gap(sgd, start)
    # Q from the time itself: with the curvature at the start, T is about Q/lambda where there is no barrier
    # to speak of, and grows like exp(Q)/lambda over a high one.
    curvature = 2 * gap / (1 + gap) / sgd.lr if np.isfinite(gap) else 0.0
    height = float(np.log1p(max(time.value * curvature, 0.0))) if np.isfinite(time.value) else 0.0
    return with_gap(steps, (1 + height) * gap)


__all__ = ["adiabatic_gap", "mean_exit", "named_start", "with_gap"]
