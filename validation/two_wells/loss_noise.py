"""Noise proportional to the loss: escape by a power of the barrier, not exponentially (Mori et al.)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

import fokkerplanck as fp
from fokkerplanck.passages import from_passages
from fokkerplanck.theory.passage import mean_passage_time
from validation.claim import Claim, Finding
from validation.judging import ALARM, DETERMINISTIC, all_of, exact, judged, sigmas
from validation.two_wells.system import MODELS, Size

Array = NDArray[np.float64]
END = 2.2


def claims(size: Size) -> Iterator[Claim]:
    """The noise of the model, times over several barriers, and the power."""
    yield _noise()
    yield _times(size)
    yield _power(size)


@lru_cache
def chain(a: float) -> fp.SGD:
    """The double well whose barrier is (1 + a)^2 times the loss at the minima."""
    return fp.load(MODELS / "loss_noise.toml", a=a).sgd


def barrier(a: float) -> float:
    """Loss at the barrier over that at the minima."""
    return (1 + a) ** 2


def exponent() -> float:
    """Mori's power of the time: 1/2 + B/(eta h*)."""
    sgd = chain(0.5)
    return 0.5 + sgd.batch / (sgd.lr * float(sgd.loss.constants["hstar"]))


def passage(a: float) -> float:
    """Exact mean number of steps of the SDE from one minimum to the other."""
    sgd = chain(a)

    def coefficients(x: Array) -> tuple[Array, Array]:
        slope = np.asarray(sgd.loss.evaluate(sgd.loss.gradient, x[:, None])).reshape(len(x))
        noise = np.asarray(sgd.loss.evaluate(sgd.loss.covariance, x[:, None])).reshape(len(x))
        return -slope, sgd.lr * noise / (2 * sgd.batch)

    return mean_passage_time(coefficients, -1.0, -END, 1.0, absorbing=(False, True)).value / sgd.lr


def mori(a: float) -> float:
    """Mean number of steps by the law of Mori et al.: to the other minimum."""
    sgd = chain(a)
    curvature = float(sgd.loss.constants["hstar"])
    growth = curvature * (1 + a) / 2
    return float(2 * np.pi / np.sqrt(curvature * growth) * barrier(a) ** exponent() / sgd.lr)


def exponential(a: float) -> float:
    """The same by Kramers' formula with the noise at the minimum taken for all places."""
    sgd = chain(a)
    curvature = float(sgd.loss.constants["hstar"])
    growth = curvature * (1 + a) / 2
    height = (exponent() - 0.5) * (barrier(a) - 1)
    return float(2 * np.pi / np.sqrt(curvature * growth) * np.exp(height) / sgd.lr)


@lru_cache
def measured(a: float, size: Size) -> fp.Estimate:
    """Mean number of steps of SGD chains."""
    key = [size.seed, 9, round(1000 * a)]
    run = chain(a).first_passage("x < 1", size.exits // 3, (-1.0,), int(50 * passage(a)), rng=key)
    return from_passages(run, "SGD chains", "steps")


@lru_cache
def of_chain(a: float) -> fp.Estimate:
    """The same without sampling, from the transition operator."""
    operator = chain(a).transition(fp.Grid(x=(-END, END, 512)))
    return operator.exit_time("x < 1").at(x=-1.0)


def _noise() -> Claim:
    def test() -> Finding:
        x = np.linspace(-1.5, 1.5, 61)[:, None]
        loss = chain(0.5).loss
        noise = np.asarray(loss.evaluate(loss.covariance, x)).ravel()
        height = np.asarray(loss.evaluate(loss.mean, x)).ravel()
        off = float(abs(noise / (2 * height * float(loss.constants["hstar"])) - 1).max())
        return exact(off, 0.0, 1e-12)

    return Claim(
        "noise",
        "The model's gradient noise is proportional to its loss, C = 2 L H*",
        "ratio 1 everywhere",
        "covariance of one sample's gradient at 61 places",
        "within 1e-12",
        DETERMINISTIC,
        test,
    )


def _times(size: Size) -> Claim:
    law, bound = {a: of_chain(a) for a in size.power}, sigmas(len(size.power))

    def test() -> Finding:
        return all_of(
            {
                f"L_s/L* = {barrier(a):.2f}": judged(
                    measured(a, size), e.value, bound, exponential(a), bias=e.disc
                )
                for a, e in law.items()
            }
        )

    return Claim(
        "power-times",
        "With noise proportional to the loss SGD escapes sooner than constant noise would let it",
        f"SGD {', '.join(f'{e.value:.0f}' for e in law.values())} steps by its transition operator; its SDE "
        f"{', '.join(f'{passage(a):.0f}' for a in law)} by quadrature; Mori's law "
        f"{', '.join(f'{mori(a):.0f}' for a in law)}; Kramers with the noise at the minimum "
        f"{', '.join(f'{exponential(a):.0f}' for a in law)}",
        f"{size.exits // 3} chains at L_s/L* = {', '.join(f'{barrier(a):.2f}' for a in law)}, "
        f"B/(eta h*) = {exponent() - 0.5:g}",
        f"each within {bound:.1f} standard errors of the operator, whose own error is added, and apart "
        "from Kramers",
        ALARM,
        test,
    )


def local_power(times: list[float], barriers: tuple[float, ...]) -> float:
    """d ln(T sqrt|h_s|)/d ln(L_s/L*), between the two highest barriers: the prefactor is taken out."""
    a, b = barriers[-2:]
    ratio = np.log(times[-1] / times[-2]) + 0.5 * np.log((1 + b) / (1 + a))
    return float(ratio / np.log(barrier(b) / barrier(a)))


def _power(size: Size) -> Claim:
    two = size.power[-2:]
    law = local_power([of_chain(a).value for a in two], size.power)
    sde = local_power([passage(a) for a in two], size.power)
    rival = local_power([exponential(a) for a in two], size.power)

    def test() -> Finding:
        found = [measured(a, size) for a in two]
        bad = [e.status for e in found if not e.ok]
        if bad:
            raise ValueError(bad[0])
        value = local_power([e.value for e in found], size.power)
        relative = np.hypot(found[0].stat / found[0].value, found[1].stat / found[1].value)
        error = relative / np.log(barrier(two[1]) / barrier(two[0]))
        return judged(fp.Estimate(value, stat=float(error)), law, sigmas(), rival)

    return Claim(
        "power",
        "The time grows as a power of the barrier, (L_s/L*)^(1/2 + B/(eta h*)), not exponentially",
        f"between these barriers SGD {law:.2f} by its transition operator, its SDE {sde:.2f} by quadrature; "
        f"{exponent():.2f} between high ones; exponential growth would show {rival:.2f} here",
        f"mean times at the two highest barriers, {size.exits // 3} chains each",
        f"within {sigmas():.1f} standard errors, the exponential apart",
        ALARM,
        test,
    )
