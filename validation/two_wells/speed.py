"""How slowly the asymptotic law is reached, and what a larger step pays for arriving sooner."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

import fokkerplanck as fp
from fokkerplanck.passages import from_passages
from validation.claim import CONFIRMED, FAILED, NO_POWER, Claim, Finding
from validation.judging import ALARM, DETERMINISTIC, all_of, counted, judged, sigmas
from validation.two_wells.escape import BATCH, passages
from validation.two_wells.shares import chain_share, course
from validation.two_wells.system import FLAT, SHARP, Size, wells

Array = NDArray[np.float64]
SCANNED = (6, 8, 12)
BOUND = sigmas(len(SCANNED))


def claims(size: Size) -> Iterator[Claim]:
    """Convergence, and the price of speed."""
    yield _slow()
    yield _relaxation(size)
    yield _sooner(size)
    yield _price(size)


def rates(batches: tuple[int, ...]) -> Array:
    """Slowest relaxation rate of the SDE on the grid, per unit time."""
    found = []
    for b in batches:
        w = wells(b)
        found.append(w.sgd.sde().generator(w.grid).spectrum(2).rates[1].value)
    return np.array(found)


def two_way(batch: int) -> float:
    """Sum of both rates of escape by Kramers' formula, per unit time."""
    w = wells(batch)
    return (1 / w.kramers(SHARP) + 1 / w.kramers(FLAT)) / w.sgd.lr


def _slow() -> Claim:
    batches = (8, 16, 32, 64)
    predicted = np.array([two_way(b) for b in batches])
    height = wells(BATCH).rise(SHARP)

    def test() -> Finding:
        found = rates(batches)
        ratio = found / predicted - 1
        per_noise = np.array([1 / wells(b).noise for b in batches])
        slopes = -np.diff(np.log(found)) / np.diff(per_noise)
        # The next order is proportional to the noise, so the last two are extrapolated.
        limit = 2 * slopes[-1] - slopes[-2]
        ok = abs(limit / height - 1) < 0.01 and abs(ratio[-1] / ratio[-2] - 0.5) < 0.1
        text = f"against both Kramers rates {', '.join(f'{r:+.1%}' for r in ratio)}; the error halves"
        shown = f"{', '.join(f'{v:.2e}' for v in found)}\nslope {limit:.4f} for weak noise"
        return Finding(shown, CONFIRMED if ok else FAILED, text)

    return Claim(
        "slow",
        "Convergence to the asymptotic law is exponentially slow in batch/lr",
        f"slowest rates {', '.join(f'{v:.2e}' for v in predicted)} per unit time, slope of ln rate against "
        f"1/noise -{height:.4f}, the barrier",
        f"spectrum of the SDE's generator at batch {', '.join(map(str, batches))}",
        "slope extrapolated to weak noise within 1 % of the barrier; last halving of the error within .4-.6",
        DETERMINISTIC,
        test,
    )


def _relaxation(size: Size) -> Claim:
    w = wells(BATCH)

    def test() -> Finding:
        share = chain_share(BATCH)
        rate = w.chain.spectrum(2).rates[1].value
        parts = {}
        for steps, seen in course(BATCH, size)[0][:4]:
            predicted = share * (1 - np.exp(-rate * steps))
            # A few steps pass before the start is the law within its well: an amplitude near 1, not 1.
            there = round(seen * size.chains)
            parts[f"{steps:g} steps"] = counted(there, size.chains, float(predicted), 4, bias=0.005)
        return all_of(parts)

    return Claim(
        "relaxation",
        "From the sharp minimum the share of the flat one grows with the slowest rate",
        f"share (1 - exp(-rate k)), rate about {rates_per_step(BATCH):.2e} per step, a quarter of the final "
        f"share after {0.288 / rates_per_step(BATCH):.0f} steps",
        f"{size.chains} chains, batch {BATCH}; share and rate from the transition operator",
        "at four times within the exact binomial interval and .005 for the first steps within the well",
        ALARM,
        test,
    )


def rates_per_step(batch: int) -> float:
    """Slowest rate per step from the exact mean times of the SDE."""
    return 1 / wells(batch).passage(SHARP) + 1 / wells(batch).passage(FLAT)


def arrivals(size: Size) -> list[fp.Estimate]:
    """Mean steps from the sharp to the flat minimum, by batch size."""
    return [from_passages(passages(b, SHARP, size), "SGD chains", "steps") for b in SCANNED]


def _sooner(size: Size) -> Claim:
    predicted = [wells(b).passage(SHARP) for b in SCANNED]

    def test() -> Finding:
        found = arrivals(size)
        parts = {}
        for b, e in zip(SCANNED, found, strict=True):
            exact_chain = wells(b).chain_passage(SHARP)
            parts[f"batch {b}"] = judged(e, exact_chain.value, BOUND, bias=exact_chain.disc)
        gaps = [(b.value - a.value) / np.hypot(a.stat, b.stat) for a, b in pairwise(found)]
        answer = all_of(parts)
        if answer.verdict == CONFIRMED and min(gaps) < BOUND:
            return Finding(answer.measured, NO_POWER, "the order is not seen", answer.numbers)
        return answer

    return Claim(
        "sooner",
        "A larger lr/batch arrives at the flat minimum sooner",
        f"{', '.join(f'{v:.0f}' for v in predicted)} steps by the SDE at batch {', '.join(map(str, SCANNED))}"
        "; the chain as its transition operator says",
        f"{size.exits} chains from the sharp minimum each",
        f"each within {BOUND:.1f} standard errors of the operator, and each later than the one before "
        "by more than "
        "that, else no power",
        ALARM,
        test,
    )


def final_loss(batch: int, size: Size) -> fp.Estimate:
    """Mean loss of the chains after seven relaxation times."""
    return fp.Estimate.from_replicas(wells(batch).height(course(batch, size)[1]), unit="loss")


def final_law(batch: int) -> fp.Estimate:
    """The same of the chain's stationary law, without sampling."""
    return wells(batch).chain_law.mean(wells(batch).height)


def _price(size: Size) -> Claim:
    predicted = []
    for b in SCANNED:
        x, p = wells(b).law
        predicted.append(float(p @ wells(b).height(x)))

    def test() -> Finding:
        parts = {}
        for b in SCANNED:
            exact_chain = final_law(b)
            parts[f"batch {b}"] = judged(final_loss(b, size), exact_chain.value, BOUND, bias=exact_chain.disc)
        return all_of(parts)

    return Claim(
        "price",
        "and pays for it in loss at the end",
        f"mean loss {', '.join(f'{v:.4f}' for v in predicted)} by the SDE's exp(-L/D) at batch "
        f"{', '.join(map(str, SCANNED))}: about half the noise; the chain as its operator says",
        f"{size.chains} chains after seven relaxation times",
        f"each within {BOUND:.1f} standard errors of the chain's own stationary law",
        ALARM,
        test,
    )
