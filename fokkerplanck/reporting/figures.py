"""Pictures of a report: their file names and their bytes."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fokkerplanck.comparison.result import Comparison, Picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from fokkerplanck.reporting.build import Report

STYLE: Any = {
    "font.family": ["DejaVu Sans"],  # comes with matplotlib: the same picture everywhere
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.edgecolor": "#444444",
    "axes.labelcolor": "#222222",
    "axes.titlesize": 10.0,
    "axes.titlelocation": "left",
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "lines.linewidth": 1.5,
    "legend.frameon": False,
    "legend.fontsize": 8.0,
    "figure.facecolor": "white",
}
DPI = 200


@dataclass(frozen=True)
class Image:
    """A drawn picture."""

    file: str
    title: str
    caption: str
    png: bytes


def named(comparisons: Iterable[Comparison]) -> Iterator[tuple[str, Picture, Comparison]]:
    """Every picture with a file name of its own."""
    taken: set[str] = set()
    for c in comparisons:
        for picture in c.pictures:
            yield f"{unique(picture.name, taken)}.png", picture, c


def unique(name: str, taken: set[str]) -> str:
    """A name that is safe on any disk and not taken yet, and is from now on."""
    stem = re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_") or "unnamed"
    new, k = stem, 2
    while new in taken:
        new, k = f"{stem}_{k}", k + 1
    taken.add(new)
    return new


def images(report: Report) -> list[Image]:
    """All pictures of a report; each is drawn once, however often the report is written."""
    result = []
    for file, picture, _ in named(report.comparisons):
        if file not in report._drawn:
            report._drawn[file] = draw(picture)
        result.append(Image(file, picture.title, picture.caption, report._drawn[file]))
    return result


def draw(picture: Picture) -> bytes:
    """The picture as PNG."""
    import matplotlib

    from fokkerplanck import plotting

    with matplotlib.rc_context(STYLE):
        ax = plotting.new_axes()
        picture.draw(ax)
        buffer = io.BytesIO()
        figure: Figure = ax.figure  # type: ignore[assignment]
        figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()
