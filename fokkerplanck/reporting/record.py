"""The report as plain numbers and texts: `results.json` and its provenance."""

from __future__ import annotations

import importlib.metadata
import json
import math
import platform
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fokkerplanck import __version__
from fokkerplanck.model import Model
from fokkerplanck.reporting.figures import named

if TYPE_CHECKING:
    from fokkerplanck.reporting.build import Report

PACKAGES = ("numpy", "scipy", "numba", "sympy", "matplotlib", "xarray", "h5netcdf")


def provenance_of(model: Model, quick: bool, seed: int) -> dict[str, Any]:
    """What is needed to get the same numbers again; nothing of the machine: two runs compare equal."""
    versions = {"fokkerplanck": __version__, "python": platform.python_version()}
    versions |= {name: importlib.metadata.version(name) for name in PACKAGES}
    return {
        "versions": versions,
        "seed": seed,
        "quick": quick,
        "model_file": model.path.name,
    }


def to_dict(report: Report) -> dict[str, Any]:
    """The record that is written, with plain values only."""
    figures = [
        {"file": file, "title": p.title, "caption": p.caption, "question": c.question}
        for file, p, c in named(report.comparisons)
    ]
    record = {
        "status": report.status,
        "model": report.model.to_dict(),
        "provenance": report.provenance,
        "rows": [row.to_dict() for c in report.comparisons for row in c.rows],
        "figures": figures,
    }
    plain: dict[str, Any] = jsonable(record)
    return plain


def to_json(report: Report) -> str:
    """The record as text."""
    return json.dumps(to_dict(report), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def jsonable(value: Any) -> Any:
    """The value in what JSON can hold: arrays as lists, what is not finite as null, the rest as text."""
    if isinstance(value, Mapping):
        return {str(k): jsonable(v) for k, v in value.items()}
    if isinstance(value, np.ndarray):
        return jsonable(value.tolist())
    if isinstance(value, list | tuple | set | frozenset):
        return [jsonable(v) for v in value]
    if isinstance(value, np.generic):
        return jsonable(value.item())
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value)
