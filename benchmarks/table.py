"""The page: who needs what for which error."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import date
from importlib.metadata import version
from math import isnan
from pathlib import Path

from benchmarks.judge import Row, cost
from benchmarks.problems import Problem

NAMES = {
    "ours": "**fokkerplanck**",
    "pyfvtool": "PyFVTool",
    "fipy": "FiPy",
    "scikit_fem": "scikit-fem",
    "ngsolve": "NGSolve, order 2",
    "ngsolve_fourth": "NGSolve, order 4",
    "fplanck": "fplanck",
    "py_pde": "py-pde",
    "pyamg": "pyamg on our matrix",
}
INTRODUCTION = """\
# Benchmarks

Written by `python -m benchmarks -o docs/benchmarks.md`, with the peers of `pip install -e '.[bench]'`.
A time says something about one machine on one day: what counts are ratios within one run.

Every run has a process of its own, and the runs of all packages alternate. *CPU* is user and system time
of one solve, from formulas to answer, the median of {repeats}; what took more than a minute ran once. *First*
is CPU time spent before: compiling, and one small solve. *MB* is the peak beyond what was resident then.

*Error* is the distance from the converged answer: in L1 over {judge} cells for densities, relative for times.
The converged answer is extrapolated from our own finest grids; elements of the fourth order, which share
nothing with them, come as near to it as these tables show. *Error of estimates*: our results hold a coarse
twin, from which errors are estimated and means, probabilities and exit times are extrapolated; solving for it
is part of our times.
"""
SUMMARY = [
    "| question | cells | ours | fastest on as many cells | fastest to the error of our density "
    "| fastest to the error of our estimates |",
    "|---|---|---|---|---|---|",
]
TABLE = [
    "| | version | cells | CPU, s | wall, s | first, s | MB | error | error of estimates | times ours |",
    "|---|---|---|---|---|---|---|---|---|---|",
]
Results = Sequence[tuple[Problem, list[Row], float]]  # with how well the converged answer is known


def page(results: Results, sweeps: str, repeats: int, threads: int) -> str:
    """The whole page."""
    judges = " or ".join(sorted({_cells(problem.judge, len(problem.box)) for problem, *_ in results}))
    parts = [INTRODUCTION.format(repeats=repeats, judge=judges), machine(threads)]
    parts += ["## In short", "\n".join([*SUMMARY, *(_short(problem, rows) for problem, rows, _ in results)])]
    for problem, rows, known in results:
        parts += [f"## {problem.title}", _equation(problem)]
        parts += ["\n".join([*TABLE, *(_line(row, rows, problem) for row in rows)])]
        if not isnan(known):
            parts += [f"The converged answer is known to {known:.0e}."]
    if sweeps:
        parts += ["## The stationary solve in sweeps of its residual", sweeps.strip()]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def machine(threads: int) -> str:
    """What it ran on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "numba"))
    return (
        f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB; {platform.system()}, "
        f"Python {platform.python_version()}, {versions}; "
        f"{threads} thread{'s' * (threads > 1)} a run; {date.today().isoformat()}."
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _equation(problem: Problem) -> str:
    lines = [f"d{x} = ({b}) dt + noise" for x, b in zip(problem.variables, problem.drift, strict=True)]
    lines += [f"D = [{'; '.join(', '.join(row) for row in problem.diffusion)}]"]
    lines += [f"{name} = {formula}" for name, formula in problem.where.items()]
    ends = zip(problem.variables, problem.box, strict=True)
    lines += [", ".join(f"{low:g} < {x} < {high:g}" for x, (low, high) in ends)]
    return "\n".join(["```", *lines, "```"])


def _short(problem: Problem, rows: list[Row]) -> str:
    ours = [row for row in rows if row.peer == "ours"]
    mine = next((row for row in ours if row.n == problem.size and not row.failure), None)
    cells = _cells(problem.size, len(problem.box))
    if mine is None:
        return f"| {problem.title} | {cells} | did not run | | | |"
    same = [(row.cpu, "", row.peer) for row in rows if row.n == mine.n and row not in ours and row.cpu]
    found = [
        _fastest(same, mine.cpu),
        _fastest(_needed(rows, mine.error), mine.cpu),
        _fastest(_needed(rows, mine.refined), mine.cpu),
    ]
    return f"| {problem.title} | {cells} | {mine.cpu:.3g} s | {' | '.join(found)} |"


def _needed(rows: list[Row], error: float) -> list[tuple[float, str, str]]:
    """CPU seconds that each peer needs to an error, with a sign where its grids do not reach it."""
    found = []
    for peer in dict.fromkeys(row.peer for row in rows if row.peer != "ours"):
        sign, seconds = cost([row for row in rows if row.peer == peer], error)
        found += [] if isnan(seconds) else [(seconds, sign, peer)]
    return found


def _fastest(candidates: list[tuple[float, str, str]], mine: float) -> str:
    reached = [c for c in candidates if c[1] != ">"]
    if not reached:
        return "none reaches it" if candidates else ""
    seconds, sign, peer = min(reached)
    return f"{NAMES[peer]}: {sign}{seconds:.3g} s, {sign}{seconds / mine:.3g} times"


def _line(row: Row, rows: list[Row], problem: Problem) -> str:
    head = f"| {NAMES[row.peer]} | {row.version} | {_cells(row.n, len(problem.box))} |"
    if row.failure:
        return f"{head} {row.failure.replace('|', '/')} | | | | | | |"
    mine = next((r.cpu for r in rows if r.peer == "ours" and r.n == row.n and r.cpu), float("nan"))
    numbers = [
        f"{row.cpu:.3g}",
        f"{row.wall:.3g}",
        f"{row.first:.2g}",
        f"{row.memory / 2**20:.0f}",
        _number(row.error, "{:.1e}"),
        _number(row.refined, "{:.1e}"),
        _number(row.cpu / mine, "{:.2g}") if row.peer != "ours" else "",
    ]
    return f"{head} {' | '.join(numbers)} |"


def _number(value: float, form: str) -> str:
    return "" if isnan(value) else form.format(value)


def _cells(n: int, axes: int) -> str:
    return f"{n}{'²³'[axes - 2]}"
