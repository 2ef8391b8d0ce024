"""The command line: reads arguments, asks, prints. A mistake is one sentence, never a traceback."""

from fokkerplanck.cli import (  # each adds its command
    effective,
    escape,
    new,
    report,
    simulate,
    stationary,
    thresholds,
)
from fokkerplanck.cli.app import cli
from fokkerplanck.cli.border import main, run

COMMANDS = (report, effective, escape, stationary, simulate, thresholds, new)

__all__ = ["COMMANDS", "cli", "main", "run"]
