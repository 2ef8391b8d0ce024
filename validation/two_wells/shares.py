"""Which minimum SGD ends in, whatever the batch size, at equal depth and at unequal."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from validation.claim import CONFIRMED, FAILED, NOT_CONFIRMED, Claim, Finding
from validation.judging import ALARM, DETERMINISTIC, counted
from validation.two_wells.system import BATCH, FLAT, SHARP, TILT, Size, Wells, wells

Array = NDArray[np.float64]
BATCHES = (4, 8, 16, 32, 64, 128)
PORTIONS = (0.25, 0.5, 1.0, 2.0, 7.0)  # of the relaxation time, along which chains are looked at


def claims(size: Size) -> Iterator[Claim]:
    """Shares at equal and at unequal depth."""
    yield _equal_depth()
    yield _sampled_share(size)
    yield _unequal_depth()
    yield _whatever()


def _equal_depth() -> Claim:
    w = wells(BATCH)
    roots = np.sqrt([w.curvature(SHARP), w.curvature(FLAT)])
    limit = float(roots[0] / roots.sum())
    law = [wells(b).flat_share for b in BATCHES]

    def test() -> Finding:
        found = [wells(b).chain_share for b in BATCHES]
        ok = min(found) > 0.5 and max(abs(a - b) for a, b in zip(found, law, strict=True)) < 0.02
        text = f"largest distance from the SDE's law {max(abs(np.subtract(found, law))):.3f}"
        return Finding(", ".join(f"{v:.4f}" for v in found), CONFIRMED if ok else FAILED, text)

    return Claim(
        "share-equal",
        "At equal depth SGD ends more often in the flat minimum, whatever the batch size",
        f"shares {', '.join(f'{v:.4f}' for v in law)} by exp(-L/D); {limit:.4f} for weak noise, from the "
        "curvatures; 1/2 if flatness did not count",
        f"stationary law of the chain's transition operator, batch {', '.join(map(str, BATCHES))}",
        "all above 1/2, and within .02 of the SDE's law: lr times curvature shifts the share by about .01",
        DETERMINISTIC,
        test,
    )


def looks(w: Wells) -> list[int]:
    """Steps after which the chains are looked at."""
    return [int(p * w.relaxation) for p in PORTIONS]


@lru_cache
def course(w: Wells, size: Size) -> tuple[Array, Array]:
    """Shares of chains in the flat minimum along time, all started in the sharp one; and final states."""
    state, done, shares = np.full((size.chains, 1), SHARP), 0, []
    for until in looks(w):
        run = w.sgd.simulate(size.chains, until - done, state, rng=w.key(size.seed, 5), first_step=done)
        if run.diverged.any():
            raise ValueError(run.status)
        state, done = run.final, until
        shares.append(float((state[:, 0] < w.barrier).mean()))
    return np.array(shares), state[:, 0]


def _sampled_share(size: Size) -> Claim:
    w = wells(BATCH)
    predicted = w.chain_share

    # What is left of the start after seven relaxation times is e^-7 = .0009.
    def test() -> Finding:
        there = round(course(w, size)[0][-1] * size.chains)
        return counted(there, size.chains, predicted, rival=0.5, bias=0.001)

    return Claim(
        "share-sampled",
        "Chains that all start in the sharp minimum end as the asymptotic law says",
        f"share of the flat minimum: SGD {predicted:.4f} by its transition operator; its SDE "
        f"{w.flat_share:.4f}; without flatness .5",
        f"{size.chains} chains, batch {BATCH}, seven relaxation times",
        "within the exact binomial interval and .001 for what is left of the start",
        ALARM,
        test,
    )


def _unequal_depth() -> Claim:
    law = [wells(b, TILT).flat_share for b in BATCHES]

    def test() -> Finding:
        found = [wells(b, TILT).chain_share for b in BATCHES]
        ok = max(abs(a - b) for a, b in zip(found, law, strict=True)) < 0.02
        text = f"largest distance from the SDE's law {max(abs(np.subtract(found, law))):.3f}"
        return Finding(", ".join(f"{v:.4f}" for v in found), CONFIRMED if ok else FAILED, text)

    return Claim(
        "share-unequal",
        "At unequal depth the batch decides: flatness wins in strong noise, depth in weak",
        f"shares {', '.join(f'{v:.4f}' for v in law)} of the flat minimum, .1 above the sharp one; half at "
        f"noise {crossing():.3f}, that is batch {2 / crossing():.1f}",
        f"stationary law of the chain's transition operator, batch {', '.join(map(str, BATCHES))}",
        "each within .02 of the SDE's law exp(-L/D)",
        DETERMINISTIC,
        test,
    )


def crossing() -> float:
    """Noise at which both minima hold the same by the formula with their curvatures."""
    w = wells(BATCH, TILT)
    gain, gap = 0.5 * np.log(w.curvature(SHARP) / w.curvature(FLAT)), w.rise(SHARP) - w.rise(FLAT)
    return float(brentq(lambda noise: gain - gap / noise, 1e-3, 10.0))


def _whatever() -> Claim:
    def test() -> Finding:
        found = wells(BATCHES[-1], TILT).chain_share
        verdict = CONFIRMED if found > 0.5 else NOT_CONFIRMED
        text = "the sharp minimum is the deeper one: the claim needs equal depths, or a gap below the noise"
        return Finding(f"{found:.4f}", verdict, text)

    return Claim(
        "whatever-the-batch",
        "Our wider reading, which the abstract does not state: SGD ends in flatter minima whatever the batch "
        "size, also where they are less deep",
        f"share {wells(BATCHES[-1], TILT).flat_share:.4f} of the flat minimum: not so",
        f"batch {BATCHES[-1]}, flat minimum .1 above the sharp one, transition operator",
        "share above 1/2; not confirmed if below, for the literature is read more widely here than it says",
        DETERMINISTIC,
        test,
    )
