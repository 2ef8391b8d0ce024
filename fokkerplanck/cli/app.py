"""The group of commands, and the options that they share."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from fokkerplanck import __version__


@dataclass
class State:
    """What holds for the whole run."""

    debug: bool = False


class Commands(click.Group):
    """A group that knows the command that was meant."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Find the command, or name the nearest."""
        known = self.list_commands(ctx)
        if args and args[0] not in known and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(f"there is no command {args[0]!r}{hint} There are {', '.join(known)}.")
        return super().resolve_command(ctx, args)


def _debug(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        ctx.ensure_object(State).debug = True


debug_option = click.option(
    "--debug", is_flag=True, expose_value=False, callback=_debug, help="Show the traceback of an error."
)


def model_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options of every command that reads a model."""
    for option in (
        debug_option,
        click.option("--json", "as_json", is_flag=True, help="Print results.json, and nothing else."),
        click.option("-o", "--out", metavar="FOLDER", help="Write page, pictures and data to this folder."),
        click.option(
            "--set", "settings", multiple=True, metavar="NAME=VALUE", help="A constant, lr or batch."
        ),
        click.option("--seed", type=click.IntRange(min=0), default=0, help="Same seed, same numbers."),
        click.option("--quick", is_flag=True, help="Larger errors, in seconds."),
        click.argument("path", metavar="MODEL.toml"),
    ):
        command = option(command)
    return command


HELP = {"help_option_names": ["-h", "--help"]}


@click.group(cls=Commands, invoke_without_command=True, context_settings=HELP)
@click.version_option(__version__, prog_name="fokkerplanck")
@debug_option
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Numerical tools for the theory of stochastic gradient descent.

    Start with `fokkerplanck new my_model.toml`, then `fokkerplanck report my_model.toml -o out/`.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
