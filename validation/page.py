"""One HTML page that needs nothing else: pictures stand in it as data."""

from __future__ import annotations

from base64 import b64encode
from html import escape
from pathlib import Path
from typing import Any

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 1150px; margin: 2rem auto; padding: 0 1rem }
body { color: #1c1c1c }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2.5rem } p.note { color: #666 }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; vertical-align: top; padding: .45rem .6rem; border-bottom: 1px solid #ddd }
td small { color: #666; display: block } .confirmed { color: #1a7f37 }
.failed { color: #b3261e; font-weight: bold } .no-power, .not-confirmed, .not-run { color: #9a6700 }
p.partial { border: 1px solid #9a6700; padding: .5rem .8rem }
figure { margin: 1.2rem 0 } figcaption { color: #666 } figure img { max-width: 100%; background: #fff }
@media (prefers-color-scheme: dark) {
body { background: #161616; color: #e4e4e4 } td, th { border-color: #333 }
td small, p.note, figcaption { color: #9a9a9a } .confirmed { color: #57c877 } .failed { color: #ff8a80 }
.no-power, .not-confirmed, .not-run { color: #e0b252 } }
"""
LEGEND = (
    "[pub] stands in the abstract, [der] was derived for this project before the run, [rec] is recalled; lr, "
    "step and eta are the learning rate; docs/papers/index.md has the other letters."
)
HEAD = ("claim", "predicted", "measured ± error", "verdict")


def page(record: dict[str, Any], summary: str, folder: Path) -> str:
    """The page; pictures are read from the folder."""
    made = record["provenance"]
    options = ", quick" * made["quick"] + f", seed {made['seed']}" * bool(made["seed"])
    parts = [
        "<!doctype html><html lang='en'><meta charset='utf-8'><title>Validation</title>",
        f"<style>{STYLE}</style><h1>Validation</h1>",
    ]
    if record["status"] != "complete":
        parts.append("<p class='partial'>This report is partial: the run did not come to its end.</p>")
    parts.append(
        f"<p>{escape(summary)}</p><p class='note'>{LEGEND}</p>"
        f"<p class='note'>fokkerplanck {made['fokkerplanck']}, code {made['code']}, Python {made['python']}, "
        f"NumPy {made['numpy']}, {made['machine']}, {made['date']}{options}</p>"
    )
    for subject in record["subjects"]:
        parts += _subject(subject, folder)
    return "".join(parts) + "</html>\n"


def _subject(subject: dict[str, Any], folder: Path) -> list[str]:
    parts = [f"<h2>{escape(subject['title'])}</h2><p>{escape(subject['source'])}</p>"]
    if subject["departures"]:
        parts.append("<p>What differs from the source, or is not known of it:</p><ul>")
        parts += [f"<li>{escape(d)}</li>" for d in subject["departures"]]
        parts.append("</ul>")
    parts.append("<table><tr>" + "".join(f"<th>{h}</th>" for h in HEAD) + "</tr>")
    parts += [_row(c) for c in subject["claims"]]
    parts.append("</table>")
    for picture in subject["pictures"] or ():
        data = b64encode((folder / picture["file"]).read_bytes()).decode()
        caption = escape(picture["caption"])
        parts.append(
            f"<figure><img alt='{caption}' src='data:image/png;base64,{data}'>"
            f"<figcaption>{caption}</figcaption></figure>"
        )
    if subject["undrawn"]:
        parts.append(f"<p class='note'>Its pictures could not be drawn: {escape(subject['undrawn'])}</p>")
    return parts


def _row(c: dict[str, Any]) -> str:
    e = {k: escape(str(v)).replace("\n", "<br>") for k, v in c.items()}
    alarm = f"false alarm {c['false_alarm']:.0e}" if c["false_alarm"] else "deterministic"
    return (
        f"<tr><td>{e['sentence']}<small>{e['id']}: {e['method']}</small></td>"
        f"<td>{e['predicted']}<small>{e['criterion']}; {alarm}</small></td>"
        f"<td>{e['measured']}</td>"
        f"<td class='{c['verdict'].replace(' ', '-')}'>{e['verdict']}<small>{e['reason']}</small></td></tr>"
    )
