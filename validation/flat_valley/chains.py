"""Chains at a finite learning rate: more concentrated than their SDE, and sooner at the flat part."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

import fokkerplanck as fp
from fokkerplanck.comparison import slopes
from fokkerplanck.passages import from_passages
from validation.claim import Claim, Finding
from validation.flat_valley.system import Size, Valley, valley, within
from validation.judging import ALARM, all_of, judged, sigmas

Array = NDArray[np.float64]


def claims(size: Size) -> Iterator[Claim]:
    """Slopes and time to flatness at each kappa of the size, and where no affordable run sees the gap."""
    for kappa, exits in size.exits.items():
        yield _slopes(kappa, size)
        yield _time(kappa, exits, size)
    yield _no_power(size)


@lru_cache
def chain_states(kappa: int, size: Size) -> Array:
    """(n, snapshots, 2) states, started from the SDE's law, which is the rival of the claim."""
    v = valley(kappa)
    axis, limit = v.grid["x"], v.law.small_lr
    rng = np.random.default_rng([size.seed, int(v.kappa)])
    p = limit.evaluate("marginal", axis.centres)
    x = rng.choice(axis.centres, size.chains, p=p / p.sum()) + (rng.random(size.chains) - 0.5) * axis.spacing
    y = rng.standard_normal(size.chains) * np.sqrt(limit.evaluate("second_moment", x))
    state, done, snapshots = np.stack([x, y], axis=1), 0, []
    relaxation = 1 / (v.sgd.sde().generator(v.grid.coarsen(0.25)).spectrum(2).rates[1].value * v.sgd.lr)
    for k in range(4):
        steps = int((size.settle if k == 0 else 0.5) * relaxation)
        run = v.sgd.simulate(size.chains, steps, state, rng=[size.seed, int(v.kappa), 1], first_step=done)
        if run.diverged.any():
            raise ValueError(run.status)
        state, done = run.final, done + steps
        snapshots.append(state)
    return np.stack(snapshots, axis=1)


def _slopes(kappa: int, size: Size) -> Claim:
    v = valley(kappa)
    law, limit = v.slopes(True), v.slopes(False)
    bound = sigmas(2, blocks=20)

    def test() -> Finding:
        found = slopes.of_states(v.setting, chain_states(kappa, size), v.law, "SGD chains")
        parts = zip(("ln p", "ln P(x,0)"), found, law, limit, strict=True)
        # The law is asymptotic in the separation of time scales: in the SDE limit it is off by .002 and .003.
        # And of the start, which is the rival's law, a part is left.
        left = np.exp(-size.settle)
        rows = {name: judged(e, a, bound, b, bias=0.005 + left * abs(a - b)) for name, e, a, b in parts}
        return all_of(rows)

    return Claim(
        f"slopes-{kappa}",
        f"At lr .01 SGD is more concentrated on the flat part than its SDE: "
        f"p ~ [F sqrt(1 - eta lambda/2)]^kappa, kappa = {kappa}",
        f"slopes {law[0]:.3f} and {law[1]:.3f}; its SDE {limit[0]:.3f} and {limit[1]:.3f}",
        f"{size.chains} chains started from the SDE's law, {size.settle:g} relaxation times, 4 snapshots, "
        "p-weighted slopes, jackknife of 20 blocks of replicas",
        f"both {within(bound)}, .005 for the separation of time scales and {np.exp(-size.settle):.3f} "
        "of the gap "
        "for the start; the gap to the SDE above that",
        ALARM,
        test,
    )


def _time(kappa: int, n: int, size: Size) -> Claim:
    v = valley(kappa)
    law, limit = v.passage(True), v.passage(False)

    def test() -> Finding:
        return judged(_exit(v, n, size.seed), law, sigmas(), limit, bias=0.003 * law)

    return Claim(
        f"time-{kappa}",
        f"At lr .01 SGD reaches the flat part sooner than its SDE: kappa = {kappa}",
        f"{law:.0f} steps (finite-lr law, edge moved out); its SDE {limit:.0f}",
        f"{n} chains from (0, 0) to |x| = 2 pi/3",
        f"{within(sigmas())} and .3 % for the separation of time scales; the gap to the SDE above that",
        ALARM,
        test,
    )


def _exit(v: Valley, n: int, seed: int) -> fp.Estimate:
    limit = int(20 * v.passage(True))
    run = v.sgd.first_passage("cos(x) > -0.5", n, (0, 0), limit, rng=[seed, int(v.kappa), 2])
    return from_passages(run, f"{n} SGD chains", "steps")


def _no_power(size: Size) -> Claim:
    v = valley(4, 0.001, 1)
    law, limit = v.passage(True), v.passage(False)
    return Claim(
        "time-small-lr",
        "At lr .001 SGD still reaches the flat part sooner than its SDE",
        f"{law:.0f} steps; its SDE {limit:.0f}: an affordable run cannot see it, and must say so",
        f"{size.slow_exits} chains from (0, 0) to |x| = 2 pi/3",
        f"{within(sigmas())} and .3 %, if the gap to the SDE is above that; else no power",
        ALARM,
        lambda: judged(_exit(v, size.slow_exits, size.seed), law, sigmas(), limit, bias=0.003 * law),
    )
