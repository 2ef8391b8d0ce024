"""Numerical tools for the theory of stochastic gradient descent.

Write down the loss of one sample; everything else follows from it. Names load when first
used, so that ``import fokkerplanck`` costs almost nothing.
"""

from __future__ import annotations

import importlib


__version__ = "0.1.0"

# Public name -> the module that defines it.
_HOME = {
    "Estimate": "estimate",
    "Grid": "grid",
    "Loss": "loss",
    "Normal": "loss",
    "Rademacher": "loss",
    "Uniform": "loss",
    "Data": "loss",
    "SDE": "sde",
    "SGD": "sgd",
    "Generator": "operators",
    "MarkovOperator": "operators",
    "TransitionOperator": "operators",
    "Density": "results",
    "Ensemble": "results",
    "Field": "results",
    "Spectrum": "results",
    "effective_loss": "theory",
    "divergence_thresholds": "theory",
    "compare": "comparison",
    "Model": "model",
    "load": "model",
    "report": "report",
}

__all__ = ["__version__", *sorted(_HOME)]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'fokkerplanck' has no attribute {name!r}; it has {', '.join(sorted(_HOME))}")
    value = getattr(importlib.import_module(f"fokkerplanck.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
