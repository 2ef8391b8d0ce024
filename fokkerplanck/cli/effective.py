"""``fokkerplanck effective``."""

from __future__ import annotations

from typing import Any

from fokkerplanck.cli.app import cli, model_options
from fokkerplanck.cli.asking import Request, ask


@cli.command()
@model_options
def effective(**arguments: Any) -> None:
    """Ask which regularizer SGD adds."""
    ask(Request(**arguments), "regularizer")
