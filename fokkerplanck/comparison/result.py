"""What a comparison returns: rows, sentences and pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fokkerplanck.comparison.verdict import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Picture:
    """A picture that can be drawn: file stem, title, caption (what it shows), and how to draw it."""

    name: str
    title: str
    caption: str
    draw: Callable[[Axes], None]


@dataclass(frozen=True)
class Comparison:
    """One question put to all levels.

    Parameters
    ----------
    question : str
        The question as a person asks it.
    rows : sequence of Row
        A row a quantity and level, each with an Estimate and a verdict against the reference.
    sentences : sequence of str
        The answer in words; the first one is the headline.
    formulas : mapping of str to str
        Symbolic results (name: LaTeX or text).
    pictures : sequence of Picture
    data : mapping of str to xarray-able objects
        Densities and ensembles behind the pictures; each has ``to_xarray()``, or is a plain
        ``(dims, values)`` pair.
    """

    question: str
    rows: Sequence[Row]
    sentences: Sequence[str] = ()
    formulas: Mapping[str, str] = field(default_factory=dict)
    pictures: Sequence[Picture] = ()
    data: Mapping[str, Any] = field(default_factory=dict)

    def row(self, id: str) -> Row:
        """Return the row of that id."""
        for r in self.rows:
            if r.id == id:
                return r
        raise ValueError(f"no row {id!r}; there are {', '.join(r.id for r in self.rows)}")

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the first picture."""
        if not self.pictures:
            raise ValueError(f"the comparison {self.question!r} has no picture")
        if ax is None:
            from fokkerplanck import plotting

            ax = plotting.new_axes()
        self.pictures[0].draw(ax)
        return ax

    def __str__(self) -> str:
        lines = [self.question, *(f"  {s}" for s in self.sentences)]
        width = max((len(r.quantity) for r in self.rows), default=0)
        for r in self.rows:
            lines.append(f"  {r.quantity:<{width}}  {r.level:<12} {r.estimate!s:<28} {r.verdict.code}")
        return "\n".join(lines)
