"""Speed of particles on the standard valley, as ratios within one run: ``python -m benchmarks.valley``."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np

import fokkerplanck as fp
from fokkerplanck.sampling.schemes import SCHEMES

MODEL = Path(__file__).parent.parent / "models" / "flat_valley.toml"
PARTICLES, STEPS = 4_000, 500


def best(work: Callable[[], Any], repeats: int = 3) -> float:
    """Seconds of the fastest of a few runs, after one that compiles."""
    work()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


def plain_numpy(sgd: fp.SGD) -> None:
    """The chain as one would write it by hand: all particles at once, a batch drawn exactly as its mean."""
    c = sgd.loss.constants
    rng = np.random.default_rng(0)
    spread = c["sigma"] / np.sqrt(sgd.batch) * np.array([c["kappa"] ** -0.5, 1.0])
    x = np.zeros((PARTICLES, 2))
    for _ in range(STEPS):
        noise = rng.standard_normal((PARTICLES, 2)) * spread
        curvature = c["lam0"] * np.exp(c["a"] * np.cos(x[:, 0]))
        slope = -c["a"] * np.sin(x[:, 0]) * curvature * x[:, 1] ** 2 / 2
        x -= sgd.lr * (np.stack([slope, curvature * x[:, 1]], axis=1) - noise)


def particles(sgd: fp.SGD) -> None:
    """Nanoseconds a particle-step."""
    sde = sgd.sde()
    time_step = sgd.lr / 16
    threads = numba.get_num_threads()

    def chain() -> None:
        sgd.simulate(PARTICLES, STEPS, (0, 0), rng=0)

    def path() -> None:
        sde.simulate(PARTICLES, STEPS * time_step, (0, 0), rng=0, dt=time_step)

    rows = [("chain, plain NumPy", best(lambda: plain_numpy(sgd)))]
    for count in sorted({1, threads}):
        numba.set_num_threads(count)
        label = f"{count} thread" + "s" * (count > 1)
        rows += [(f"chain, {label}", best(chain)), (f"path with its coarse twin, {label}", best(path))]
    numba.set_num_threads(1)
    for name in SCHEMES:

        def other(name: str = name) -> None:
            sde.simulate(PARTICLES, STEPS * time_step, (0, 0), rng=0, dt=time_step, scheme=name)

        rows.append((f"the same by {name}, 1 thread", best(other)))
    numba.set_num_threads(threads)
    print(f"{'a particle-step':<44}{'ns':>9}{'faster than NumPy':>20}")
    for name, seconds in rows:
        print(f"{name:<44}{seconds / (PARTICLES * STEPS) * 1e9:>9.1f}{rows[0][1] / seconds:>20.2f}")


if __name__ == "__main__":
    particles(fp.load(MODEL).sgd)
