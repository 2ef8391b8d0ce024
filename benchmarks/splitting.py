"""``python -m benchmarks.splitting [--repeats N]``: what 10 % of a mean exit time costs, and waiting for it.

Each row is the error of one call, counted from independent calls (not the one it quotes), its CPU seconds,
and those that plain simulation of the same process would take to the same error, from its time a step and
the exact mean: in units of what splitting took.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import click
import numpy as np

import fokkerplanck as fp
from validation.rare_escapes import LR, REGION, START, chain, quadrature, well

HEAD = (
    "| barrier/noise | process | mean off by | error of a call | CPU s | CPU s for 10 % | plain / splitting |"
)
STEPS, CHAINS = 2_000, 10_000  # of a plain run that is timed
STEP = LR / 2  # of paths as accurate


@click.command()
@click.option("--repeats", default=20, show_default=True, help="Independent calls of each kind.")
def main(repeats: int) -> None:
    """Count errors and seconds into a table."""
    click.echo(HEAD)
    click.echo("|" + "---|" * HEAD.count("|", 1))
    for barrier in (5, 10, 15, 20, 25):
        sgd, sde = chain(barrier), well(barrier)
        exact = sgd.transition(fp.Grid(x=(-2.2, 1.6, 400))).exit_time(REGION).at(x=START).value
        plain = seconds(lambda sgd=sgd: sgd.simulate(CHAINS, STEPS, (START,), rng=0)) / CHAINS / STEPS
        row(
            barrier,
            "SGD",
            lambda k, s=sgd: s.escape(REGION, (START,), "splitting", rng=k),
            exact,
            plain,
            repeats,
        )
        plain = seconds(lambda sde=sde: sde.simulate(CHAINS, STEPS * STEP, (START,), rng=0, dt=STEP))
        row(
            barrier,
            "paths",
            lambda k, s=sde: s.escape(REGION, (START,), rng=k),
            quadrature(barrier),
            plain / CHAINS / STEPS / STEP,
            repeats,
        )


def row(
    barrier: int,
    name: str,
    ask: Callable[[int], fp.Estimate],
    exact: float,
    plain: float,
    repeats: int,
) -> None:
    """One line; `plain`: CPU seconds that a plain run takes to wait for one unit of the mean."""
    ask(0)
    begun = time.process_time()
    found = np.array([ask(k).value for k in range(1, repeats + 1)]) / exact
    cost = (time.process_time() - begun) / repeats
    error = float(found.std(ddof=1))
    ratio = exact * plain / error**2 / cost
    off, tenth = f"{found.mean() - 1:+.1%} ± {error / repeats**0.5:.1%}", cost * (error / 0.1) ** 2
    click.echo(f"| {barrier} | {name} | {off} | {error:.1%} | {cost:.3f} | {tenth:.3f} | {ratio:.1e} |")


def seconds(work: Callable[[], object]) -> float:
    """CPU seconds of a second run, which compiles nothing."""
    work()
    begun = time.process_time()
    work()
    return time.process_time() - begun


if __name__ == "__main__":
    main()
