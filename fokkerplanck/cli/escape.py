"""``fokkerplanck escape``."""

from __future__ import annotations

from typing import Any

from fokkerplanck.cli.app import cli, model_options
from fokkerplanck.cli.asking import Portrait, Request, ask


@cli.command()
@model_options
def escape(**arguments: Any) -> None:
    """Ask how long SGD stays in the region.

    The mean exit time at every level; with -o pictures of the SDE: the exit time from everywhere, where it
    leaves, the committor and the current of escapes.
    """
    ask(Request(**arguments), "escape", _portrait)


def _portrait() -> Portrait:
    from fokkerplanck import portrait

    return portrait.escape
