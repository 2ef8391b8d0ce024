"""Numerical tools for the theory of stochastic gradient descent.

Write down the loss of one sample; everything else follows from it. Names load when first
used, so that ``import fokkerplanck`` costs almost nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fokkerplanck import schedules as schedules
    from fokkerplanck.comparison import compare as compare
    from fokkerplanck.compiled_loss import CompiledLoss as CompiledLoss
    from fokkerplanck.convergence import ConvergenceStudy as ConvergenceStudy
    from fokkerplanck.convergence import convergence_study as convergence_study
    from fokkerplanck.estimate import Estimate as Estimate
    from fokkerplanck.grid import Grid as Grid
    from fokkerplanck.loss import Data as Data
    from fokkerplanck.loss import Loss as Loss
    from fokkerplanck.loss import Normal as Normal
    from fokkerplanck.loss import Rademacher as Rademacher
    from fokkerplanck.loss import Uniform as Uniform
    from fokkerplanck.model import Model as Model
    from fokkerplanck.model import load as load
    from fokkerplanck.operators import Generator as Generator
    from fokkerplanck.operators import MarkovOperator as MarkovOperator
    from fokkerplanck.operators import TransitionOperator as TransitionOperator
    from fokkerplanck.recording import Record as Record
    from fokkerplanck.reporting import report as report
    from fokkerplanck.results import Density as Density
    from fokkerplanck.results import Ensemble as Ensemble
    from fokkerplanck.results import ExitLaw as ExitLaw
    from fokkerplanck.results import Field as Field
    from fokkerplanck.results import History as History
    from fokkerplanck.results import HittingLaw as HittingLaw
    from fokkerplanck.results import ReactiveCurrent as ReactiveCurrent
    from fokkerplanck.results import Spectrum as Spectrum
    from fokkerplanck.sde import SDE as SDE
    from fokkerplanck.sgd import SGD as SGD
    from fokkerplanck.theory import divergence_thresholds as divergence_thresholds
    from fokkerplanck.theory import effective_loss as effective_loss

__version__ = "0.1.0"

# Public name -> the module that defines it; type checkers read the imports above instead.
_HOME = {
    "Estimate": "estimate",
    "Grid": "grid",
    "Loss": "loss",
    "CompiledLoss": "compiled_loss",
    "Normal": "loss",
    "Rademacher": "loss",
    "Uniform": "loss",
    "Data": "loss",
    "SDE": "sde",
    "SGD": "sgd",
    "ConvergenceStudy": "convergence",
    "convergence_study": "convergence",
    "Generator": "operators",
    "MarkovOperator": "operators",
    "TransitionOperator": "operators",
    "Density": "results",
    "Ensemble": "results",
    "History": "results",
    "Record": "recording",
    "ExitLaw": "results",
    "Field": "results",
    "HittingLaw": "results",
    "ReactiveCurrent": "results",
    "Spectrum": "results",
    "effective_loss": "theory",
    "divergence_thresholds": "theory",
    "compare": "comparison",
    "Model": "model",
    "load": "model",
    "report": "reporting",
}

# Modules that are public themselves: their names are too general to stand alone.
_MODULES = ("schedules",)

__all__ = ["__version__", *sorted((*_HOME, *_MODULES))]


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return importlib.import_module(f"fokkerplanck.{name}")
    if name not in _HOME:
        known = ", ".join(sorted((*_HOME, *_MODULES)))
        raise AttributeError(f"module 'fokkerplanck' has no attribute {name!r}; it has {known}")
    value = getattr(importlib.import_module(f"fokkerplanck.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
