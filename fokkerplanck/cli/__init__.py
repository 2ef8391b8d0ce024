"""The command line: reads arguments, asks, prints. A mistake is one sentence, never a traceback."""

from fokkerplanck.cli import effective, escape, new, report, stationary, thresholds  # each adds its command
from fokkerplanck.cli.app import cli
from fokkerplanck.cli.border import main, run

COMMANDS = (report, effective, escape, stationary, thresholds, new)

__all__ = ["COMMANDS", "cli", "main", "run"]
