"""What a run leaves behind, claim by claim: ``validation.json``, the pictures, and one page of it all."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fokkerplanck
from fokkerplanck.reporting.figures import STYLE
from fokkerplanck.reporting.files import write
from validation import page
from validation.claim import CONFIRMED, FAILED, NO_POWER, NOT_CONFIRMED, NOT_RUN

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FILE, PAGE = "validation.json", "validation.html"
DPI = 110
ROOT = Path(__file__).parents[1]
PARTIAL, COMPLETE = "partial", "complete"


def provenance(quick: bool, seed: int, names: Sequence[str]) -> dict[str, Any]:
    """Where the numbers come from. But for the date, all of it decides them."""
    return {
        "fokkerplanck": fokkerplanck.__version__,
        "code": code(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("numpy", "scipy", "numba")},
        "machine": platform.machine(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": quick,
        "seed": seed,
        "subjects": list(names),
    }


@cache
def code() -> str:
    """Digest of package, models and claims: between two releases the version alone does not tell."""
    digest = hashlib.sha256()
    for folder in (Path(fokkerplanck.__file__).parent, ROOT / "models", ROOT / "validation"):
        for path in sorted(p for p in folder.rglob("*") if p.suffix in (".py", ".toml", ".csv")):
            digest.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def begin(folder: Path | None, made: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The record to go on with, from the folder if it is of the same run, and a sentence if that matters."""
    new: dict[str, Any] = {"status": PARTIAL, "provenance": made, "subjects": []}
    if folder is None or not (folder / FILE).exists():
        return new, ""
    try:
        old = json.loads((folder / FILE).read_text())
        before, status = dict(old["provenance"]), old["status"]
        done = sum(len(s["claims"]) for s in old["subjects"])
    except (ValueError, KeyError, TypeError, OSError):
        return new, f"{folder / FILE} is not a record of claims: starting anew."
    other = [k for k in made if k != "date" and before.get(k) != made[k]]
    if other:
        was = ", ".join(f"{k} {before.get(k)!r}, now {made[k]!r}" for k in other)
        return new, f"{folder / FILE} is of another run ({was}): starting anew."
    if status == COMPLETE:
        return new, f"{folder / FILE} is complete: starting anew."
    return old, f"Going on with {folder / FILE}: {done} claims are done."


def save(folder: Path, record: dict[str, Any]) -> None:
    """Write both files, each whole or not at all."""
    write(folder / FILE, json.dumps(record, indent=1, allow_nan=False) + "\n")
    write(folder / PAGE, page.page(record, summary(record), folder))


def draw(folder: Path, name: str, figures: Iterable[tuple[str, Figure]]) -> list[dict[str, str]]:
    """Write the pictures of a subject as PNG files; their captions and names."""
    import matplotlib

    made = []
    with matplotlib.rc_context(STYLE):
        for k, (caption, figure) in enumerate(figures, start=1):
            data = BytesIO()
            figure.savefig(data, format="png", dpi=DPI, metadata={"Software": None})
            file = f"{name}-{k}.png"
            write(folder / file, data.getvalue())
            made.append({"caption": caption, "file": file})
    return made


def summary(record: dict[str, Any]) -> str:
    """How many of each verdict, and how often true claims would fail by chance."""
    claims = [c for s in record["subjects"] for c in s["claims"]]
    verdicts = [c["verdict"] for c in claims]
    yes, no, blind, unseen, skipped = (
        verdicts.count(v) for v in (CONFIRMED, FAILED, NO_POWER, NOT_CONFIRMED, NOT_RUN)
    )
    text = f"{yes} confirmed, {no} failed, {blind} without power to tell"
    text += f", {unseen} of the literature not confirmed here" * (unseen > 0)
    text += f", {skipped} not run for want of a package" * (skipped > 0)
    alarm = sum(c["false_alarm"] for c in claims)
    return f"{text}. If all are true, {alarm:.2g} of them would be called false by chance with new seeds."
