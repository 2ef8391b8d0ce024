"""A bar with the time left, where somebody watches."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Tell = Callable[..., None]  # tell(fraction done, what is being done)


@contextmanager
def watched(what: str) -> Iterator[Tell | None]:
    """A bar with the time left on stderr where somebody watches it, else nothing."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TaskProgressColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    # Averaged over a long stretch: questions differ in speed, and a leaping clock is worse than a slow one.
    with Progress(*columns, console=Console(stderr=True), transient=True, speed_estimate_period=60.0) as bar:
        task = bar.add_task(what, total=1.0)

        def tell(fraction: float, doing: str = "") -> None:
            bar.update(task, completed=min(max(fraction, 0.0), 1.0), description=doing or None)

        yield tell


def part(tell: Tell | None, done: float, share: float, doing: str = "") -> Tell | None:
    """Tell of one part of the work, which starts at `done` and is a `share` of the whole."""
    if tell is None:
        return None

    def told(fraction: float, now: str = "") -> None:
        tell(done + share * fraction, now or doing)

    return told
