"""Verdicts: does a number agree with the reference, and would a difference have been seen?"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fokkerplanck.estimate import Estimate

SIGMAS = 3.0  # standard errors allowed; two-sided false alarm 2.7e-3 a row
ROUNDING = 1e-9  # smallest tolerance, as a share of the size: below it numbers differ by rounding only
DIVERGED = "diverged"  # in the status of chains
USEFUL = 0.2  # share of the value above which a tolerance decides nothing


@dataclass(frozen=True)
class Verdict:
    """Outcome of one comparison.

    ``code`` is ``"agrees"``, ``"differs"``, ``"inconclusive"``, ``"invalid"``, ``"not compared"`` or
    ``"reference"``; ``against``
    names the level compared with; ``tolerance`` is also the smallest difference that would have been seen.
    """

    code: str
    against: str = ""
    difference: float = math.nan
    tolerance: float = math.nan
    text: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON-able fields; what is not finite becomes null."""

        def finite(x: float) -> float | None:
            return float(x) if math.isfinite(x) else None

        return {
            "code": self.code,
            "against": self.against,
            "difference": finite(self.difference),
            "tolerance": finite(self.tolerance),
            "text": self.text,
        }


REFERENCE = Verdict("reference", text="the reference")


@dataclass(frozen=True)
class Row:
    """One quantity at one level, with its verdict."""

    id: str
    quantity: str
    level: str
    estimate: Estimate
    verdict: Verdict
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the row as `results.json` holds it."""
        return {
            "id": self.id,
            "quantity": self.quantity,
            "parameters": dict(self.parameters),
            "level": self.level,
            **self.estimate.to_dict(),
            "verdict": self.verdict.to_dict(),
        }


def judge(a: Estimate, reference: Estimate, against: str = "SGD", scale: float = 0.0) -> Verdict:
    r"""Compare an estimate with the reference.

    ``agrees`` if :math:`|a-b| \le 3\,\mathrm{hypot}(\mathrm{stat}_a, \mathrm{stat}_b) + \mathrm{disc}_a +
    \mathrm{disc}_b + \mathrm{model}_a + \mathrm{model}_b`; ``inconclusive`` if that tolerance exceeds a
    fifth of the value, or of `scale` where that is larger (for a mean that may be 0). What differs by
    rounding only, by 1e-9 of that size, agrees.

    >>> judge(Estimate(1.02, stat=0.01), Estimate(1.0, disc=0.001)).code
    'agrees'
    """
    for e in (a, reference):
        if not e.ok:
            return Verdict("invalid", against, text=e.status)
    if math.isinf(a.value) or math.isinf(reference.value):
        same = a.value == reference.value
        return Verdict(
            "agrees" if same else "differs", against, text="both infinite" if same else "one is infinite"
        )
    if math.isnan(a.value) or math.isnan(reference.value):
        return Verdict("invalid", against, text="no number was found")
    sampling = SIGMAS * math.hypot(a.stat, reference.stat)
    known = a.disc + reference.disc + a.model + reference.model
    size = max(abs(a.value), abs(reference.value), scale)
    tolerance = max(sampling + known, ROUNDING * size)
    difference = a.value - reference.value
    if size == 0.0:
        code, text = (
            ("agrees", "both are 0") if tolerance == 0.0 else ("inconclusive", "both are 0, of no scale")
        )
        return Verdict(code, against, difference, tolerance, text)
    if tolerance > USEFUL * size:
        if sampling > known and sampling > 0:
            factor = (sampling / max(USEFUL * size - known, 1e-3 * size)) ** 2
            need = f"{math.ceil(factor)} times as many replicas would settle it"
        else:
            need = "a finer grid or a smaller learning rate would settle it"
        text = f"the tolerance, {tolerance:.2g}, exceeds {USEFUL:.0%} of the value; {need}"
        return Verdict("inconclusive", against, difference, tolerance, text)
    if abs(difference) <= tolerance:
        return Verdict(
            "agrees",
            against,
            difference,
            tolerance,
            f"a difference of {tolerance / size:.2g} of it would have been seen",
        )
    return Verdict(
        "differs",
        against,
        difference,
        tolerance,
        f"off by {difference / size:+.1%}, allowed {tolerance / size:.1%}",
    )


def choose_reference(sampled: Estimate, on_grid: Estimate | None) -> Estimate:
    """The chain that the other levels are judged by: the exact one on a grid, which has no sampling error.

    Where a grid does not resolve it, or its steps were assumed (matched in two moments, say), the simulated
    chains; where those diverge too, since a grid holds in its box what diverges.
    """
    if on_grid is None or not on_grid.ok or on_grid.assumptions or DIVERGED in sampled.status:
        return sampled
    return on_grid


def verdict_on(e: Estimate, reference: Estimate, scale: float = 0.0) -> Verdict:
    """The verdict of a row; the reference's own is invalid where something is wrong with it."""
    if e is not reference:
        return judge(e, reference, scale=scale)
    return REFERENCE if e.ok else Verdict("invalid", text=e.status)


def attempt(find: Callable[[], Estimate], method: str, unit: str = "") -> Estimate:
    """A number, or the sentence that says why a level has none: one level must not stop the others."""
    try:
        return find()
    except ValueError as error:
        return Estimate(math.nan, unit=unit, method=method, status=str(error))
