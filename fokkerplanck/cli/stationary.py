"""``fokkerplanck stationary``."""

from __future__ import annotations

from typing import Any

from fokkerplanck.cli.app import cli, model_options
from fokkerplanck.cli.asking import Portrait, Request, ask


@cli.command()
@model_options
def stationary(**arguments: Any) -> None:
    """Ask where SGD is in the long run.

    Means and variances at every level; with -o pictures of the SDE: its density with marginals, the effective
    loss, the slowest modes of relaxation.
    """
    ask(Request(**arguments), "stationary", _portrait)


def _portrait() -> Portrait:
    from fokkerplanck import portrait

    return portrait.stationary
