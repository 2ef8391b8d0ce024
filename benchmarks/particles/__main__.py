"""``python -m benchmarks.particles [-o docs/particles.md]``: all packages in one process, interleaved."""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ONE = {f"{name}_NUM_THREADS": "1" for name in ("NUMBA", "OMP", "MKL", "OPENBLAS")}
os.environ.update(ONE, XLA_FLAGS="--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import click  # noqa: E402  the threads are to be set before anybody counts them
import numpy as np  # noqa: E402

from benchmarks.particles import problems as p  # noqa: E402
from benchmarks.table import machine  # noqa: E402

OURS = "**fokkerplanck**, public interface"
# name, module, function, package, and what is to be known about the row
Row = tuple[str, str, str, str, str]
PATHS: list[Row] = [
    (
        "**fokkerplanck**, public interface",
        "ours",
        "paths",
        "fokkerplanck",
        "with the twin at twice the step",
    ),
    ("Numba, by hand", "by_hand", "paths", "numba", "the same arithmetic, twin too"),
    ("C, AVX2 intrinsics", "c", "paths", "", "the same arithmetic, twin too"),
    ("NumPy", "with_numpy", "paths", "numpy", "no twin"),
    ("PyTorch", "with_torch", "paths", "torch", "no twin"),
    ("JAX, float32", "with_jax", "paths", "jax", "no twin"),
    ("JAX, float64", "with_jax", "paths64", "jax", "no twin"),
    ("diffrax", "with_diffrax", "paths", "diffrax", "no twin, UnsafeBrownianPath"),
]
PASSAGE: list[Row] = [
    (
        "**fokkerplanck**, public interface",
        "ours",
        "passage",
        "fokkerplanck",
        "crossings between steps, twin",
    ),
    ("NumPy", "with_numpy", "passage", "numpy", "crossings at steps only, no twin"),
    ("NumPy, all to the end", "with_numpy", "passage_of_all", "numpy", "the same, nobody is dropped"),
    ("diffrax, event", "with_diffrax", "passage", "diffrax", "crossings at steps only, no twin"),
]
BATCHES: list[Row] = [
    (OURS, "ours", "minibatches", "fokkerplanck", "without replacement"),
    ("NumPy", "with_numpy", "minibatches", "numpy", "with replacement"),
    ("PyTorch, batched", "with_torch", "minibatches", "torch", "with replacement"),
    ("JAX, vmapped", "with_jax", "minibatches", "jax", "with replacement"),
]
TABLES: list[tuple[str, list[Row], Callable[[np.ndarray], float], Callable[[np.ndarray], float]]] = [
    ("Paths in a valley, full tensor: nanoseconds a particle-step", PATHS,
     lambda a: a.shape[0] * p.STEPS, lambda a: (a[:, 1] ** 2).mean()),
    ("First passage out of a well: microseconds a passage", PASSAGE, lambda a: a.size * 1e3, np.mean),
    ("SGD on 1000 samples, batch 10: nanoseconds a chain-step", BATCHES,
     lambda a: a.shape[0] * p.UPDATES, lambda a: a[:, 0].mean()),
]  # fmt: skip
HEAD = "| | version | | CPU | first, s | times ours | answer |\n|---|---|---|---|---|---|---|"


@click.command()
@click.option("--repeats", default=5, show_default=True, help="Runs of which the median is taken.")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="The page; without it, the terminal.")
def main(repeats: int, out: Path | None) -> None:
    """Compare CPU times of one thread, first runs apart."""
    parts = [__doc__.strip().splitlines()[0], machine(1)]
    for title, rows, count, summary in TABLES:
        parts += [f"## {title}", "\n".join([HEAD, *compare(rows, count, summary, repeats)])]
    text = "\n\n".join(["# Particles beside other packages", *parts]) + "\n"
    if out is None:
        click.echo(text)
    else:
        out.write_text(text, encoding="utf-8")


def compare(
    rows: list[Row],
    count: Callable[[np.ndarray], float],
    summary: Callable[[np.ndarray], float],
    repeats: int,
) -> list[str]:
    """Lines of a table."""
    works: dict[str, Callable[[], np.ndarray]] = {}
    first: dict[str, float] = {}
    answers: dict[str, np.ndarray] = {}
    failed: dict[str, str] = {}
    for name, module, function, *_ in rows:
        began = time.process_time()
        try:
            works[name] = getattr(importlib.import_module(f"benchmarks.particles.{module}"), function)()
            answers[name] = works[name]()
        except Exception as error:  # a package that is not there is a row that says so
            failed[name] = f"{type(error).__name__}: {error}".splitlines()[0]
        first[name] = time.process_time() - began
    times: dict[str, list[float]] = {name: [] for name in answers}
    for _ in range(repeats):
        for name in answers:
            began = time.process_time()
            answers[name] = works[name]()
            times[name].append((time.process_time() - began) / count(answers[name]) * 1e9)
    mine = float(np.median(next(iter(times.values())))) if times else np.nan
    return [line(row, first, failed, times, mine, answers, summary) for row in rows]


def line(row: Row, first: Any, failed: Any, times: Any, mine: float, answers: Any, summary: Any) -> str:
    """One package."""
    name, _, _, package, remark = row
    try:
        number = version(package) if package else ""
    except PackageNotFoundError:
        number = ""
    if name in failed:
        return f"| {name} | {number} | {remark} | {failed[name]} | | | |"
    middle = float(np.median(times[name]))
    values = f"{middle:.3g} | {first[name]:.2g} | {middle / mine:.3g} | {summary(answers[name]):.4g}"
    return f"| {name} | {number} | {remark} | {values} |"


if __name__ == "__main__":
    main()
