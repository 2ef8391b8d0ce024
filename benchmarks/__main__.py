"""``python -m benchmarks [NAME ...] [--quick] [-o docs/benchmarks.md]``: speed and memory beside peers."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import click
import numpy as np

from benchmarks.judge import Row, converged, rows
from benchmarks.measure import Run, run
from benchmarks.problems import PROBLEMS, Problem
from benchmarks.table import page

LONG = 60.0  # CPU seconds after which a run is made once
QUICK = 2  # grids of each peer, the coarsest
CHOICES = [*(problem.name for problem in PROBLEMS), "sweeps"]


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(CHOICES))
@click.option("--quick", is_flag=True, help="The two coarsest grids of everybody, once.")
@click.option("--repeats", default=3, show_default=True, help="Runs of which the median is taken.")
@click.option("--threads", default=1, show_default=True, help="Threads of everybody.")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="The page; without it, the terminal.")
def main(names: tuple[str, ...], quick: bool, repeats: int, threads: int, out: Path | None) -> None:
    """Run the workloads NAMES, or all, and what a stationary solve costs in sweeps ("sweeps")."""
    chosen = names or CHOICES
    repeats = 1 if quick else repeats
    problems = [coarsest(p) if quick else p for p in PROBLEMS if p.name in chosen]
    results = [(problem, *compare(problem, repeats, threads)) for problem in problems]
    sweeps = alone("benchmarks.sweeps", threads) if "sweeps" in chosen and not quick else ""
    text = page(results, sweeps, repeats, threads)
    if out is None:
        click.echo(text)
    else:
        out.write_text(text, encoding="utf-8")


def compare(problem: Problem, repeats: int, threads: int) -> tuple[list[Row], float]:
    """All peers on all their grids, in turn, and how well the converged answer is known."""
    truth = [run("truth", problem, n, threads) for n in problem.truth]
    limit, known = converged([np.array(r.answer) for r in truth if not r.failure])
    jobs = [(peer, n) for peer, sizes in problem.peers.items() for n in sizes]
    runs: list[Run] = []
    for _ in range(repeats):
        for peer, n in list(jobs):
            runs.append(run(peer, problem, n, threads))
            last = runs[-1]
            click.echo(f"{problem.name} {peer} {n}: {last.failure or f'{last.cpu:.3g} s'}", err=True)
            if last.failure or last.first + last.cpu > LONG:
                jobs.remove((peer, n))
    return rows(sorted(runs, key=lambda r: list(problem.peers).index(r.peer)), limit), known


def coarsest(problem: Problem) -> Problem:
    """The same on the first grids only."""
    peers = {peer: sizes[:QUICK] for peer, sizes in problem.peers.items()}
    return replace(problem, peers=peers, truth=problem.truth[:QUICK])


def alone(module: str, threads: int) -> str:
    """What a module prints in a process of its own."""
    environment = os.environ | {"NUMBA_NUM_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)}
    done = subprocess.run([sys.executable, "-m", module], env=environment, capture_output=True, text=True)
    return done.stdout if not done.returncode else f"Failed: {done.stderr.strip().splitlines()[-1]}"


if __name__ == "__main__":
    main()
