"""The table of schemes that the documentation shows, from their attributes."""

from __future__ import annotations

from collections.abc import Iterable

from fokkerplanck.sampling.schemes._scheme import Scheme

HEAD = (
    "| scheme | noise | weak order | strong order | exact `<y²>` | first passage | recommended for |\n"
    "|---|---|---|---|---|---|---|\n"
)


def _order(general: float, constant: float | None, stationary: int | None = None) -> str:
    notes = [] if constant is None else [f"{constant:g} for constant D"]
    notes += [] if stationary is None else [f"{stationary} in the stationary law without a current"]
    return f"{general:g}" + (f" ({', '.join(notes)})" if notes else "")


def row(s: Scheme) -> str:
    """One line of the table."""
    weak = _order(s.weak, s.weak_constant, s.stationary)
    cells = (f"`{s.name}`", s.noise, weak, _order(s.strong, s.strong_constant))
    facts = ("yes" if s.exact_variance else "no", "yes" if s.bridge else "no", s.recommended)
    return f"| {' | '.join((*cells, *facts))} |\n"


def table_of(schemes: Iterable[Scheme]) -> str:
    """Table in Markdown."""
    return HEAD + "".join(row(s) for s in schemes)
