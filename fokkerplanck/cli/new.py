"""``fokkerplanck new``."""

from __future__ import annotations

from pathlib import Path

import click

from fokkerplanck.cli.app import cli, debug_option


@cli.command()
@debug_option
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@click.argument("path", metavar="MY_MODEL.toml")
def new(path: str, force: bool) -> None:
    """Write a model file to start from."""
    from fokkerplanck.model import TEMPLATE
    from fokkerplanck.reporting.files import write

    target = Path(path)
    if target.is_dir():
        raise ValueError(f"{path}: this is a folder; name a file in it, such as {target / 'my_model.toml'}")
    if target.exists() and not force:
        raise ValueError(f"{path}: is there already; choose another name, or add --force to replace it")
    if not target.parent.is_dir():
        raise ValueError(f"{path}: there is no folder {str(target.parent)!r}; make it first")
    write(target, TEMPLATE.read_text(encoding="utf-8"))
    click.echo(f"Wrote {path}. Next: fokkerplanck report {path} -o out/")
