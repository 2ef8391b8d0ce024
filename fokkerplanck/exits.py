"""Mean number of steps to leave a region, by every route; each a few lines that dispatch downward."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fokkerplanck import theory
from fokkerplanck.estimate import Estimate, combine_status
from fokkerplanck.grid import Grid
from fokkerplanck.sampling import Passage

if TYPE_CHECKING:
    from fokkerplanck.sgd import SGD

# Particle-steps that one simulated escape may cost before its runs are cut off.
BUDGET = 1_000_000_000
BEYOND = "lr times the curvature is 2 or more: the chain diverges, or leaves, where its SDE stays"

Progress = Callable[[float], None] | None


def mean_exit(
    sgd: SGD, region: str, x0: Any, method: str, n: int, rng: Any, grid: Grid | None, progress: Progress
) -> Estimate:
    """Dispatch on the method; see `fokkerplanck.SGD.escape`."""
    start = named_start(sgd.names, x0)
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
        return sgd.transition(grid or Grid.auto(sgd, x0=start)).exit_time(region).at(**start)
    if method == "density":
        return _quoted(
            sgd,
            sgd.sde().generator(grid or Grid.auto(sgd.sde(), x0=start)).exit_time(region).at(**start),
            start,
        )
    if method in theory.ESCAPE_LAWS:
        return theory.ESCAPE_LAWS[method](sgd, region, start)
    known = ("simulation", "paths", "transition", "density", *theory.ESCAPE_LAWS)
    raise ValueError(f"method is {method!r}; take one of {', '.join(known)}")


def from_passages(run: Passage, method: str, unit: str) -> Estimate:
    """Mean of independent first passages; runs cut off enter by the exponential maximum likelihood."""
    total = len(run.times)
    exits, lost = int(run.exited.sum()), int(run.diverged.sum())
    if lost:
        return Estimate(
            float("nan"),
            unit=unit,
            method=method,
            status=f"{lost} of {total} replicas diverged before they left",
        )
    if exits == total:
        return Estimate.from_replicas(run.times, unit=unit, method=method)
    if exits < 10:
        return Estimate(
            float("nan"),
            unit=unit,
            method=method,
            status=f"only {exits} of {total} replicas left within {run.times.max():.3g} {unit}",
        )
    mean = float(run.times.sum() / exits)
    assumption = (
        f"exits are exponential: {total - exits} of {total} replicas were cut off "
        f"at {run.times.max():.3g} {unit}"
    )
    return Estimate(mean, stat=mean / np.sqrt(exits), unit=unit, method=method, assumptions=(assumption,))


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


def _quoted(sgd: SGD, time: Estimate, start: Mapping[str, float]) -> Estimate:
    """A time of the SDE in steps, with the gap to the chain that theory predicts."""
    steps = time.scaled(1.0 / sgd.lr, "steps")
    return with_gap(steps, adiabatic_gap(sgd, start))


__all__ = ["adiabatic_gap", "from_passages", "mean_exit", "named_start", "with_gap"]
