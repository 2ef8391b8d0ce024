"""``python -m validation [NAME ...] [-o FOLDER] [--quick] [--seed N]``.

Exit code 1 if a prediction of this project fails, 2 for a mistake, a missing package or a process
of trainings that was killed, 130 if interrupted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import BrokenExecutor
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from fokkerplanck.formula import nearest
from fokkerplanck.reporting.files import writable_folder
from validation import (
    benign_oscillation,
    closures,
    flat_valley,
    large_steps,
    near_degenerate,
    order_of_learning,
    rare_escapes,
    record,
    seeds,
    thresholds,
    two_wells,
    valley_noises,
)
from validation.claim import FAILED, NOT_RUN, missing
from validation.hands import hands
from validation.page import HEAD, LEGEND
from validation.run import Subject, run

SUBJECTS: Mapping[str, Subject] = {
    "flat_valley": flat_valley,
    "near_degenerate": near_degenerate,
    "valley_noises": valley_noises,
    "closures": closures,
    "thresholds": thresholds,
    "rare_escapes": rare_escapes,
    "two_wells": two_wells,
    "large_steps": large_steps,
    "order_of_learning": order_of_learning,
    "benign_oscillation": benign_oscillation,
}
STYLES = {"confirmed": "green", "failed": "bold red"}  # all others yellow
WIDTH = 120


def main(arguments: Sequence[str] | None = None, subjects: Mapping[str, Subject] = SUBJECTS) -> int:
    """Run the claims of the subjects named, or of all, and judge them."""
    parser = _parser(subjects)
    options = parser.parse_args(arguments)
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
    if options.seed < 0:
        parser.error(f"--seed is {options.seed}: give a whole number from 0 on")
    chosen = {n: subjects[n] for n in options.names or subjects}
    seeds.shift(options.seed)
    console = Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)
    result, said = record.begin(folder, record.provenance(options.quick, options.seed, list(chosen)))
    if said:
        console.print(said)
    kept = f"What is done is in {folder}; the same call goes on." if folder else "Nothing was kept: no -o."
    try:
        with hands(), _bar(console) as bar:
            run(chosen, options.quick, result, folder, bar, lambda s: _show(console, s))
    except KeyboardInterrupt:
        print(f"\nInterrupted. {kept}", file=sys.stderr)
        return 130
    except BrokenExecutor:
        print(
            f"A training's process was ended from outside, for want of memory perhaps. {kept}",
            file=sys.stderr,
        )
        return 2
    except ModuleNotFoundError as error:
        print(missing(error), file=sys.stderr)
        return 2
    console.print(record.summary(result))
    console.print(Text(LEGEND, style="dim"))
    if folder is not None:
        console.print(f"Wrote {folder / record.PAGE} and {folder / record.FILE}.")
    verdicts = {c["verdict"] for s in result["subjects"] for c in s["claims"]}
    return 1 if FAILED in verdicts else 2 if NOT_RUN in verdicts else 0


def _parser(subjects: Mapping[str, Any]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m validation", description="Judge the claims of the papers and of the theory."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(subjects)}; all by default")
    parser.add_argument(
        "-o",
        "--out",
        metavar="FOLDER",
        help="write validation.json, validation.html and the pictures there; a call that was stopped is "
        "taken up again",
    )
    parser.add_argument(
        "--quick", action="store_true", help="fewer replicas: larger errors, in a few minutes"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="shift all seeds (default 0)")
    return parser


def _bar(console: Console) -> Progress:
    """On a terminal only; the time left is from the mean over all claims so far."""
    watched = console if console.is_terminal else Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left about"),
        TimeRemainingColumn(),
        console=watched,
        transient=True,
        disable=not watched.is_terminal,
        speed_estimate_period=24 * 3600.0,
    )


def _show(console: Console, subject: Mapping[str, Any]) -> None:
    """The table of one subject, and what to know beside it."""
    table = Table(
        title=subject["title"], title_justify="left", box=SIMPLE_HEAD, header_style="dim", expand=True
    )
    for name, ratio in zip(HEAD, (4, 3, 3, 3), strict=True):
        table.add_column(name, ratio=ratio)
    for c in subject["claims"]:
        alarm = f"false alarm {c['false_alarm']:.0e}" if c["false_alarm"] else "deterministic"
        verdict = Text(c["verdict"], style=STYLES.get(c["verdict"], "yellow"))
        if c["reason"]:
            verdict.append(f"\n{c['reason']}", style="not bold dim")
        claim = Text(c["sentence"]).append(f"\n{c['criterion']} ({alarm})", style="dim")
        table.add_row(
            claim,
            Text(c["predicted"]),  # a mark such as [pub] is no markup
            Text(f"{c['measured']}\n[{c['seconds']:.0f} s]"),
            verdict,
            end_section=True,
        )
    console.print(table)
    console.print(Text(f"  Source: {subject['source']}", style="dim"))
    for departure in subject["departures"]:
        console.print(Text(f"  Departure: {departure}", style="dim"))


if __name__ == "__main__":
    sys.exit(main())
