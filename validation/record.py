"""What a run leaves behind: one JSON file, and one page that needs nothing else."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

import fokkerplanck
from fokkerplanck.reporting.files import write
from validation.claim import CONFIRMED, FAILED, NO_POWER

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 1150px; margin: 2rem auto; padding: 0 1rem }
body { color: #1c1c1c }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2rem } p.note { color: #666 }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; vertical-align: top; padding: .45rem .6rem; border-bottom: 1px solid #ddd }
td small { color: #666; display: block } .confirmed { color: #1a7f37 }
.failed { color: #b3261e; font-weight: bold } .no.power { color: #9a6700 }
@media (prefers-color-scheme: dark) {
body { background: #161616; color: #e4e4e4 } td, th { border-color: #333 } td small, p.note { color: #9a9a9a }
.confirmed { color: #57c877 } .failed { color: #ff8a80 } .no.power { color: #e0b252 } }
"""
HEAD = ("claim", "predicted", "measured ± error", "verdict")


def provenance(quick: bool, names: Sequence[str]) -> dict[str, Any]:
    """Where the numbers come from."""
    return {
        "fokkerplanck": fokkerplanck.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "machine": platform.machine(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": quick,
        "subjects": list(names),
    }


def save(folder: Path, record: dict[str, Any]) -> None:
    """Write both files, each whole or not at all."""
    write(folder / "validation.json", json.dumps(record, indent=1, allow_nan=False) + "\n")
    write(folder / "validation.html", page(record))


def page(record: dict[str, Any]) -> str:
    """The page."""
    made = record["provenance"]
    parts = [
        "<!doctype html><html lang='en'><meta charset='utf-8'><title>Validation</title>",
        f"<style>{STYLE}</style>",
        f"<h1>Validation</h1><p>{escape(summary(record))}</p>",
        f"<p class='note'>fokkerplanck {made['fokkerplanck']}, Python {made['python']}, NumPy {made['numpy']}"
        f", {made['machine']}, {made['date']}{', quick' if made['quick'] else ''}; {record['status']}</p>",
    ]
    for subject in record["subjects"]:
        parts.append(f"<h2>{escape(subject['title'])}</h2><table><tr>")
        parts += [f"<th>{h}</th>" for h in HEAD]
        parts.append("</tr>")
        parts += [_row(c) for c in subject["claims"]]
        parts.append("</table>")
    return "".join(parts) + "</html>\n"


def _row(c: dict[str, Any]) -> str:
    e = {k: escape(str(v)).replace("\n", "<br>") for k, v in c.items()}
    alarm = f"false alarm {c['false_alarm']:.1e}" if c["false_alarm"] else "deterministic"
    return (
        f"<tr><td>{e['sentence']}<small>{e['id']}: {e['method']}</small></td>"
        f"<td>{e['predicted']}<small>{e['criterion']}; {alarm}</small></td>"
        f"<td>{e['measured']}</td>"
        f"<td class='{e['verdict']}'>{e['verdict']}<small>{e['reason']}</small></td></tr>"
    )


def summary(record: dict[str, Any]) -> str:
    """How many of each verdict, and how often true claims would fail by chance."""
    claims = [c for s in record["subjects"] for c in s["claims"]]
    yes, no, blind = (sum(c["verdict"] == v for c in claims) for v in (CONFIRMED, FAILED, NO_POWER))
    alarm = sum(c["false_alarm"] for c in claims)
    return (
        f"{yes} confirmed, {no} failed, {blind} without power to tell."
        f" If all are true, {alarm:.2g} of them would fail by chance with new seeds."
    )
