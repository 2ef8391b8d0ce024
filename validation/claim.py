"""A claim: said, predicted and given its criterion before anything is run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fokkerplanck import Estimate

CONFIRMED, FAILED, NO_POWER = "confirmed", "failed", "no power"
NOT_CONFIRMED = "not confirmed"  # a claim of the literature that is not seen here: shown, and no failure
NOT_RUN = "not run"  # something it needs is not installed


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
        except ModuleNotFoundError as error:
            return Finding("-", NOT_RUN, missing(error))

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


def missing(error: ModuleNotFoundError) -> str:
    """What to install, if one of the extras brings it."""
    if (error.name or "").split(".")[0] == "sklearn":
        return "scikit-learn is not installed; the extra brings it: pip install 'fokkerplanck[digits]'"
    return str(error)
