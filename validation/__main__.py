"""``python -m validation [NAME ...] [-o FOLDER] [--quick]``: code 1 if a claim fails, 2 for a mistake."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fokkerplanck.formula import nearest
from fokkerplanck.reporting.files import writable_folder
from validation import benign_oscillation, closures, flat_valley, large_steps, record, thresholds
from validation.claim import FAILED, Claim

Claims = Callable[[bool], Iterator[Claim]]
SUBJECTS: Mapping[str, tuple[str, Claims]] = {
    "flat_valley": (flat_valley.TITLE, flat_valley.claims),
    "closures": (closures.TITLE, closures.claims),
    "thresholds": (thresholds.TITLE, thresholds.claims),
    "large_steps": (large_steps.TITLE, large_steps.claims),
    "benign_oscillation": (benign_oscillation.TITLE, benign_oscillation.claims),
}
STYLES = {"confirmed": "green", "failed": "bold red", "no power": "yellow", "not confirmed": "magenta"}
WIDTH = 120


def main(
    arguments: Sequence[str] | None = None, subjects: Mapping[str, tuple[str, Claims]] = SUBJECTS
) -> int:
    """Run the claims of the subjects named, or of all, and judge them."""
    options = _parser(subjects).parse_args(arguments)
    unknown = [n for n in options.names if n not in subjects]
    if unknown:
        hint = nearest(unknown[0], subjects) or "."
        print(f"there is no subject {unknown[0]!r}{hint} There are {', '.join(subjects)}.", file=sys.stderr)
        return 2
    try:
        folder = None if options.out is None else writable_folder(options.out)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    names = options.names or list(subjects)
    result: dict[str, Any] = {
        "status": "partial",
        "provenance": record.provenance(options.quick, names),
        "subjects": [],
    }
    console = Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)
    for name in names:
        title, claims = subjects[name]
        done = list(_run(claims(options.quick), title))
        result["subjects"].append({"name": name, "title": title, "claims": done})
        console.print(_table(title, done))
        if name == names[-1]:
            result["status"] = "complete"
        if folder is not None:
            record.save(folder, result)
    console.print(record.summary(result))
    if folder is not None:
        console.print(f"Wrote {folder / 'validation.html'} and {folder / 'validation.json'}.")
    failed = any(c["verdict"] == FAILED for s in result["subjects"] for c in s["claims"])
    return 1 if failed else 0


def _parser(subjects: Mapping[str, Any]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m validation", description="Judge the claims of the theory."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(subjects)}; all by default")
    parser.add_argument(
        "-o", "--out", metavar="FOLDER", help="write validation.json and validation.html there"
    )
    parser.add_argument(
        "--quick", action="store_true", help="fewer replicas: larger errors, in about a minute"
    )
    return parser


def _run(claims: Iterator[Claim], title: str) -> Iterator[dict[str, Any]]:
    """Run one claim after the other; who watches a terminal sees which."""
    watched = Console(stderr=True)
    for claim in claims:
        start = time.perf_counter()
        with watched.status(f"{title}: {claim.id} ...") if watched.is_terminal else _Quiet():
            finding = claim.run()
        yield claim.to_dict(finding, time.perf_counter() - start)


class _Quiet:
    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


def _table(title: str, claims: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, header_style="dim", expand=True)
    for name, ratio in zip(record.HEAD, (4, 3, 3, 3), strict=True):
        table.add_column(name, ratio=ratio)
    for c in claims:
        alarm = f"{c['false_alarm']:.1e}" if c["false_alarm"] else "none"
        verdict = Text(c["verdict"], style=STYLES[c["verdict"]])
        if c["reason"]:
            verdict.append(f"\n{c['reason']}", style="not bold dim")
        claim = Text(c["sentence"]).append(f"\n{c['criterion']} (false alarm {alarm})", style="dim")
        table.add_row(
            claim, c["predicted"], f"{c['measured']}\n[{c['seconds']:.0f} s]", verdict, end_section=True
        )
    return table


if __name__ == "__main__":
    sys.exit(main())
