"""The regularizer beyond small learning rates: three noises, three closed forms, against simulated chains."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp
from scipy.stats import chi2

import fokkerplanck as fp
from fokkerplanck.plotting import COLOURS
from fokkerplanck.theory import EffectiveLoss
from validation.claim import CONFIRMED, FAILED, NO_POWER, Claim, Finding
from validation.drawing import WITH_ERROR, bars
from validation.judging import ALARM, sigmas
from validation.seeds import seed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[np.float64]
TITLE = "Finite learning rate: three closures"
SOURCE = "a derivation of this project, beyond N. Yang, C. Tang, Y. Tu, Phys. Rev. Lett. 130, 237101 (2023)"
DEPARTURES = (
    "The closures at a finite learning rate are this project's own; the full text of the paper was "
    "not at hand.",
    "The valley lambda = 1 + x^2/2 and its numbers are this project's own.",
)
SEED = 23
NOISES = {
    "constant": "lam/2*y**2 - xi*y",
    "label": "(sqrt(lam)*y - xi)**2/2",
    "shift": "lam/2*(y - xi)**2 - lam*xi**2/2",
}
LR, SIGMA, X0 = 0.3, 0.05, 2.0
STEPS = np.array([4000.0, 8000.0, 12000.0, 16000.0])
SHIFT_CASE = (1.03519, 0.70281, 0.50885, 0.37863)  # mean x of the shift case by its closure


@dataclass(frozen=True)
class Measured:
    """Mean x at the four times, and the bias of the adiabatic picture in it, each with its covariance."""

    mean: Array
    mean_covariance: Array
    bias: Array
    bias_covariance: Array

    @property
    def limit(self) -> Array:
        """Mean x with the bias taken out: the limit of weak noise at fixed slow time."""
        return self.mean - self.bias

    @property
    def covariance(self) -> Array:
        """Of the limit: the runs are independent."""
        return self.mean_covariance + self.bias_covariance


def chain(noise: str, sigma: float) -> fp.SGD:
    """SGD on the valley lambda = 1 + x^2/2 with one of the noises, batch 1."""
    loss = fp.Loss(
        NOISES[noise],
        ("x", "y"),
        {"xi": fp.Normal(0, "sigma")},
        where={"lam": "1 + x**2/2"},
        constants={"sigma": sigma},
    )
    return fp.SGD(loss, lr=LR, batch=1)


def reached(law: EffectiveLoss, steps: Array = STEPS) -> Array:
    """x after the given steps when it follows the slow drift."""
    path = solve_ivp(
        lambda _, x: LR * law.evaluate("drift", x), (0, steps[-1]), [X0], t_eval=steps, rtol=1e-10, atol=1e-12
    )
    return np.asarray(path.y[0])


def mean_x(noise: str, sigma: float, n: int, base: int) -> tuple[Array, Array]:
    """Mean x (4,) of n chains and its covariance (4, 4), at the same slow time sigma^2 k for every sigma."""
    sgd = chain(noise, sigma)
    law = fp.effective_loss(sgd, slow="x")
    key = [base, list(NOISES).index(noise), round(1000 * sigma)]
    rng = np.random.default_rng(key)
    spread = np.sqrt(law.evaluate("second_moment", X0))
    state = np.stack([np.full(n, X0), spread * rng.standard_normal(n)], axis=1)
    steps, done, columns = np.round(STEPS * (SIGMA / sigma) ** 2).astype(int), 0, []
    for k in steps:
        run = sgd.simulate(n, int(k) - done, state, rng=[*key, 1], first_step=done)
        if run.diverged.any():
            raise ValueError(run.status)
        state, done = run.final, int(k)
        columns.append(state[:, 0])
    x = np.stack(columns)
    return x.mean(axis=1), np.cov(x) / n


@cache
def measured(noise: str, n: int, base: int = SEED) -> Measured:
    """One noise. The bias goes as sigma^2, so runs at 2 and 4 sigma, which are short, show it best."""
    mean, covariance = mean_x(noise, SIGMA, n, base)
    middle, middle_covariance = mean_x(noise, 2 * SIGMA, 4 * n, base + 1)
    coarse, coarse_covariance = mean_x(noise, 4 * SIGMA, 4 * n, base + 2)
    bias_covariance = (middle_covariance + coarse_covariance) / 12**2
    return Measured(mean, covariance, (coarse - middle) / 12, bias_covariance)


def claims(quick: bool) -> Iterator[Claim]:
    """One claim a noise, and all together."""
    n = replicas(quick)
    for noise in NOISES:
        yield _one(noise, n)
    yield _joint(n)


def pictures(quick: bool) -> Iterator[tuple[str, Figure]]:
    """Mean x of the chains along time, beside both laws."""
    from matplotlib.figure import Figure

    n = replicas(quick)
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    for ax, noise in zip(figure.subplots(1, 3, sharey=True), NOISES, strict=True):
        law = fp.effective_loss(chain(noise, SIGMA), slow="x")
        m = measured(noise, n, seed(SEED))
        steps = np.linspace(0.0, STEPS[-1], 101)
        style = {"color": COLOURS["theory"], "label": "closure at this lr"}
        ax.plot(steps / 1000, reached(law, steps), "-", **style)
        style = {"color": COLOURS["density"], "label": "small-lr law"}
        ax.plot(steps / 1000, reached(law.small_lr, steps), "--", **style)
        bars(ax, STEPS / 1000, m.limit, np.sqrt(np.diag(m.covariance)), f"SGD, {WITH_ERROR}")
        ax.set(title=f"{noise} noise", xlabel="steps / 1000")
    figure.axes[0].set_ylabel("mean place x along the valley")
    figure.axes[0].legend()
    yield (
        "Mean place of SGD chains that drift from x = 2 to the flattest part, x = 0, at lr .3 (lr times "
        "sharpness up to .9). The small-lr law is too slow.",
        figure,
    )


def replicas(quick: bool) -> int:
    """Chains of each noise."""
    return 400 if quick else 3000


def _text(values: Array) -> str:
    return ", ".join(f"{v:.4f}" for v in values)


def _one(noise: str, n: int) -> Claim:
    law = fp.effective_loss(chain(noise, SIGMA), slow="x")
    predicted, small = reached(law), reached(law.small_lr)
    bound = sigmas(len(STEPS))
    if noise == "shift":
        predicted = np.array(SHIFT_CASE)

    def test() -> Finding:
        m = measured(noise, n, seed(SEED))
        error = np.sqrt(np.diag(m.covariance))
        allowed = bound * error
        off = np.abs(m.limit - predicted)
        seen = bool((np.abs(small - predicted) > allowed).any())
        good = bool((off <= allowed).all())
        worst = int(np.argmax(off / allowed))
        text = (
            f"off by {off[worst]:.1e} at step {STEPS[worst]:g}, allowed {allowed[worst]:.1e}, once the bias "
            f"of the adiabatic picture, {m.bias[worst]:+.1e}, is taken out"
        )
        numbers = tuple(fp.Estimate(v, stat=e) for v, e in zip(m.limit, error, strict=True))
        verdict = FAILED if not good else CONFIRMED if seen else NO_POWER
        return Finding(f"{_text(m.limit)} (± {error.max():.1e})", verdict, text, numbers)

    return Claim(
        f"drift-{noise}",
        f"With {noise} noise the slow drift is that of the finite-lr closure, at eta lambda up to .9",
        f"mean x {_text(predicted)}; the small-lr law {_text(small)}",
        f"{n} chains, lambda = 1 + x^2/2, lr .3, sigma .05, batch 1, from x = 2, after 4000, 8000, 12000 and "
        "16000 steps",
        f"each within {bound:.1f} standard errors, less the bias ~ sigma^2 that runs at 2 and 4 sigma show",
        ALARM,
        test,
    )


def _joint(n: int) -> Claim:
    laws = {k: fp.effective_loss(chain(k, SIGMA), slow="x") for k in NOISES}
    predicted = {k: reached(v) for k, v in laws.items()}
    small = {k: reached(v.small_lr) for k, v in laws.items()}
    freedom = len(NOISES) * len(STEPS)
    bound = float(chi2.isf(ALARM, freedom))

    def distance(target: dict[str, Array]) -> float:
        total = 0.0
        for noise in NOISES:
            m = measured(noise, n, seed(SEED))
            off = m.limit - target[noise]
            total += float(off @ np.linalg.solve(m.covariance, off))
        return total

    def test() -> Finding:
        found, rival = distance(predicted), distance(small)
        verdict = FAILED if found > bound else CONFIRMED if rival > bound else NO_POWER
        text = f"{freedom} degrees of freedom, bound {bound:.1f}; the small-lr laws give {rival:.2g}"
        return Finding(f"chi-square {found:.1f}", verdict, text, (fp.Estimate(found),))

    return Claim(
        "joint",
        "All three closures hold together once the bias of the adiabatic picture, ~ sigma^2, is taken out",
        f"chi-square about {freedom}, below {bound:.1f}; the small-lr laws far above",
        f"mean x at four times for three noises: {n} chains at sigma .05, bias from {4 * n} at .1 and at .2",
        f"chi-square of {freedom} numbers with their covariance",
        ALARM,
        test,
    )
