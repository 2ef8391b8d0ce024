"""How slowly the asymptotic law is reached, and what a larger step pays for arriving sooner."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

import fokkerplanck as fp
from validation.claim import CONFIRMED, FAILED, NO_POWER, Claim, Finding
from validation.judging import ALARM, DETERMINISTIC, all_of, counted, judged, sigmas
from validation.two_wells.escape import by_chains
from validation.two_wells.shares import course, looks
from validation.two_wells.system import BATCH, FLAT, LR, SHARP, Size, Wells, wells

Array = NDArray[np.float64]
SCANNED = ((0.01, 12), (0.01, 8), (0.005, 4), (0.01, 6), (0.02, 8))  # lr and batch, by lr/batch
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
    return (1 / w.kramers(SHARP) + 1 / w.kramers(FLAT)) / w.lr


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
    rate = w.chain.spectrum(2).rates[1].value
    steps = looks(w)[:-1]
    law = w.chain_grown(steps)
    grown = [w.chain_share * float(1 - np.exp(-rate * k)) for k in steps]
    slow = [w.flat_share * float(1 - np.exp(-k / w.relaxation)) for k in steps]

    def test() -> Finding:
        parts = {}
        for k, seen, share in zip(steps, course(w, size)[0], law, strict=False):
            there = round(seen * size.chains)
            parts[f"{k} steps"] = counted(there, size.chains, share.value, len(steps), bias=share.disc)
        return all_of(parts)

    return Claim(
        "relaxation",
        "From the sharp minimum the share of the flat one grows with the slowest rate, but for a lag "
        "of the first steps",
        f"after {', '.join(map(str, steps))} steps SGD {', '.join(f'{e.value:.4f}' for e in law)} by its "
        f"transition operator, step by step; near it, by share (1 - exp(-rate k)), "
        f"{', '.join(f'{v:.4f}' for v in grown)} with its share {w.chain_share:.4f} and rate {rate:.3e} per "
        f"step, {', '.join(f'{v:.4f}' for v in slow)} with share and mean times of its SDE",
        f"{size.chains} chains, batch {BATCH}",
        f"at {len(steps)} times within the exact binomial interval of the operator's law from the sharp "
        f"minimum, and the grid's error, {max(e.disc for e in law):.0e}",
        ALARM,
        test,
    )


def scanned() -> list[Wells]:
    """Settings from the smallest lr/batch to the largest; two have the same one, and so the same SDE."""
    return [wells(batch, lr=lr) for lr, batch in SCANNED]


def named(w: Wells) -> str:
    """A setting in words."""
    return f"lr {w.lr:g}, batch {w.batch}"


def arrivals(size: Size) -> list[fp.Estimate]:
    """Mean time lr k from the sharp to the flat minimum."""
    return [by_chains(w, SHARP, size).scaled(w.lr, "time") for w in scanned()]


def arrival_law(w: Wells) -> fp.Estimate:
    """The same without sampling."""
    return w.chain_passage(SHARP).scaled(w.lr, "time")


def ordered(answer: Finding, found: list[fp.Estimate], sign: int) -> Finding:
    """The answer, if a larger lr/batch is also seen to give more (sign 1) or less (-1) by the bound."""
    pairs = [
        (a, b)
        for (v, a), (w, b) in combinations(zip(scanned(), found, strict=True), 2)
        if not np.isclose(v.noise, w.noise)
    ]
    gaps = [sign * (b.value - a.value) / np.hypot(a.stat, b.stat) for a, b in pairs]
    if answer.verdict == CONFIRMED and min(gaps) < BOUND:
        text = f"the order is not seen: {min(gaps):.1f} standard errors where {BOUND:.1f} are asked for"
        return Finding(answer.measured, NO_POWER, text, answer.numbers)
    return answer


def _sooner(size: Size) -> Claim:
    law = {w: arrival_law(w) for w in scanned()}
    # If lr did not count, a setting would have the time of the usual lr.
    rivals = {w: None if w.lr == LR else arrival_law(wells(w.batch)).value for w in law}

    def test() -> Finding:
        found = arrivals(size)
        parts = {
            named(w): judged(e, law[w].value, BOUND, rivals[w], law[w].disc)
            for w, e in zip(law, found, strict=True)
        }
        return ordered(all_of(parts), found, -1)

    said = (f"{named(w)}: SGD {e.value:.2f}, SDE {w.passage(SHARP) * w.lr:.2f}" for w, e in law.items())
    without = ", ".join(f"{v:.2f}" for v in rivals.values() if v is not None)
    return Claim(
        "sooner",
        "A larger lr/batch arrives at the flat minimum sooner; the same one, by another lr, about as soon",
        "mean time lr k, of SGD by its transition operator, of its SDE by quadrature: "
        f"{'; '.join(said)}. If lr did not count, those with another lr than {LR:g} would take {without}",
        f"{size.exits} chains from the sharp minimum each",
        f"each within {BOUND:.1f} standard errors of the operator; each later than those of larger lr/batch "
        "by more than that, else no power",
        ALARM,
        test,
    )


def final_loss(w: Wells, size: Size) -> fp.Estimate:
    """Mean loss of the chains after seven relaxation times."""
    return fp.Estimate.from_replicas(w.height(course(w, size)[1]), unit="loss")


def final_law(w: Wells) -> fp.Estimate:
    """The same of the chain's stationary law, without sampling."""
    return w.chain_law.mean(w.height)


def of_sde(w: Wells) -> float:
    """The same of the SDE's, exp(-L/D)."""
    x, p = w.law
    return float(p @ w.height(x))


def _price(size: Size) -> Claim:
    law = {w: final_law(w) for w in scanned()}

    def test() -> Finding:
        found = [final_loss(w, size) for w in law]
        parts = {
            named(w): judged(e, law[w].value, BOUND, bias=law[w].disc)
            for w, e in zip(law, found, strict=True)
        }
        return ordered(all_of(parts), found, 1)

    said = (f"{named(w)}: SGD {e.value:.4f}, SDE {of_sde(w):.4f}" for w, e in law.items())
    return Claim(
        "price",
        "A larger lr/batch, which arrives at the flat minimum sooner, ends at a higher mean loss",
        "mean loss of SGD by its transition operator, of its SDE by exp(-L/D): "
        f"{'; '.join(said)}; about half the noise",
        f"{size.chains} chains after seven relaxation times",
        f"each within {BOUND:.1f} standard errors of the chain's own stationary law; each lower than those "
        "of larger lr/batch by more than that, else no power",
        ALARM,
        test,
    )
