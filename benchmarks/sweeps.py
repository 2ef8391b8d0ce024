"""The stationary solve in sweeps of its own residual kernel, a ratio that does not depend on the machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

import fokkerplanck as fp
from benchmarks.measure import cpu
from benchmarks.peers.ours import equation, grid
from benchmarks.problems import PROBLEMS, Problem
from fokkerplanck.operators import Generator

SIZES = (128, 256, 512, 1024)
REPEATS = 3


def sweeps(problem: Problem, sizes: Sequence[int] = SIZES) -> list[str]:
    """Lines of a table: assembly, solve and one residual on each grid, then how the whole grows."""
    sde = equation(problem)
    sde.generator(grid(problem, min(sizes))).stationary()  # compiles
    lines = [
        "| cells | assembly, s | solve, s | whole, s | residual, ms | solve in residuals |",
        "|---|---|---|---|---|---|",
    ]
    wholes = []
    for n in sizes:
        assembly, solve = np.min([split(sde, problem, n) for _ in range(REPEATS)], axis=0)
        sweep = seconds(residual(sde.generator(grid(problem, n))))
        wholes.append(assembly + solve)
        numbers = f"{assembly:.3f} | {solve:.3f} | {wholes[-1]:.3f} | {sweep * 1e3:.2f} | {solve / sweep:.0f}"
        lines.append(f"| {n}² | {numbers} |")
    exponent = np.polyfit(np.log(np.square(sizes, dtype=float)), np.log(wholes), 1)[0]
    last = f"{sizes[-1]}² takes {wholes[-1] / wholes[-2]:.2f} times {sizes[-2]}²"
    return [*lines, "", f"The whole grows as cells^{exponent:.2f}; {last}."]


def residual(generator: Generator) -> Callable[[], object]:
    """One evaluation of the residual as the solver makes it."""
    inflow = generator.rates.links.T.tocsr()
    outflow = np.asarray(generator.rates.links.sum(axis=1)).ravel()
    p = np.full(outflow.size, 1.0 / outflow.size)
    return lambda: inflow @ p - outflow * p


def split(sde: fp.SDE, problem: Problem, n: int) -> tuple[float, float]:
    """CPU seconds of assembling the operator with its coarse twin, and of solving on both."""
    began = cpu()
    generator = sde.generator(grid(problem, n))
    generator.coarse  # noqa: B018  assembled when first asked for
    assembled = cpu()
    generator.stationary()
    return assembled - began, cpu() - assembled


def seconds(work: Callable[[], object], least: float = 0.3) -> float:
    """CPU seconds of one call, from as many as take a while."""
    work()
    calls, began = 0, cpu()
    while cpu() - began < least:
        work()
        calls += 1
    return (cpu() - began) / calls


if __name__ == "__main__":
    for problem in PROBLEMS:
        if problem.name in ("diagonal", "full"):
            print(f"\n{problem.title}\n", *sweeps(problem), sep="\n")
