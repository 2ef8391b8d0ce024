"""The report: every question of a model, answered one after the other and written as it goes."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fokkerplanck import comparison
from fokkerplanck.comparison.result import Comparison
from fokkerplanck.model import Model, load
from fokkerplanck.reporting.files import writable_folder
from fokkerplanck.reporting.record import provenance_of

if TYPE_CHECKING:
    from rich.console import Group

COMPLETE, PARTIAL = "complete", "partial"

Progress = Callable[..., None]  # progress(fraction done of the whole, what is being done)


@dataclass(frozen=True, eq=False)
class Report:
    """Answers to the questions of a model, ready to be shown.

    Attributes
    ----------
    model : Model
    comparisons : tuple of Comparison
        One a question.
    headline : str
        The answer in one sentence.
    provenance : mapping
        Versions, seed and settings: what somebody needs to get the same numbers.
    status : str
        ``"complete"``, or ``"partial"`` while questions are missing.
    """

    model: Model
    comparisons: tuple[Comparison, ...]
    headline: str
    provenance: Mapping[str, Any]
    status: str = COMPLETE
    _drawn: dict[str, bytes] = field(default_factory=dict, repr=False)

    def table(self) -> Group:
        """The report for a terminal, as something `rich` can print."""
        from fokkerplanck.reporting.table import render

        return render(self)

    def to_dict(self) -> dict[str, Any]:
        """What `results.json` holds: status, model, provenance, rows and figures."""
        from fokkerplanck.reporting.record import to_dict

        return to_dict(self)

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write page, pictures, `results.nc` and `results.json`; each replaces the old one as a whole.

        Raises
        ------
        ValueError
            If the folder is a file, or cannot be written to.
        """
        from fokkerplanck.reporting.save import save

        return save(self, writable_folder(folder))

    def _repr_html_(self) -> str:
        from fokkerplanck.reporting.html import fragment

        return fragment(self)

    def __str__(self) -> str:
        from fokkerplanck.reporting.table import plain

        return plain(self)


def report(
    model: Model | str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    quick: bool = False,
    progress: Progress | None = None,
    seed: int = 0,
) -> Report:
    """Answer every question of a model: regularizer, escape, thresholds, gap.

    Parameters
    ----------
    model : Model or path
        A model, or its file.
    out : path, optional
        Folder for `report.html`, `*.png`, `results.nc` and `results.json`. They are written as questions are
        answered, with status ``"partial"``, so that an interrupted or killed run leaves whole files.
    quick : bool
        Fewer replicas and coarser grids: larger errors, in seconds.
    progress : callable, optional
        Called with the fraction done, and what is being done.
    seed : int
        The same seed gives the same numbers.

    Raises
    ------
    ValueError
        If `out` cannot be written to (before anything is computed), or the model asks what is not possible.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> fp.report(fp.load("models/flat_valley.toml"), out="out", quick=True)  # doctest: +SKIP
    """
    folder = None if out is None else writable_folder(out)
    if not isinstance(model, Model):
        model = load(Path(model))
    answers = comparison.answers(model, quick=quick, progress=progress, seed=seed)
    return assembled(model, answers, comparison.headline, folder, quick, seed)


def assembled(
    model: Model,
    answers: Iterable[Comparison],
    headline: Callable[[Sequence[Comparison]], str] | None = None,
    folder: Path | None = None,
    quick: bool = False,
    seed: int = 0,
) -> Report:
    """A report of answers, written as they come; its headline is the first sentence where none is given."""
    done: list[Comparison] = []
    drawn: dict[str, bytes] = {}

    def so_far(status: str) -> Report:
        said = (headline or _first_sentence)(done) if done else ""
        return Report(model, tuple(done), said, provenance_of(model, quick, seed), status, drawn)

    saved, cost, last = 0, 0.0, -math.inf

    def keep() -> None:
        nonlocal saved, cost, last
        began = time.monotonic()
        if folder is not None and len(done) > saved:
            so_far(PARTIAL).save(folder)
            saved, last = len(done), time.monotonic()
            cost = last - began

    try:
        for answer in answers:
            done.append(answer)
            # Writing takes no more than a fifth of the time: quick questions wait for the next ones.
            if time.monotonic() - last > 4 * cost:
                keep()
    except BaseException as error:
        keep()
        error.add_note(_left_behind(folder, saved))
        raise
    result = so_far(COMPLETE)
    if folder is not None:
        result.save(folder)
    return result


def single(model: Model, answer: Comparison, quick: bool = False, seed: int = 0) -> Report:
    """A report of one question."""
    return assembled(model, (answer,), quick=quick, seed=seed)


def _first_sentence(done: Sequence[Comparison]) -> str:
    return " ".join(done[0].sentences[:1])


def _left_behind(folder: Path | None, saved: int) -> str:
    if folder is None or not saved:
        return "nothing was written"
    return f"what was finished is in {folder}{os.sep}"
