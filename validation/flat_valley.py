"""The degenerate valley (Yang, Tang, Tu 2023): slopes, time to flatness, one SDE for three chains."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fokkerplanck as fp
from fokkerplanck.comparison import slopes as sampled
from fokkerplanck.comparison import strength
from fokkerplanck.comparison.ask import setting_of
from fokkerplanck.comparison.setting import Setting
from fokkerplanck.exits import from_passages
from fokkerplanck.operators import Generator
from fokkerplanck.theory import EffectiveLoss
from validation.claim import (
    CONFIRMED,
    DETERMINISTIC,
    FAILED,
    TWO_SIDED,
    Claim,
    Finding,
    all_of,
    exact,
    judged,
)

Array = NDArray[np.float64]
TITLE = "The degenerate valley"
MODEL = Path(__file__).parents[1] / "models" / "flat_valley.toml"
EDGE = 2 * np.pi / 3
# SDE limit on a converged grid: slopes of ln p (Fourier-Hermite, ten digits) and of ln P(x, 0) against ln F.
LIMIT = {2: (1.999602, 0.9990), 4: (3.998090, 2.9972)}
SHARED = ((0.01, 10), (0.004, 4), (0.001, 1))
WITHIN = "within 3 standard errors of the finite-lr law"


@dataclass(frozen=True)
class Size:
    """Numbers of replicas."""

    chains: int  # for slopes
    settle: float  # relaxation times before the first snapshot
    exits: dict[int, int]  # for the time to flatness, by kappa
    slow_exits: int  # the same at lr = .001
    strength: int
    seed: int = 11


FULL = Size(chains=12_000, settle=4.0, exits={4: 12_000, 2: 20_000}, slow_exits=200, strength=8_000)
QUICK = Size(chains=1_600, settle=2.5, exits={4: 2_500}, slow_exits=40, strength=2_000)


class Valley:
    """The model at one kappa, with its theory."""

    def __init__(self, kappa: float, lr: float = 0.01, batch: int = 10):
        self.model = fp.load(MODEL, kappa=kappa, lr=lr, batch=batch)
        self.sgd = self.model.sgd
        self.kappa = kappa

    @cached_property
    def grid(self) -> fp.Grid:
        if self.model.grid is None:
            raise ValueError(f"{MODEL} has no [grid]")
        return self.model.grid

    @cached_property
    def setting(self) -> Setting:
        return setting_of(self.model)

    @cached_property
    def law(self) -> EffectiveLoss:
        return fp.effective_loss(self.sgd, slow="x")

    def slopes(self, finite: bool) -> tuple[float, float]:
        """p-weighted slopes by theory."""
        return (self.law if finite else self.law.small_lr).log_slopes(self.grid["x"].centres)

    def passage(self, finite: bool) -> float:
        """Time from the sharpest place to the edge, in steps, by theory."""
        law = self.law if finite else self.law.small_lr
        return law.passage_time(0.0, (-EDGE, EDGE), edge_shift=finite).value / self.sgd.lr


@cache
def valley(kappa: float, lr: float = 0.01, batch: int = 10) -> Valley:
    """One model, read once."""
    return Valley(kappa, lr, batch)


def claims(quick: bool) -> Iterator[Claim]:
    """All claims about the valley."""
    size = QUICK if quick else FULL
    for kappa, values in LIMIT.items():
        yield _limit(kappa, *values)
    yield _isotropic()
    for kappa in (4,) if quick else (4, 2):
        yield _slopes_of_chains(kappa, size)
        yield _time_of_chains(kappa, size.exits[kappa], size)
    yield _no_power(size)
    yield _one_sde()
    yield from (_strength(lr, batch, k, size) for k, (lr, batch) in enumerate(SHARED))


# -- the SDE limit ---------------------------------------------------------------------------------


def log_slope(x: Array, log_p: Array, keep: NDArray[np.bool_]) -> float:
    """Unweighted least squares of ln p on ln F = -cos(x)/4 + const, over the cells kept."""
    return float(np.polyfit(-np.cos(x[keep]) / 4, log_p[keep], 1)[0])


def density_slopes(p: fp.Density) -> tuple[float, float]:
    """Slopes of ln p(x) and ln P(x, 0), extrapolated from the grid and its coarse twin."""

    def slope(q: fp.Density, joint: bool) -> float:
        x, marginal = q.grid["x"].centres, q.marginal("x").values
        values = q.slice(y=0.0) if joint else marginal
        return log_slope(x, np.log(values), values > 1e-12 * values.max())

    return p.estimate(lambda q: slope(q, False)).value, p.estimate(lambda q: slope(q, True)).value


def _limit(kappa: int, marginal: float, joint: float) -> Claim:
    def test() -> Finding:
        found = density_slopes(valley(kappa).sgd.sde().generator(valley(kappa).grid).stationary())
        return all_of(
            {"ln p": exact(found[0], marginal, 3e-4), "ln P(x,0)": exact(found[1], joint, 3e-4, digits=5)}
        )

    return Claim(
        f"limit-{kappa}",
        f"In the SDE limit p ~ F^kappa and P(x, 0) ~ F^(kappa - 1), up to the separation of time scales: "
        f"kappa = {kappa}",
        f"slopes {marginal:.6f} and {joint:.4f}; the asymptotes {kappa} and {kappa - 1} would fail",
        "stationary density of the SDE, 256 x 256 cells, unweighted least squares against ln F",
        "both slopes within 3e-4",
        DETERMINISTIC,
        test,
    )


def _isotropic() -> Claim:
    def test() -> Finding:
        v = valley(1)
        sde = v.sgd.sde()
        slope, _ = density_slopes(sde.generator(v.grid).stationary())
        # No use is made of the known potential here: it would make the answer exact by construction.
        p = Generator(v.grid, sde.coefficients, None, sde.constants).stationary()
        size, error = _correction(v, p)
        ok = abs(slope - 1) <= 1e-6 and size <= error
        text = f"slope off by {slope - 1:+.0e}; L_SGD/Delta is 0 within its error {error:.1e}"
        numbers = (fp.Estimate(slope), fp.Estimate(size, disc=error))
        return Finding(
            f"slope {slope:.7f}; |L_SGD|/Delta {size:.1e}", CONFIRMED if ok else FAILED, text, numbers
        )

    return Claim(
        "isotropic",
        "With equal noise in both directions (kappa = 1) there is no joint correction, yet p ~ F",
        "slope of ln p 1 (not 0), L_SGD = 0",
        "stationary density of the SDE, 256 x 256 cells; L_SGD without use of the potential",
        "slope within 1e-6; mean |ln P + L/Delta| below its own grid error",
        DETERMINISTIC,
        test,
    )


def _correction(v: Valley, p: fp.Density) -> tuple[float, float]:
    """Mean of |L_SGD|/Delta over the law, and its error from the coarse twin."""
    delta = v.sgd.lr * 10.0**2 / (2 * v.sgd.batch)

    def size(q: fp.Density) -> float:
        x, y = q.grid.points().T
        correction = np.log(q.values.ravel()) + 10 * np.exp(0.5 * np.cos(x)) * y**2 / delta
        return float(q.masses @ np.abs(correction - q.masses @ correction))

    fine = size(p)
    # Second order: the twin, at twice the spacing, is four times as far off.
    return fine, fine if p.coarse is None else (size(p.coarse) - fine)


# -- chains at lr = .01 ----------------------------------------------------------------------------


def chain_states(v: Valley, size: Size) -> Array:
    """(n, snapshots, 2) states, started from the SDE's law, which is the rival of the claim."""
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


