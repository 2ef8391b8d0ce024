"""Mean of first passages of which some, or all, were cut off before they came."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from fokkerplanck.estimate import Estimate
from fokkerplanck.sampling import Passage

Array = NDArray[np.float64]

FEW = 10  # exits below which a mean is flagged: its law is far from normal
SIGMA = 0.682689492137  # chance to lie within one standard error
SURE = 0.95


def exponential_interval(total: float, exits: int, level: float = SURE) -> tuple[float, float]:
    """Interval of the mean of exponential times, from the total time of all replicas and how many left.

    In the running total of the time on test exits are a Poisson process, so that ``2 total/mean`` lies
    between two chi-square laws: of ``2 exits`` and, where the runs were cut off at a time, of
    ``2 exits + 2`` degrees of freedom (Garwood 1936). Without an exit there is no upper end, and the whole
    of what is left open goes to the lower one.

    >>> low, high = exponential_interval(100.0, 0)
    >>> round(low, 2), high
    (33.38, inf)
    """
    tail = 1.0 - level if exits == 0 else (1.0 - level) / 2
    low = 2.0 * total / stats.chi2.isf(tail, 2 * exits + 2)
    high = 2.0 * total / stats.chi2.ppf(tail, 2 * exits) if exits else np.inf
    return float(low), float(high)


def from_passages(run: Passage, method: str, unit: str) -> Estimate:
    """Mean of independent first passages; runs cut off enter by the exponential maximum likelihood.

    Where some were cut off, half of the exact 68 % interval is the standard error, and the 95 % interval
    stands among the assumptions; in the status, where fewer than 10 left. If none did, the value is what
    the mean exceeds with a confidence of 95 %, and its error is infinite.

    With a coarse twin the step bias, of first order, is removed and quoted.
    """
    total = len(run.times)
    exits, lost = int(run.exited.sum()), int(run.diverged.sum())
    if lost:
        status = f"{lost} of {total} replicas diverged before they left"
        return Estimate(float("nan"), unit=unit, method=method, status=status)
    if exits < FEW and exits < total:
        return _few(run, method, unit)
    if run.coarse is not None:
        return _extrapolated(run, run.coarse, method, unit)
    if exits == total:
        return Estimate.from_replicas(run.times, unit=unit, method=method)
    mean, stat = _likeliest(run)
    return Estimate(mean, stat=stat, unit=unit, method=method, assumptions=_cut_off(run, unit))


def _likeliest(run: Passage) -> tuple[float, float]:
    """Time over exits, and half of the interval of one standard error."""
    time, exits = float(run.times.sum()), int(run.exited.sum())
    low, high = exponential_interval(time, exits, SIGMA)
    return time / exits, (high - low) / 2


def _few(run: Passage, method: str, unit: str) -> Estimate:
    """What can be said after hardly an exit."""
    time, exits, total = float(run.times.sum()), int(run.exited.sum()), len(run.times)
    low, high = exponential_interval(time, exits)
    common: dict[str, Any] = {"unit": unit, "method": method, "assumptions": _cut_off(run, unit)}
    within = f"of {total} replicas left within {run.times.max():.3g} {unit}"
    if exits == 0:
        status = f"none {within}: the mean is above {low:.3g} {unit}, with a confidence of 95 %"
        return Estimate(low, stat=float("inf"), status=status, **common)
    mean, stat = _likeliest(run)
    status = f"only {exits} {within}: the mean is from {low:.3g} to {high:.3g} {unit}, with 95 %"
    return Estimate(mean, stat=stat, status=status, **common)


def _cut_off(run: Passage, unit: str) -> tuple[str, ...]:
    """What is assumed of the replicas that had not left by the end, and the interval that follows."""
    rest, total = int((~run.exited).sum()), len(run.times)
    if not rest:
        return ()
    facts = [
        f"exits are exponential: {rest} of {total} replicas were cut off at {run.times.max():.3g} {unit}"
    ]
    if total - rest >= FEW:
        low, high = exponential_interval(float(run.times.sum()), total - rest)
        facts[0] += f", and the mean is from {low:.4g} to {high:.4g} {unit} with 95 %"
    return tuple(facts)


def _extrapolated(fine: Passage, coarse: Passage, method: str, unit: str) -> Estimate:
    """Twice the mean of the fine run less that of the coarse one, which shares its noise."""
    common: dict[str, Any] = {"unit": unit, "method": method, "assumptions": _cut_off(fine, unit)}
    mean, residual = _mean_and_residual(fine)
    if coarse.diverged.any() or not coarse.exited.any():
        sentence = (
            f"{int(coarse.diverged.sum())} of {len(coarse.times)} replicas diverged at twice the time step, "
            "so the step bias is unknown: give a smaller dt"
        )
        stat = float(residual.std(ddof=1) / np.sqrt(len(residual)))
        return Estimate(mean, stat=stat, disc=float("inf"), status=sentence, **common)
    twin, other = _mean_and_residual(coarse)
    combined = Estimate.from_replicas(2 * residual - other, **common)
    least = 0.0 if fine.exited.all() else _likeliest(fine)[1]
    return combined.with_(value=2 * mean - twin, stat=max(combined.stat, least), disc=abs(mean - twin))


def _mean_and_residual(run: Passage) -> tuple[float, Array]:
    """Time over exits, and what each replica adds to it: the mean itself where all have left."""
    share = float(run.exited.mean())
    mean = float(run.times.mean()) / share
    return mean, (run.times - mean * run.exited) / share


__all__ = ["exponential_interval", "from_passages"]
