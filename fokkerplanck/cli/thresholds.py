"""``fokkerplanck thresholds``."""

from __future__ import annotations

from typing import Any

from fokkerplanck.cli.app import cli, model_options
from fokkerplanck.cli.asking import Request, ask


@cli.command()
@model_options
def thresholds(**arguments: Any) -> None:
    """Ask above which lr SGD diverges."""
    ask(Request(**arguments), "thresholds")
