"""A claim: said, predicted and given its criterion before anything is run."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fokkerplanck import Estimate

CONFIRMED, FAILED, NO_POWER = "confirmed", "failed", "no power"
NOT_CONFIRMED = "not confirmed"  # a claim of the literature that is not seen here: shown, and no failure
SIGMAS = 3.0
TWO_SIDED = 2.7e-3  # false alarm of three standard errors, two-sided
DETERMINISTIC = 0.0


@dataclass(frozen=True)
class Finding:
    """What a run found: the number as text, the verdict and the reason."""

    measured: str
    verdict: str
    reason: str = ""
    numbers: tuple[Estimate, ...] = ()


@dataclass(frozen=True)
class Claim:
    """One claim about one system.

    Parameters
    ----------
    id : str
        Short name, unique in its subject.
    sentence : str
        The claim as a reader would quote it.
    predicted : str
        The prediction, with what it would be if the claim were false; found without the run.
    method : str
        How it is measured, with the numbers of replicas and steps.
    criterion : str
        When the claim counts as confirmed.
    false_alarm : float
        Probability that a true claim fails; 0 for a deterministic check.
    test : callable
        Runs the measurement.
    """

    id: str
    sentence: str
    predicted: str
    method: str
    criterion: str
    false_alarm: float
    test: Callable[[], Finding]

    def run(self) -> Finding:
        """Measure and judge; a refusal of the package is a failed claim with its sentence."""
        try:
            return self.test()
        except ValueError as error:
            return Finding("-", FAILED, f"could not be measured: {error}")

    def to_dict(self, finding: Finding, seconds: float) -> dict[str, Any]:
        """JSON-able record of claim and finding."""
        return {
            "id": self.id,
            "sentence": self.sentence,
            "predicted": self.predicted,
            "method": self.method,
            "criterion": self.criterion,
            "false_alarm": self.false_alarm,
            "measured": finding.measured,
            "verdict": finding.verdict,
            "reason": finding.reason,
            "numbers": [n.to_dict() for n in finding.numbers],
            "seconds": round(seconds, 2),
        }


def judged(measured: Estimate, predicted: float, rival: float | None = None, bias: float = 0.0) -> Finding:
    """Three standard errors, plus the discretization error and a bias that was named beforehand.

    With a `rival`, the value if the claim were false, a run that could not tell the two apart has no power.
    """
    if not measured.ok:
        return Finding(str(measured), FAILED, measured.status, (measured,))
    tolerance = SIGMAS * measured.stat + measured.disc + bias
    off = measured.value - predicted
    if rival is not None and abs(predicted - rival) <= tolerance:
        gap = abs(predicted - rival)
        more = (SIGMAS * measured.stat / max(gap - measured.disc - bias, 1e-9 * gap)) ** 2
        text = f"no power to see it: a gap of {gap:.2g} against a tolerance of {tolerance:.2g}"
        if measured.disc + bias < gap:
            text += f"; {math.ceil(more):g} times the replicas would"
        return Finding(str(measured), NO_POWER, text, (measured,))
    text = f"off by {off:+.2g}, allowed {tolerance:.2g}"
    if rival is not None:
        text += f"; from {rival:.5g} it is off by {measured.value - rival:+.2g}"
    return Finding(str(measured), CONFIRMED if abs(off) <= tolerance else FAILED, text, (measured,))


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
