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
    measured: Estimate, bound: float, quantile: float, otherwise: str = FAILED, worth: float = 0.0
) -> Finding:
    """A mean that must lie above a bound by `quantile` standard errors.

    Where it does not and these are more than what an effect would be `worth`, nothing can be said.
    """
    slack = quantile * measured.stat
    confirmed = measured.value - slack > bound
    blind = not confirmed and 0 < worth < slack
    text = (
        f"at least {measured.value - slack:+.3f} with {quantile:.1f} standard errors; must be above {bound:g}"
    )
    if blind:
        text += f"; no power to see {worth:g}"
    verdict = CONFIRMED if confirmed else NO_POWER if blind else otherwise
    return Finding(str(measured), verdict, text, (measured,))