def _slopes_of_chains(kappa: int, size: Size) -> Claim:
    v = valley(kappa)
    law, limit = v.slopes(True), v.slopes(False)

    def test() -> Finding:
        found = sampled.of_states(v.setting, chain_states(v, size), v.law, "SGD chains")
        parts = zip(("ln p", "ln P(x,0)"), found, law, limit, strict=True)
        # The law is asymptotic in the separation of time scales; in the SDE limit it is off by .002 and .003.
        return all_of({name: judged(e, a, b, bias=0.005) for name, e, a, b in parts})

    return Claim(
        f"slopes-{kappa}",
        f"At lr .01 SGD is more concentrated on the flat part than its SDE: "
        f"p ~ [F sqrt(1 - eta lambda/2)]^kappa, kappa = {kappa}",
        f"slopes {law[0]:.3f} and {law[1]:.3f}; its SDE {limit[0]:.3f} and {limit[1]:.3f}",
        f"{size.chains} chains started from the SDE's law, {size.settle:g} relaxation times, 4 snapshots, "
        "p-weighted slopes, jackknife of 20 blocks of replicas",
        f"both {WITHIN} and .005 for the separation of time scales; the gap to the SDE above that",
        2 * TWO_SIDED,
        test,
    )


def _time_of_chains(kappa: int, n: int, size: Size) -> Claim:
    v = valley(kappa)
    law, limit = v.passage(True), v.passage(False)

    def test() -> Finding:
        return judged(_exit(v, n, size.seed), law, limit, bias=0.003 * law)

    return Claim(
        f"time-{kappa}",
        f"At lr .01 SGD reaches the flat part sooner than its SDE: kappa = {kappa}",
        f"{law:.0f} steps (finite-lr law, edge moved out); its SDE {limit:.0f}",
        f"{n} chains from (0, 0) to |x| = 2 pi/3",
        f"{WITHIN} and .3 % for the separation of time scales; the gap to the SDE above that",
        TWO_SIDED,
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
        f"{WITHIN} and .3 %, if the gap to the SDE is above that; else no power",
        TWO_SIDED,
        lambda: judged(_exit(v, size.slow_exits, size.seed), law, limit, bias=0.003 * law),
    )


