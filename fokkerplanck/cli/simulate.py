"""``fokkerplanck simulate``."""

from __future__ import annotations

from typing import Any

import click

from fokkerplanck.cli.app import cli, model_options
from fokkerplanck.cli.asking import Request, folder_of, load, show
from fokkerplanck.cli.progress import watched


@cli.command()
@click.option("--paths", "only", flag_value="paths", help="Only the paths of the SDE.")
@click.option("--chain", "only", flag_value="chain", help="Only the chains of SGD.")
@click.option(
    "--scheme",
    metavar="NAME",
    default="euler-maruyama",
    help="Scheme of the paths; an unknown one lists them.",
)
@click.option("--n", metavar="N", type=click.IntRange(min=2), help="Replicas of each, 20000 by default.")
@click.option("--steps", metavar="K", type=click.IntRange(min=1), default=1000, help="Steps of the chain.")
@model_options
def simulate(only: str | None, scheme: str, n: int | None, steps: int, **arguments: Any) -> None:
    """Simulate SGD and paths of its SDE.

    Both from the start that the model names, for the same time; their moments side by side, with -o the final
    states and a picture of their laws.
    """
    from fokkerplanck import reporting
    from fokkerplanck.portrait import ensembles

    request = Request(**arguments)
    model, folder = load(request), folder_of(request)
    with watched("simulate") as tell:
        answer = ensembles(model, only, scheme, n, steps, request.quick, request.seed, tell)
        result = reporting.assembled(model, [answer], None, folder, request.quick, request.seed)
    show(result, request, folder)
