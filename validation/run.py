"""Claims one after the other: each is on the disk as soon as it is done, and is not done again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from rich.progress import Progress

from validation import record
from validation.claim import NOT_RUN, Claim, missing

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Subject(Protocol):
    """What a module or package of `validation` has to have."""

    @property
    def TITLE(self) -> str:
        """One line."""

    @property
    def SOURCE(self) -> str:
        """The paper."""

    @property
    def DEPARTURES(self) -> tuple[str, ...]:
        """What differs from the paper's set-up, or is not known of it; shown beside the result."""

    @property
    def claims(self) -> Callable[[bool], Iterator[Claim]]:
        """(quick) -> claims, each with its prediction, not yet run."""

    @property
    def pictures(self) -> Callable[[bool], Iterator[tuple[str, Figure]]]:
        """(quick) -> captions and figures; called when the claims are done."""


def run(
    subjects: Mapping[str, Subject],
    quick: bool,
    result: dict[str, Any],
    folder: Path | None,
    bar: Progress,
    show: Callable[[dict[str, Any]], None],
) -> None:
    """Fill `result` with what it does not hold yet; every prediction is made before the first run."""
    setting = bar.add_task("predictions", total=len(subjects))
    planned = {}
    for name, subject in subjects.items():
        planned[name] = list(subject.claims(quick))
        bar.advance(setting)
    bar.remove_task(setting)
    entries = {s["name"]: s for s in result["subjects"]}
    held = {name: {c["id"] for c in s["claims"] if c["verdict"] != NOT_RUN} for name, s in entries.items()}
    left = sum(c.id not in held.get(name, ()) for name, claims in planned.items() for c in claims)
    task = bar.add_task("claims", total=left)
    for name, subject in subjects.items():
        if name not in entries:
            entries[name] = _blank(name, subject)
            result["subjects"].append(entries[name])
        entry = entries[name]
        order = [c.id for c in planned[name]]
        for claim in _missing(planned[name], entry, held.get(name, set())):
            bar.update(task, description=f"{name}: {claim.id}")
            start = time.perf_counter()
            finding = claim.run()
            entry["claims"].append(claim.to_dict(finding, time.perf_counter() - start))
            entry["claims"].sort(key=lambda c: order.index(c["id"]))
            bar.advance(task)
            if folder is not None:
                record.save(folder, result)
        if folder is not None and not _drawn(folder, entry):
            bar.update(task, description=f"{name}: pictures")
            _draw(folder, entry, subject, quick)
            record.save(folder, result)
        show(entry)
    if not any(c["verdict"] == NOT_RUN for s in result["subjects"] for c in s["claims"]):
        result["status"] = record.COMPLETE
    if folder is not None:
        record.save(folder, result)


def _blank(name: str, subject: Subject) -> dict[str, Any]:
    return {
        "name": name,
        "title": subject.TITLE,
        "source": subject.SOURCE,
        "departures": list(subject.DEPARTURES),
        "claims": [],
        "pictures": None,  # not drawn yet
        "undrawn": "",
    }


def _missing(claims: Sequence[Claim], entry: dict[str, Any], held: set[str]) -> list[Claim]:
    """Those to run; what could not be run before is forgotten."""
    entry["claims"] = [c for c in entry["claims"] if c["id"] in held]
    return [c for c in claims if c.id not in held]


def _draw(folder: Path, entry: dict[str, Any], subject: Subject, quick: bool) -> None:
    """Draw, or say why not: a picture needs what its claims need, and may be refused as they are."""
    try:
        entry["pictures"] = record.draw(folder, entry["name"], subject.pictures(quick))
        entry["undrawn"] = ""
    except ModuleNotFoundError as error:
        entry["undrawn"] = missing(error)
    except ValueError as error:
        entry["undrawn"] = str(error)


def _drawn(folder: Path, entry: dict[str, Any]) -> bool:
    return entry["pictures"] is not None and all((folder / p["file"]).exists() for p in entry["pictures"])
