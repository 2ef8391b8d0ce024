"""The report as one page that needs nothing else: pictures, style and formulas inside."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from fokkerplanck.comparison.result import Comparison
from fokkerplanck.plotting import COLOURS
from fokkerplanck.reporting.figures import Image, images
from fokkerplanck.reporting.lines import lines, notes
from fokkerplanck.reporting.mathematics import is_latex, svg, words

if TYPE_CHECKING:
    from fokkerplanck.reporting.build import Report

ALONE = "not compared"
MARKS = {"agrees": "✓", "differs": "≠", "inconclusive": "?", "invalid": "✕", "reference": "◆"}


def page(report: Report) -> str:
    """A whole page."""
    return _environment().get_template("page.html.jinja").render(_content(report))


def fragment(report: Report) -> str:
    """The same without the frame of a page, for a notebook."""
    return _environment().get_template("article.html.jinja").render(_content(report))


def _content(report: Report) -> dict[str, Any]:
    drawn = iter(images(report))
    sections = [_section(c, report, [next(drawn) for _ in c.pictures]) for c in report.comparisons]
    return {"report": report, "model": report.model.to_dict(), "sections": sections, "marks": MARKS}


def _section(c: Comparison, report: Report, pictures: list[Image]) -> dict[str, Any]:
    return {
        "question": c.question,
        "sentences": [s for s in c.sentences if s != report.headline],
        "formulas": [(name, _formula(words(text)), words(text)) for name, text in c.formulas.items()],
        "lines": lines(c, report.model),
        "judged": any(row.verdict.code != ALONE or row.verdict.text for row in c.rows),
        "notes": notes(c),
        "pictures": [(p, base64.b64encode(p.png).decode()) for p in pictures],
    }


def _formula(text: str) -> Markup | None:
    """The outline of a LaTeX formula; None for plain text."""
    drawn = svg(text) if is_latex(text) else None
    return None if drawn is None else Markup(drawn)  # our own outlines


def _colour(level: str) -> str:
    """The colour that a level has in the pictures."""
    names = sorted(COLOURS, key=len, reverse=True)
    return next((COLOURS[n] for n in names if level.lower().startswith(n.lower())), "#8a8a8a")


def _plain(value: Any) -> str:
    """A parameter as a reader writes it."""
    if isinstance(value, Mapping):
        return ", ".join(f"{k} = {_plain(v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return "; ".join(_plain(v) for v in value)
    if isinstance(value, float):
        return f"{value:.6g}"
    return "none" if value is None else str(value)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("fokkerplanck.reporting", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"colour": _colour, "plain": _plain}
    return environment