# -- three chains, one SDE -------------------------------------------------------------------------


def _one_sde() -> Claim:
    def test() -> Finding:
        points = np.stack(np.meshgrid(np.linspace(-3, 3, 13), np.linspace(-0.4, 0.4, 9)), -1).reshape(-1, 2)
        reference, *others = [valley(4, lr, batch).sgd.sde().coefficients(points) for lr, batch in SHARED]
        off = max(
            float(np.abs(a - b).max()) for other in others for a, b in zip(reference, other, strict=True)
        )
        return exact(off, 0.0, 1e-15)

    return Claim(
        "one-sde",
        "(lr, batch) = (.01, 10), (.004, 4), (.001, 1) share one SDE",
        "drift and diffusion equal: largest difference 0",
        "coefficients at 117 points",
        "largest difference below 1e-15",
        DETERMINISTIC,
        test,
    )


def _strength(lr: float, batch: int, key: int, size: Size) -> Claim:
    v = valley(4, lr, batch)
    law = strength.predicted(v.setting, v.law).value
    limit = strength.predicted(v.setting, v.law.small_lr).value
    effort = _with(v.setting, strength_chains=size.strength)
    measure: Callable[[], fp.Estimate] = lambda: strength.measured(effort, v.sgd, 40 + key)[0]  # noqa: E731
    return Claim(
        f"strength-{lr:g}",
        f"At lr {lr:g}, batch {batch} the regularizer is stronger than its SDE's by eta lambda/2",
        f"S = {law:.5f}, {law / limit - 1:+.1%}; its SDE {limit:.5f}",
        f"drift of {size.strength} chains spread along the valley, 12 snapshots, 20 blocks of replicas",
        f"{WITHIN}; the gap to the SDE above that, else no power",
        TWO_SIDED,
        lambda: judged(measure(), law, limit),
    )


def _with(setting: Setting, **effort: Any) -> Setting:
    from dataclasses import replace

    return replace(setting, effort=replace(setting.effort, **effort))
