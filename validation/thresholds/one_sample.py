"""One sample that multiplies, l = (1 + e) y^2/2 with e normal of standard deviation 1/2: three thresholds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

import fokkerplanck as fp
from validation.claim import Claim, Finding
from validation.judging import ALARM, all_of, judged, sigmas
from validation.seeds import seed

Array = NDArray[np.float64]
SEED = 31
BLOCKS = 20
ONE, TWO = sigmas(blocks=BLOCKS), sigmas(2, BLOCKS)
START = 1e-60  # far below the bound of divergence, so that no excursion is cut off


def quadratic(lr: float, noise: float = 0.0, scale: float = 1.0) -> fp.SGD:
    """One sample a step, with noise that multiplies and, if asked for, noise that adds."""
    loss = fp.Loss(
        "(1 + e)*y**2/2 - r*y",
        ("y",),
        {"e": fp.Normal(0, "s"), "r": fp.Normal(0, "noise")},
        constants={"s": 0.5 * scale, "noise": noise},
    )
    return fp.SGD(loss, lr=lr, batch=1)


def _crossing(rates: Array, curves: Array, target: float) -> fp.Estimate:
    """Where parabolas through independent blocks of curves (blocks, 3) meet a target, between the rates."""
    roots = []
    for row in curves:
        found = np.roots(np.polyfit(rates - rates[1], row - target, 2))
        found = found[np.isreal(found)].real + rates[1]
        roots.append(found[np.argmin(np.abs(found - rates[1]))])
    return fp.Estimate.from_replicas(np.array(roots), unit="lr")


def almost_sure(n: int) -> Claim:
    t = fp.divergence_thresholds(quadratic(0.1), {"y": 0})
    predicted, rival = t.lr_almost_sure.value, t.lr_mean_square.value
    rates, steps = np.array([2.20, 2.26, 2.32]), 100

    def test() -> Finding:
        columns = []
        for lr in rates:
            run = quadratic(float(lr)).simulate(
                n, steps, (START,), rng=[seed(SEED), 1]
            )  # the same samples for each rate
            if run.diverged.any():
                raise ValueError(run.status)
            columns.append(np.log(np.abs(run.final[:, 0]) / START).reshape(BLOCKS, -1).mean(axis=1) / steps)
        return judged(_crossing(rates, np.stack(columns, axis=1), 0.0), predicted, ONE, rival, bias=1e-4)

    return Claim(
        "almost-sure",
        "Almost every run is stable up to E ln|1 - lr (1 + e)| = 0, beyond the mean-square threshold",
        f"lr {predicted:.4f}; the mean-square threshold {rival:.4f}",
        f"growth of ln|y| in {steps} steps, {n} chains at lr 2.20, 2.26, 2.32; zero of a parabola, "
        f"{BLOCKS} blocks",
        f"within {ONE:.1f} standard errors and 1e-4 for the parabola",
        ALARM,
        test,
    )


def mean_square(n: int) -> Claim:
    t = fp.divergence_thresholds(quadratic(0.1), {"y": 0})
    predicted, rival = t.lr_mean_square.value, t.sde_mean_square.value
    rates = np.array([1.5, 1.6, 1.7])

    def test() -> Finding:
        columns = []
        for lr in rates:
            run = quadratic(float(lr)).simulate(n, 1, (1.0,), rng=[seed(SEED), 2])
            columns.append((run.final[:, 0] ** 2).reshape(BLOCKS, -1).mean(axis=1))
        return judged(_crossing(rates, np.stack(columns, axis=1), 1.0), predicted, ONE, rival)

    return Claim(
        "mean-square",
        "The variance is stable up to lr (1 + s^2) = 2, not up to lr s^2 = 2 as in the SDE",
        f"lr {predicted:.4f}; the SDE's own bound {rival:.4f}",
        f"E y^2 after one step, all that is needed where steps are independent, {n} chains at lr 1.5, "
        f"1.6, 1.7; parabola, {BLOCKS} "
        "blocks",
        f"within {ONE:.1f} standard errors",
        ALARM,
        test,
    )


def tail(n: int) -> Claim:
    lr, steps, share = 1.7, 400, 0.01
    alpha = fp.divergence_thresholds(quadratic(lr), {"y": 0}).tail_exponent().value

    def test() -> Finding:
        run = quadratic(lr, 1.0).simulate(n, steps, (0.0,), rng=[seed(SEED), 3])
        if run.diverged.any():
            raise ValueError(run.status)
        k = int(share * n)
        top = np.sort(np.abs(run.final[:, 0]))[-k - 1 :]
        hill = 1 / float(np.log(top[1:] / top[0]).mean())
        return judged(
            fp.Estimate(hill, stat=hill / np.sqrt(k)), alpha, sigmas(), rival=2.0, bias=0.05 * alpha
        )

    return Claim(
        "tail",
        "Between the two the law is stationary with infinite variance: P(|y| > r) ~ r^-alpha, alpha < 2",
        f"alpha = {alpha:.3f} at lr {lr:g}, from E|1 - lr (1 + e)|^alpha = 1; a finite variance needs 2",
        f"Hill's estimator over the largest {share:.1%} of {n} chains after {steps} steps",
        f"within {sigmas():.1f} standard errors and 5 % for the law not yet being a pure power",
        ALARM,
        test,
    )


def noise_bound(n: int) -> Claim:
    bounds = fp.divergence_thresholds(quadratic(1.0), {"y": 0}).noise_scale
    square, sure = bounds.mean_square.value, bounds.almost_sure.value
    steps = 100

    def test() -> Finding:
        scales = np.array([0.95, 1.0, 1.05]) * square
        finals = [
            quadratic(1.0, scale=float(q)).simulate(n, 1, (1.0,), rng=[seed(SEED), 4]).final for q in scales
        ]
        squares = np.stack([(f[:, 0] ** 2).reshape(BLOCKS, -1).mean(axis=1) for f in finals], axis=1)
        rates = []
        others = np.array([0.95, 1.0, 1.05]) * sure
        for q in others:
            run = quadratic(1.0, scale=float(q)).simulate(n // 10, steps, (START,), rng=[seed(SEED), 5])
            if run.diverged.any():
                raise ValueError(run.status)
            growth = np.log(np.abs(run.final[:, 0]) / START) / steps
            rates.append(growth.reshape(BLOCKS, -1).mean(axis=1))
        return all_of(
            {
                "mean square": judged(_crossing(scales, squares, 1.0), square, TWO, sure),
                "almost sure": judged(
                    _crossing(others, np.stack(rates, axis=1), 0.0), sure, TWO, square, 1e-3
                ),
            }
        )

    return Claim(
        "noise-bound",
        "Above an upper bound on the noise SGD fails to converge, at an lr where its mean is stable",
        f"noise times {square:.4f} for the mean square, {sure:.4f} for almost every run, none for the mean",
        f"lr 1: E y^2 after one step of {n} chains, ln|y| after {steps} of {n // 10}, noise scaled; parabola",
        f"each within {TWO:.1f} standard errors, and 1e-3 for the parabola",
        ALARM,
        test,
    )
