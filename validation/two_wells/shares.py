"""Which minimum SGD ends in, whatever the batch size, at equal depth and at unequal."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from validation.claim import CONFIRMED, FAILED, NOT_CONFIRMED, Claim, Finding
from validation.judging import ALARM, DETERMINISTIC, counted
from validation.two_wells.escape import BATCH
from validation.two_wells.system import FLAT, SHARP, Size, wells

Array = NDArray[np.float64]
BATCHES = (4, 8, 16, 32, 64, 128)
TILT = -0.05  # the sharp minimum is deeper by .1


def claims(size: Size) -> Iterator[Claim]:
    """Shares at equal and at unequal depth."""
    yield _equal_depth()
    yield _sampled_share(size)
    yield _unequal_depth()
    yield _whatever()


def chain_share(batch: int, tilt: float = 0.0) -> float:
    """Share of the flat minimum in the chain's stationary law, without sampling."""
    w = wells(batch, tilt)
    share = w.chain_law.probability(f"x < {w.barrier!r}")
    if not share.ok or share.disc > 1e-3:
        raise ValueError(f"the operator does not resolve batch {batch}: {share}")
    return share.value


def _equal_depth() -> Claim:
    w = wells(BATCH)
    roots = np.sqrt([w.curvature(SHARP), w.curvature(FLAT)])
    limit = float(roots[0] / roots.sum())
    law = [wells(b).flat_share for b in BATCHES]

    def test() -> Finding:
        found = [chain_share(b) for b in BATCHES]
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


@lru_cache
def course(batch: int, size: Size) -> tuple[Array, Array]:
    """Shares of chains in the flat minimum along time, all started in the sharp one; and final states."""
    w = wells(batch)
    relaxation = 1 / (1 / w.passage(SHARP) + 1 / w.passage(FLAT))
    state, done, shares = np.full((size.chains, 1), SHARP), 0, []
    for until in np.array([0.25, 0.5, 1.0, 2.0, 7.0]) * relaxation:
        steps = int(until) - done
        run = w.sgd.simulate(size.chains, steps, state, rng=[size.seed, 3, batch], first_step=done)
        if run.diverged.any():
            raise ValueError(run.status)
        state, done = run.final, int(until)
        shares.append([done, float((state[:, 0] < w.barrier).mean())])
    return np.array(shares), state[:, 0]


def _sampled_share(size: Size) -> Claim:
    # What is left of the start after seven relaxation times is e^-7 = .0009.
    def test() -> Finding:
        there = round(course(BATCH, size)[0][-1, 1] * size.chains)
        return counted(there, size.chains, chain_share(BATCH), rival=0.5, bias=0.001)

    return Claim(
        "share-sampled",
        "Chains that all start in the sharp minimum end as the asymptotic law says",
        f"the share of the transition operator; the SDE's {wells(BATCH).flat_share:.4f}, without flatness .5",
        f"{size.chains} chains, batch {BATCH}, seven relaxation times",
        "within the exact binomial interval and .001 for what is left of the start",
        ALARM,
        test,
    )


def _unequal_depth() -> Claim:
    law = [wells(b, TILT).flat_share for b in BATCHES]

    def test() -> Finding:
        found = [chain_share(b, TILT) for b in BATCHES]
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
        found = chain_share(BATCHES[-1], TILT)
        verdict = CONFIRMED if found > 0.5 else NOT_CONFIRMED
        text = "the sharp minimum is the deeper one: the claim needs equal depths, or a gap below the noise"
        return Finding(f"{found:.4f}", verdict, text)

    return Claim(
        "whatever-the-batch",
        "SGD ends in flatter minima whatever the batch size: read for minima of any depth",
        f"share {wells(BATCHES[-1], TILT).flat_share:.4f} of the flat minimum: not so",
        f"batch {BATCHES[-1]}, flat minimum .1 above the sharp one, transition operator",
        "share above 1/2; a claim of the literature, in its widest reading",
        DETERMINISTIC,
        test,
    )
