"""The report in a terminal, by rich."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from fokkerplanck.comparison.result import Comparison
from fokkerplanck.reporting.lines import Line, lines, notes
from fokkerplanck.reporting.mathematics import is_latex, words

if TYPE_CHECKING:
    from fokkerplanck.model import Model
    from fokkerplanck.reporting.build import Report

STYLES = {
    "agrees": "green",
    "differs": "bold red",
    "inconclusive": "yellow",
    "invalid": "magenta",
    "reference": "bold",
}
WIDTH = 100
ALONE = "not compared"
KEY = "agrees ±x%: a difference of x% from the reference would have been seen."


def render(report: Report) -> Group:
    """Headline, then a block a question."""
    settings = report.model.to_dict()["sgd"]
    said = ", ".join(f"{name} = {value}" for name, value in settings.items())
    parts: list[RenderableType] = [Text(report.model.title, style="bold"), Text(said, style="dim")]
    if report.headline:
        parts += [Text(report.headline), Text()]
    many = len(report.comparisons) > 1
    for k, c in enumerate(report.comparisons, start=1):
        heading = f"{k}. {c.question}" if many else c.question
        parts += _block(c, report.model, heading, report.headline)
    if any(row.verdict.code == "agrees" for c in report.comparisons for row in c.rows):
        parts.append(Text(KEY, style="dim"))
    if report.status != "complete":
        parts.append(Text("This report is partial: questions are missing.", style="yellow"))
    return Group(*parts)


def plain(report: Report, width: int = WIDTH) -> str:
    """The report as text without colours."""
    buffer = io.StringIO()
    Console(file=buffer, width=width, color_system=None, highlight=False).print(render(report))
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines())


def _block(c: Comparison, model: Model, heading: str, told: str) -> Iterator[RenderableType]:
    yield Text(heading, style="bold")
    for sentence in c.sentences:
        if sentence != told:
            yield Padding(Text(sentence), (0, 0, 0, 2))
    for name, formula in c.formulas.items():
        if not is_latex(words(formula)):
            yield Padding(Text.assemble((f"{name}: ", "dim"), words(formula)), (0, 0, 0, 4))
    if c.rows:
        yield _table(lines(c, model))
    for kind, text in notes(c):
        if kind != "Method":
            style = "yellow" if kind == "Caution" else "dim"
            yield Padding(Text(f"{kind}: {text}", style=style), (0, 0, 0, 2))
    yield Text()


def _table(content: list[Line]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="dim", border_style="dim", expand=True)
    table.add_column("quantity", ratio=3)
    table.add_column("level", no_wrap=True)
    # Numbers that stand for themselves have no verdict, and no need of its room.
    judged = any(line.code != ALONE or line.text for line in content)
    table.add_column("value ± error", max_width=30 if judged else None)
    if judged:
        table.add_column("verdict", ratio=3, min_width=16)
    for line in content:
        quantity = Text(line.quantity) if line.first else Text()
        if line.first and line.parameters:
            quantity.append(f"\n{line.parameters}", style="dim")
        value = Text(f"{line.value} {line.unit}".strip())
        if line.aside:
            value.append(f" ({line.aside})", style="dim")
        if not judged:
            table.add_row(quantity, Text(line.level), value)
            continue
        verdict = Text(line.code, style=STYLES.get(line.code, ""))
        if line.brief:
            verdict.append(f" {line.brief}", style="not bold dim")
        elif line.text:
            verdict.append(f": {line.text}", style="not bold dim")
        table.add_row(quantity, Text(line.level), value, verdict)
    return table
