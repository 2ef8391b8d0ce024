"""The border at which errors become sentences and codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from fokkerplanck.cli.app import State, cli

OK, UNEXPECTED, MISTAKE, INTERRUPTED = 0, 1, 2, 130


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code."""
    state = State()
    try:
        cli.main(args=None if arguments is None else list(arguments), obj=state, standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Exit as stop:
        return int(stop.exit_code)
    except (click.Abort, KeyboardInterrupt) as stop:
        notes = getattr(stop.__cause__, "__notes__", None) or getattr(stop, "__notes__", [])
        return _complain(f"interrupted; {'; '.join(notes) or 'nothing was written'}", INTERRUPTED)
    except BrokenPipeError:  # the reader, such as `head`, has left
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNEXPECTED
    except click.ClickException as error:
        return _complain(error.format_message(), MISTAKE)
    except Exception as error:
        if state.debug:
            raise
        return _explain(error)
    return OK


def _explain(error: Exception) -> int:
    """One sentence for a mistake of the user's; for one of ours, how to see more."""
    notes = "".join(f"; {note}" for note in getattr(error, "__notes__", []) if note != "nothing was written")
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return _complain(f"{where}{error.strerror}{notes}", MISTAKE)
    ours = type(error) is ValueError or type(error).__module__.startswith("fokkerplanck")
    if isinstance(error, ValueError) and ours:
        return _complain(f"{error}{notes}", MISTAKE)
    what = f"unexpected {type(error).__name__}: {error}{notes}"
    return _complain(f"{what}; run again with --debug for the traceback", UNEXPECTED)


def _complain(sentence: str, code: int) -> int:
    click.echo(f"fokkerplanck: {' '.join(sentence.split())}", err=True)
    return code


def main() -> None:
    """Entry point of the `fokkerplanck` command."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without ± is no reason to fail
    sys.exit(run())
