"""``fokkerplanck report``."""

from __future__ import annotations

from typing import Any

import click

from fokkerplanck.cli.app import cli, model_options
from fokkerplanck.cli.asking import Request, folder_of, load, show
from fokkerplanck.cli.progress import watched


@cli.command()
@model_options
def report(**arguments: Any) -> None:
    """Answer all questions of a model.

    Which regularizer SGD adds, how long it takes to the flat part, when it diverges, where its SDE is off.
    """
    from fokkerplanck import reporting

    request = Request(**arguments)
    model, folder = load(request), folder_of(request)
    with watched("report") as tell:
        result = reporting.report(model, folder, request.quick, tell, request.seed)
    show(result, request, folder)
    if folder is None and not request.as_json:
        click.echo("Add -o out/ to keep this as a page with pictures, and the data.", err=True)
