"""Criteria: how far a number may be from its prediction, and how often a true claim is called false."""

from __future__ import annotations

import math

from scipy import stats

from fokkerplanck import Estimate
from validation.claim import CONFIRMED, FAILED, NO_POWER, NOT_CONFIRMED, Finding

ALARM = 1e-3  # chance that a true claim fails, with new seeds: one for all claims that rest on random numbers
FEW = 0.01  # the same for a quick run's few trainings of a network, which cannot afford less
CERTAIN = 1e-6  # random numbers, of which only absurd ones would make a true claim fail: at most this
DETERMINISTIC = 0.0


def sigmas(numbers: int = 1, blocks: int | None = None, sides: int = 2, alarm: float = ALARM) -> float:
    """Standard errors within which all `numbers` of a true claim lie; Bonferroni's bound.

    By Student's law where each standard error is itself from so few `blocks`, or seeds.

    >>> round(sigmas(), 2), round(sigmas(numbers=4), 2), round(sigmas(blocks=20), 2)
    (3.29, 3.66, 3.88)
    """
    tail = alarm / (sides * numbers)
    return float(stats.norm.isf(tail) if blocks is None else stats.t.isf(tail, blocks - 1))


def judged(
    measured: Estimate, predicted: float, bound: float, rival: float | None = None, bias: float = 0.0
) -> Finding:
    """Within `bound` standard errors, plus the discretization error and a bias that was named beforehand.

    With a `rival`, the value if the claim were false, a run that could not tell the two apart has no power.
    """
    if not measured.ok:
        return Finding(str(measured), FAILED, measured.status, (measured,))
    known = measured.disc + bias
    tolerance = bound * measured.stat + known
    off = measured.value - predicted
    if rival is not None and abs(predicted - rival) <= tolerance:
        gap = abs(predicted - rival)
        text = f"no power to see it: a gap of {gap:.2g} against a tolerance of {tolerance:.2g}"
        if known < gap:
            more = (bound * measured.stat / max(gap - known, 1e-9 * gap)) ** 2
            text += f"; {math.ceil(more):g} times the replicas would"
        return Finding(str(measured), NO_POWER, text, (measured,))
    text = f"off by {off:+.2g}, allowed {tolerance:.2g}"
    if rival is not None:
        text += f"; from {rival:.5g} it is off by {measured.value - rival:+.2g}"
    return Finding(str(measured), CONFIRMED if abs(off) <= tolerance else FAILED, text, (measured,))


def counted(
    seen: int, of: int, predicted: float, numbers: int = 1, rival: float | None = None, bias: float = 0.0
) -> Finding:
    """A share, by the exact interval of its binomial count (Clopper-Pearson), and a bias named beforehand.

    The normal law would be wrong where the share is near 0 or 1.
    """
    p = seen / of
    measured = Estimate(p, stat=math.sqrt(max(p * (1 - p), 1 / of) / of))
    interval = stats.binomtest(seen, of).proportion_ci(1 - ALARM / numbers, "exact")
    low, high = interval.low - bias, interval.high + bias
    text = f"{low:.4f} to {high:.4f} allowed for {predicted:.4f}"
    if rival is not None and abs(predicted - rival) <= (p - low if rival < predicted else high - p):
        return Finding(str(measured), NO_POWER, f"{text}: no power to tell {rival:.4f}", (measured,))
    return Finding(str(measured), CONFIRMED if low <= predicted <= high else FAILED, text, (measured,))


def within(measured: Estimate, low: float, high: float, bound: float, rival: float) -> Finding:
    """A mean that must lie between two values, up to `bound` standard errors, away from a rival."""
    slack = bound * measured.stat
    if low - slack <= rival <= high + slack:
        return Finding(str(measured), NO_POWER, f"{slack:.3f} allowed reaches {rival:g}", (measured,))
    inside = low - slack <= measured.value <= high + slack
    text = f"{low:.3f} to {high:.3f} predicted, {slack:.3f} allowed beyond; {rival:g} would be seen"
    return Finding(str(measured), CONFIRMED if inside else FAILED, text, (measured,))


def above(
    measured: Estimate, least: float, bound: float, predicted: float, otherwise: str = FAILED
) -> Finding:
    """A mean that must lie above `least` by `bound` standard errors.

    It fails only where what was predicted is excluded as surely; between the two there is no power. (At first
    it failed at once. Three seeds of a quick run then failed a claim by their large standard error alone.)
    """
    slack = bound * measured.stat
    lowest, highest = measured.value - slack, measured.value + slack
    text = f"{lowest:+.3f} to {highest:+.3f} with {bound:.1f} standard errors; must be above {least:g}"
    if lowest > least:
        return Finding(str(measured), CONFIRMED, text, (measured,))
    if highest < predicted:
        return Finding(str(measured), otherwise, f"{text}; {predicted:g} is excluded", (measured,))
    return Finding(str(measured), NO_POWER, f"{text}; {predicted:g} is not excluded", (measured,))


def exact(measured: float, predicted: float, allowed: float, digits: int = 7) -> Finding:
    """A deterministic number against an absolute bound."""
    off = measured - predicted
    verdict = CONFIRMED if abs(off) <= allowed else FAILED
    return Finding(
        f"{measured:.{digits}g}", verdict, f"off by {off:+.1e}, allowed {allowed:.0e}", (Estimate(measured),)
    )


def all_of(findings: dict[str, Finding]) -> Finding:
    """Several numbers under one claim: it fails if one does, and has power only if all have."""
    verdicts = [f.verdict for f in findings.values()]
    worst = next((v for v in (FAILED, NOT_CONFIRMED, NO_POWER) if v in verdicts), CONFIRMED)
    return Finding(
        "\n".join(f"{name}: {f.measured}" for name, f in findings.items()),
        worst,
        "\n".join(f"{name}: {f.reason}" for name, f in findings.items() if f.reason),
        tuple(n for f in findings.values() for n in f.numbers),
    )
