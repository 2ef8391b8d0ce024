"""The command line: reads arguments, asks, prints. A mistake is one sentence, never a traceback."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fokkerplanck import __version__

if TYPE_CHECKING:
    from fokkerplanck.model import Model
    from fokkerplanck.reporting import Report

OK, UNEXPECTED, MISTAKE, INTERRUPTED = 0, 1, 2, 130
TABLE_WIDTH = 110

# Command -> the question it asks, and its help.
QUESTIONS = {
    "effective": ("regularizer", "Ask which regularizer SGD adds."),
    "escape": ("escape", "Ask how long SGD stays in the region."),
    "stationary": ("stationary", "Ask where SGD is in the long run."),
    "thresholds": ("thresholds", "Ask above which lr SGD diverges."),
}


@dataclass
class State:
    """What holds for the whole run."""

    debug: bool = False


class Commands(click.Group):
    """A group that knows the command that was meant."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Find the command, or name the nearest."""
        known = self.list_commands(ctx)
        if args and args[0] not in known and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(f"there is no command {args[0]!r}{hint} There are {', '.join(known)}.")
        return super().resolve_command(ctx, args)


def _debug(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        ctx.ensure_object(State).debug = True


debug_option = click.option(
    "--debug", is_flag=True, expose_value=False, callback=_debug, help="Show the traceback of an error."
)


def model_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options of every command that reads a model."""
    for option in (
        debug_option,
        click.option("--json", "as_json", is_flag=True, help="Print results.json, and nothing else."),
        click.option("-o", "--out", metavar="FOLDER", help="Write page, pictures and data to this folder."),
        click.option(
            "--set", "settings", multiple=True, metavar="NAME=VALUE", help="A constant, lr or batch."
        ),
        click.option("--seed", type=click.IntRange(min=0), default=0, help="Same seed, same numbers."),
        click.option("--quick", is_flag=True, help="Larger errors, in seconds."),
        click.argument("path", metavar="MODEL.toml"),
    ):
        command = option(command)
    return command


HELP = {"help_option_names": ["-h", "--help"]}


@click.group(cls=Commands, invoke_without_command=True, context_settings=HELP)
@click.version_option(__version__, prog_name="fokkerplanck")
@debug_option
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Numerical tools for the theory of stochastic gradient descent.

    Start with `fokkerplanck new my_model.toml`, then `fokkerplanck report my_model.toml -o out/`.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


@cli.command()
@model_options
def report(
    path: str, settings: Sequence[str], out: str | None, as_json: bool, quick: bool, seed: int
) -> None:
    """Answer all questions of a model.

    Which regularizer SGD adds, how long it takes to the flat part, when it diverges, where its SDE is off.
    """
    from fokkerplanck import reporting

    model = _load(path, settings)
    folder = _folder(out)
    with _progress("report") as progress:
        result = reporting.report(model, folder, quick, progress, seed)
    _show(result, as_json, folder)
    if folder is None and not as_json:
        click.echo("Add -o out/ to keep this as a page with pictures, and the data.", err=True)


def _question(name: str, question: str, text: str) -> None:
    """Add the command of one question."""

    @cli.command(name, help=text)
    @model_options
    def command(
        path: str, settings: Sequence[str], out: str | None, as_json: bool, quick: bool, seed: int
    ) -> None:
        from fokkerplanck import comparison
        from fokkerplanck.reporting import single

        model = _load(path, settings)
        folder = _folder(out)
        with _progress(name) as progress:
            answer = comparison.compare(model, question, quick=quick, seed=seed, progress=progress)
        result = single(model, answer, quick, seed)
        if folder is not None:
            result.save(folder)
        _show(result, as_json, folder)


for _name, (_asked, _text) in QUESTIONS.items():
    _question(_name, _asked, _text)


@cli.command()
@debug_option
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@click.argument("path", metavar="MY_MODEL.toml")
def new(path: str, force: bool) -> None:
    """Write a model file to start from."""
    from fokkerplanck.model import TEMPLATE
    from fokkerplanck.reporting.files import write

    target = Path(path)
    if target.is_dir():
        raise ValueError(f"{path}: this is a folder; name a file in it, such as {target / 'my_model.toml'}")
    if target.exists() and not force:
        raise ValueError(f"{path}: is there already; choose another name, or add --force to replace it")
    if not target.parent.is_dir():
        raise ValueError(f"{path}: there is no folder {str(target.parent)!r}; make it first")
    write(target, TEMPLATE.read_text(encoding="utf-8"))
    click.echo(f"Wrote {path}. Next: fokkerplanck report {path} -o out/")


def _load(path: str, settings: Sequence[str]) -> Model:
    """The model at the values of --set."""
    values: dict[str, float | str] = {}
    for text in settings:
        name, sign, value = (part.strip() for part in text.partition("="))
        if not (name and sign and value):
            raise ValueError(f"--set takes NAME=VALUE, such as --set lr=0.005; got {text!r}")
        values[name] = _number(value)
    from fokkerplanck.model import load

    return load(path, **values)


def _number(text: str) -> float | str:
    """A number, or the text of a formula."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _folder(out: str | None) -> Path | None:
    """Refuse a folder that cannot be written to before anything is computed."""
    if out is None:
        return None
    from fokkerplanck.reporting.files import writable_folder

    return writable_folder(out)


def _show(result: Report, as_json: bool, folder: Path | None) -> None:
    if as_json:
        from fokkerplanck.reporting.record import to_json

        click.echo(to_json(result), nl=False)
        return
    from rich.console import Console

    console = Console(highlight=False)
    console.print(result.table(), width=min(console.width, TABLE_WIDTH))
    if folder is not None:
        click.echo(f"Wrote {folder / 'report.html'}, pictures, results.nc and results.json.")


@contextmanager
def _progress(what: str) -> Iterator[Callable[..., None] | None]:
    """A bar with the time left on stderr where somebody watches it, else nothing."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TaskProgressColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    # Averaged over a long stretch: questions differ in speed, and a leaping clock is worse than a slow one.
    with Progress(*columns, console=Console(stderr=True), transient=True, speed_estimate_period=60.0) as bar:
        task = bar.add_task(what, total=1.0)

        def tell(fraction: float, doing: str = "") -> None:
            bar.update(task, completed=min(max(fraction, 0.0), 1.0), description=doing or None)

        yield tell


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code; the border at which errors become sentences."""
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


if __name__ == "__main__":
    main()
