"""Closed forms and symbolic derivations: predictions that name what they assume."""

from __future__ import annotations

from fokkerplanck.theory.effective import EffectiveLoss, effective_loss
from fokkerplanck.theory.escape import ESCAPE_LAWS
from fokkerplanck.theory.inputs import check_formula, check_plain
from fokkerplanck.theory.modified import modified_equation
from fokkerplanck.theory.momentum import buffer_symbols, momentum_equation
from fokkerplanck.theory.passage import OVERSHOOT
from fokkerplanck.theory.stability import DivergenceThresholds
from fokkerplanck.theory.thresholds import divergence_thresholds

__all__ = [
    "ESCAPE_LAWS",
    "OVERSHOOT",
    "DivergenceThresholds",
    "EffectiveLoss",
    "buffer_symbols",
    "check_formula",
    "check_plain",
    "divergence_thresholds",
    "effective_loss",
    "modified_equation",
    "momentum_equation",
]
