"""``python -m benchmarks.error_bars [--problems N] [--seed S]``: how often quoted errors cover, by class.

Random problems with exact answers, those that the tests draw, in numbers that take half an hour.
"""

from __future__ import annotations

import time

import click

from tests.random_problems.classes import CLASSES, tally

HEAD = "| class | problems | answers | within 3 errors | within 1 | flagged | refused | median | CPU s |"
DEAR = {"space": 4, "3-D": 4, "rank one": 2}  # how many times fewer problems


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(CLASSES)))
@click.option("--problems", default=80, show_default=True, help="Problems of each class.")
@click.option("--seed", default=1, show_default=True, help="Other problems.")
def main(names: tuple[str, ...], problems: int, seed: int) -> None:
    """Count the classes NAMES, or all, into a table."""
    click.echo(HEAD)
    click.echo("|" + "---|" * HEAD.count("|", 1))
    covered = total = 0
    for name in names or CLASSES:
        count = problems // max([1, *(v for k, v in DEAR.items() if k in name)])
        begun = time.process_time()
        found = tally(name, max(count, 1), seed)
        spent = time.process_time() - begun
        covered += sum(a.covered() for a in found.answers)
        total += len(found.answers)
        shares = f"{found.share():.3f} | {found.share(1.0):.3f} | {found.flagged:.2f}"
        facts = f"{found.problems} | {len(found.answers)} | {shares} | {found.refused}"
        click.echo(f"| {name} | {facts} | {found.typical:.3f} | {spent:.0f} |")
    click.echo(f"\n{covered} of {total} answers within three errors: {covered / max(total, 1):.4f}")


if __name__ == "__main__":
    main()
