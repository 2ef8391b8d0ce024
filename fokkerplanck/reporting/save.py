"""All files of a report into one folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fokkerplanck.reporting.data import write_netcdf
from fokkerplanck.reporting.figures import images
from fokkerplanck.reporting.files import replacing, write
from fokkerplanck.reporting.html import page
from fokkerplanck.reporting.record import to_json

if TYPE_CHECKING:
    from fokkerplanck.reporting.build import Report


def save(report: Report, folder: Path) -> Path:
    """Write pictures, data, page and last the record that names them all."""
    for image in images(report):
        write(folder / image.file, image.png)
    with replacing(folder / "results.nc") as temporary:
        write_netcdf(report, temporary)
    write(folder / "report.html", page(report))
    write(folder / "results.json", to_json(report))
    return folder
