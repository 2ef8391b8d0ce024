"""One run in a process of its own, so that memory and compiling are nobody else's."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.problems import PROBLEMS, Problem

TIMEOUT = 900.0  # seconds of a run
THREADED = ("OMP", "OPENBLAS", "MKL", "NUMBA")
UNIT = 1024 if sys.platform != "darwin" else 1  # bytes in a unit of ru_maxrss


@dataclass(frozen=True)
class Run:
    """What one run cost, and its answer: masses on the grid of the judge, or a time."""

    peer: str
    n: int
    version: str = ""
    cpu: float = 0.0  # seconds, user and system
    wall: float = 0.0
    first: float = 0.0  # CPU seconds of compiling, with a first small solve
    memory: float = 0.0  # peak beyond what was there after that, bytes
    answer: tuple[float, ...] = ()
    refined: tuple[float, ...] = ()
    failure: str = ""


def run(peer: str, problem: Problem, n: int, threads: int = 1) -> Run:
    """Start a process, wait for it and read its last line."""
    environment = os.environ | {f"{name}_NUM_THREADS": str(threads) for name in THREADED}
    command = [sys.executable, "-m", "benchmarks.measure", peer, problem.name, str(n)]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        return Run(peer, n, failure=f"not done in {TIMEOUT:.0f} s")
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"ended with code {done.returncode}"]
        return Run(peer, n, failure=said[-1])
    return Run(peer, n, **json.loads(done.stdout.splitlines()[-1]))


def measure(peer: str, problem: Problem, n: int) -> dict[str, Any]:
    """The run itself, in its process."""
    try:
        module = importlib.import_module(f"benchmarks.peers.{peer}")
    except ModuleNotFoundError as error:
        return {"failure": f"not installed ({error.name})"}
    solver, began = getattr(module, problem.task), cpu()
    solver(problem, min(problem.sizes(peer))).work()
    task = solver(problem, n)
    first, before = cpu() - began, resident()
    wall, began = time.perf_counter(), cpu()
    found = task.work()
    costs = {"cpu": cpu() - began, "wall": time.perf_counter() - wall, "first": first}
    return costs | {
        "memory": max(0, peak() - before),
        "version": importlib.metadata.version(module.PACKAGE),
        "answer": problem.pool(task.read(found)).tolist(),
        "refined": task.refine(found).tolist(),
    }


def cpu() -> float:
    """CPU seconds of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def peak() -> int:
    """Largest memory of this process so far, bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT


def resident() -> int:
    """Memory of this process now, bytes."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    except OSError:
        return peak()


if __name__ == "__main__":
    peer, name, n = sys.argv[1:]
    print("\n" + json.dumps(measure(peer, next(p for p in PROBLEMS if p.name == name), int(n))))
