"""Rows as a reader meets them: grouped by quantity, with thousands apart and the time beside the steps."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from fokkerplanck.comparison.result import Comparison
from fokkerplanck.comparison.verdict import USEFUL, Row
from fokkerplanck.estimate import Estimate, format_value
from fokkerplanck.model import Model

REPEATED = 3  # times from which on a sentence becomes a footnote
NEGLIGIBLE = 1e-6  # share of the largest error below which another is not worth a word
THIN = "\u00a0"  # a space at which no line breaks


@dataclass(frozen=True)
class Line:
    """One line of a table."""

    first: bool  # the first line of its quantity
    quantity: str
    parameters: str
    level: str
    value: str
    unit: str
    aside: str  # the time that a number of steps takes
    parts: str  # what the error is made of
    code: str
    text: str
    brief: str  # the same in a few words, where they exist


def lines(comparison: Comparison, model: Model) -> list[Line]:
    """All rows of a comparison, those of one quantity at the same parameters following each other."""
    varying = _varying(comparison.rows)
    previous = None
    result = []
    for row in comparison.rows:
        parameters = ", ".join(
            f"{k} = {_short(row.parameters[k])}"
            for k in varying
            if k in row.parameters and not _says(row.quantity, k, _short(row.parameters[k]))
        )
        key = (row.quantity, parameters)
        result.append(_line(row, key != previous, parameters, model))
        previous = key
    return _footnoted(result)


def notes(comparison: Comparison) -> list[tuple[str, str]]:
    """Methods, assumptions and what is wrong with a number, each once, with the levels that it concerns."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in comparison.rows:
        e = row.estimate
        entries = [("Method", e.method), *(("Assumes", a) for a in e.assumptions)]
        if not e.ok and e.status not in row.verdict.text:
            entries.append(("Caution", e.status))
        for kind, text in entries:
            levels = found.setdefault((kind, text), [])
            if text and row.level not in levels:
                levels.append(row.level)
    order = ("Caution", "Assumes", "Method")
    return [
        (kind, f"{text.rstrip('.')} ({'; '.join(levels)})")
        for wanted in order
        for (kind, text), levels in found.items()
        if kind == wanted and text
    ]


def _footnoted(content: list[Line]) -> list[Line]:
    """A sentence that many verdicts repeat is said at the first, and pointed to by the others."""
    counts = Counter(line.text for line in content if line.text and not line.brief)
    marks = {
        text: f"[{k}]" for k, text in enumerate((t for t, n in counts.items() if n >= REPEATED), start=1)
    }
    said: set[str] = set()
    result = []
    for line in content:
        mark = marks.get(line.text, "") if not line.brief else ""
        if mark:
            line = replace(line, text=mark if line.text in said else f"{mark} {line.text}")
            said.update(text for text, m in marks.items() if m == mark)
        result.append(line)
    return result


def _says(quantity: str, name: str, value: str) -> bool:
    """Whether the words for a quantity give the value of a parameter already."""
    return re.search(rf"(?<!\w){re.escape(name)}\s*=?\s*{re.escape(value)}(?![\w.])", quantity) is not None


def apart(text: str) -> str:
    """Thousands of five digits and more set apart.

    >>> apart("10520 ± 120").replace(THIN, " ")
    '10 520 ± 120'
    """
    return re.sub(r"(?<![\d.])\d{5,}", lambda m: re.sub(r"(?<=\d)(?=(\d{3})+$)", THIN, m.group()), text)


def _line(row: Row, first: bool, parameters: str, model: Model) -> Line:
    e = row.estimate
    text = row.verdict.text
    if not e.ok and e.status not in text:
        text = f"{text}; {e.status}" if text else e.status
    return Line(
        first,
        row.quantity,
        parameters,
        row.level,
        apart(format_value(e.value, e.error)),
        e.unit if math.isfinite(e.value) else "",
        _time(row, model),
        _parts(e),
        row.verdict.code,
        "" if text in ("the reference", row.verdict.code) else text,
        _seen(row),
    )


def _seen(row: Row) -> str:
    """The smallest difference that would have been seen, as a share of the larger value."""
    value, v = row.estimate.value, row.verdict
    size = max(abs(value), abs(value - v.difference))
    share = v.tolerance / size if size else math.nan
    return f"±{_two(100 * share)}%" if v.code == "agrees" and share <= USEFUL else ""


def _time(row: Row, model: Model) -> str:
    """Steps in the time t = lr * steps, where the learning rate is one number."""
    e = row.estimate
    if e.unit != "steps" or not math.isfinite(e.value):
        return ""
    try:
        lr = float(row.parameters.get("lr", model.sgd.lr))
    except (TypeError, ValueError):  # a schedule
        return ""
    return f"t = {apart(format(e.value * lr, '.4g'))}"


def _parts(e: Estimate) -> str:
    """The kinds of error, where there is more to know than the one number."""
    kinds = (("sampling", e.stat), ("discretization", e.disc), ("known gap", e.model))
    worth = NEGLIGIBLE * max(e.stat, e.disc, e.model)
    parts = {name: f"{name}{THIN}{_two(size)}" for name, size in kinds if size > worth}
    return ", ".join(parts.values()) if "known gap" in parts or len(parts) > 1 else ""


def _two(x: float) -> str:
    """Two digits, without an exponent where one can do without.

    >>> _two(248.0)
    '250'
    """
    return format(float(f"{x:.2g}"), ".6g")


def _varying(rows: Sequence[Row]) -> list[str]:
    """Parameters that are not the same in all rows."""
    names = list(dict.fromkeys(k for row in rows for k in row.parameters))
    return [k for k in names if len({str(row.parameters[k]) for row in rows if k in row.parameters}) > 1]


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
