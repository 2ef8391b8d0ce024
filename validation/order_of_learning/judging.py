"""Means over few seeds against what was predicted: Student's law instead of the normal one."""

from __future__ import annotations

from fokkerplanck import Estimate
from validation.claim import CONFIRMED, FAILED, NO_POWER, Finding


def within(measured: Estimate, low: float, high: float, quantile: float, rival: float) -> Finding:
    """A mean that must lie between two bounds, up to `quantile` standard errors, away from a rival."""
    slack = quantile * measured.stat
    if low - slack <= rival <= high + slack:
        return Finding(str(measured), NO_POWER, f"{slack:.3f} allowed reaches {rival:g}", (measured,))
    inside = low - slack <= measured.value <= high + slack
    return Finding(
        str(measured),
        CONFIRMED if inside else FAILED,
        f"{low:.3f} to {high:.3f} predicted, {slack:.3f} allowed beyond; {rival:g} would be seen",
        (measured,),
    )


def above(
    measured: Estimate, bound: float, quantile: float, predicted: float, otherwise: str = FAILED
) -> Finding:
    """A mean that must lie above a bound by `quantile` standard errors.

    It fails only where what was predicted is excluded as surely; between the two there is no power. (At first
    it failed at once. Three seeds of a quick run then failed a claim by their large standard error alone.)
    """
    slack = quantile * measured.stat
    least, most = measured.value - slack, measured.value + slack
    text = f"{least:+.3f} to {most:+.3f} with {quantile:.1f} standard errors; must be above {bound:g}"
    if least > bound:
        return Finding(str(measured), CONFIRMED, text, (measured,))
    if most < predicted:
        return Finding(str(measured), otherwise, f"{text}; {predicted:g} is excluded", (measured,))
    return Finding(str(measured), NO_POWER, f"{text}; {predicted:g} is not excluded", (measured,))
