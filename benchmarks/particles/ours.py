"""This package, through its public interface, from formulas as text."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import fokkerplanck as fp
from benchmarks.particles import problems as p

Work = Callable[[], np.ndarray]


def paths() -> Work:
    """Paths, each with its twin at twice the step."""
    sde = fp.SDE(
        variables=("x", "y"),
        drift=["-x*y**2", "-(1 + x**2)*y"],
        diffusion=[["s/2*(1 + y**2/2)", "s/2*0.3*x*y"], ["s/2*0.3*x*y", "s/2*(1 + x**2)"]],
        constants={"s": p.S},
    )
    return lambda: sde.simulate(p.PARTICLES, p.STEPS * p.STEP, p.START, rng=1, dt=p.STEP).final


def passage() -> Work:
    """First passages, seen also between steps, and again at twice the step."""
    sde = fp.SDE(variables=("x",), drift=["x - x**3"], diffusion="D", constants={"D": p.BARRIER_NOISE})
    return lambda: sde.first_passage("x < 1", p.WALKERS, (-1,), p.LONGEST, rng=1, dt=p.PASSAGE_STEP).times


def minibatches() -> Work:
    """Exactly without replacement."""
    names = tuple(f"a{k}" for k in range(p.COLUMNS))
    weights = tuple(f"w{k}" for k in range(p.COLUMNS))
    residual = " + ".join(f"{a}*{w}" for a, w in zip(names, weights, strict=True))
    loss = fp.Loss(f"({residual} - b)**2/2", weights, {(*names, "b"): fp.Data(p.data())})
    sgd = fp.SGD(loss, lr=p.RATE, batch=p.BATCH, sampling="without-replacement")
    return lambda: sgd.simulate(p.CHAINS, p.UPDATES, np.zeros(p.COLUMNS), rng=1).final
