"""What commands have in common: read the model, ask, show the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fokkerplanck.cli.progress import Tell, part, watched

if TYPE_CHECKING:
    from fokkerplanck.comparison.result import Comparison
    from fokkerplanck.model import Model
    from fokkerplanck.reporting import Report

TABLE_WIDTH = 110
LEVELS = 0.7  # share of the work that the levels take where a portrait follows them

Portrait = Callable[..., "Comparison"]  # of a model, with quick= and progress=


@dataclass(frozen=True)
class Request:
    """The arguments of a command that reads a model, as `model_options` hands them over."""

    path: str
    settings: Sequence[str]
    out: str | None
    as_json: bool
    quick: bool
    seed: int


def ask(
    request: Request, question: str, portrait: Callable[[], Portrait] | None = None, name: str = ""
) -> None:
    """Put one question to all levels, and draw what its SDE says of it."""
    from fokkerplanck import reporting

    model = load(request)
    folder = folder_of(request)
    with watched(name or question) as tell:
        answers = _answers(model, question, portrait, request, tell)
        result = reporting.assembled(model, answers, None, folder, request.quick, request.seed)
    show(result, request, folder)


def _answers(
    model: Model, question: str, portrait: Callable[[], Portrait] | None, request: Request, tell: Tell | None
) -> Iterator[Comparison]:
    from fokkerplanck import comparison
    from fokkerplanck.comparison.result import Comparison

    share = 1.0 if portrait is None else LEVELS
    report = part(tell, 0.0, share, question)
    levels = comparison.compare(model, question, quick=request.quick, seed=request.seed, progress=report)
    if portrait is None:
        yield levels
        return
    from fokkerplanck.portrait import INSTEAD_OF

    yield replace(levels, pictures=[p for p in levels.pictures if p.name not in INSTEAD_OF])
    try:
        yield portrait()(model, quick=request.quick, progress=part(tell, share, 1.0 - share))
    except ValueError as error:
        # The levels have answered: that there is no picture must not cost their answer.
        yield Comparison("What does its SDE look like?", (), (f"Not drawn: {error}",))


def load(request: Request) -> Model:
    """The model at the values of --set."""
    values: dict[str, float | str] = {}
    for text in request.settings:
        name, sign, value = (part.strip() for part in text.partition("="))
        if not (name and sign and value):
            raise ValueError(f"--set takes NAME=VALUE, such as --set lr=0.005; got {text!r}")
        values[name] = _number(value)
    from fokkerplanck import model

    return model.load(request.path, **values)


def _number(text: str) -> float | str:
    """A number, or the text of a formula."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def folder_of(request: Request) -> Path | None:
    """Refuse a folder that cannot be written to before anything is computed."""
    if request.out is None:
        return None
    from fokkerplanck.reporting.files import writable_folder

    return writable_folder(request.out)


def show(result: Report, request: Request, folder: Path | None) -> None:
    """Print the table, or the record as JSON."""
    if request.as_json:
        from fokkerplanck.reporting.record import to_json

        click.echo(to_json(result), nl=False)
        return
    from rich.console import Console

    console: Any = Console(highlight=False)
    console.print(result.table(), width=min(console.width, TABLE_WIDTH))
    if folder is not None:
        click.echo(f"Wrote {folder / 'report.html'}, pictures, results.nc and results.json.")
