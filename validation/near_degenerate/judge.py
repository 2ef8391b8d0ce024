"""The claims: the SDE on a grid, then chains."""

from __future__ import annotations

from collections.abc import Iterator

import fokkerplanck as fp
from validation.claim import Claim, Finding
from validation.judging import ALARM, DETERMINISTIC, all_of, exact, judged, sigmas
from validation.near_degenerate.system import (
    BLOCKS,
    MOVED,
    QUIET,
    SEED,
    SNAPSHOTS,
    arrival,
    asymptotic,
    delta,
    grid_modes,
    law_of_arrival,
    lowest,
    number,
    place,
    strength_at,
    strengths,
    valley,
)
from validation.seeds import seed


def replicas(quick: bool) -> tuple[int, int]:
    """Chains for the drift, and chains that leave."""
    return (8_000, 800) if quick else (32_000, 4_000)


def claims(quick: bool) -> Iterator[Claim]:
    """The SDE on a grid, then chains."""
    n, exits = replicas(quick)
    yield _modes()
    yield _joint()
    yield _moved(n)
    yield _threshold(n)
    yield _sooner(exits)


def _modes() -> Claim:
    batches = (5, 8, QUIET)
    predicted = [asymptotic(delta(b), False) for b in batches]

    def test() -> Finding:
        return all_of(
            {
                f"Delta {delta(b):g}": exact(grid_modes(b)[0], p, 0.02, 4)
                for b, p in zip(batches, predicted, strict=True)
            }
        )

    return Claim(
        "moves",
        "Noise above Delta = b/c moves the mode of the marginal: x*^2 = (c - b/Delta)/d",
        f"x* = {', '.join(f'{p:.3f}' for p in predicted)} at Delta = "
        f"{', '.join(f'{delta(b):g}' for b in batches)}; threshold {number('b') / number('c'):g}; the loss "
        "itself has its minimum at 0",
        "stationary density of the SDE, 256 x 256 cells",
        "each within .02: the separation of time scales is not infinite",
        DETERMINISTIC,
        test,
    )


def _joint() -> Claim:
    predicted = [asymptotic(delta(b), True) for b in (5, 8)]
    threshold = number("b") / number("c") * number("kappa") / (number("kappa") - 1)

    def test() -> Finding:
        return all_of(
            {
                f"Delta {delta(b):g}": exact(grid_modes(b)[1], p, 0.02, 4)
                for b, p in zip((5, 8), predicted, strict=True)
            }
        )

    return Claim(
        "joint-threshold",
        "The joint law has another threshold, Delta_c = kappa b/((kappa - 1) c), a third larger",
        f"mode of P(x, 0) {predicted[0]:.3f} and {predicted[1]:.3f} for Delta {delta(5):g} and {delta(8):g}"
        f", on both sides of {threshold:.4f}; the marginal's at {asymptotic(delta(5), False):.3f} and "
        f"{asymptotic(delta(8), False):.3f}",
        "stationary density of the SDE on its floor, 256 x 256 cells",
        "both within .02",
        DETERMINISTIC,
        test,
    )


def _moved(n: int) -> Claim:
    predicted = [lowest(valley(b)[1]) for b in MOVED]
    limit = [lowest(valley(b)[1].small_lr) for b in MOVED]
    bound = sigmas(len(MOVED), BLOCKS)

    def test() -> Finding:
        rows = zip(MOVED, predicted, limit, strict=True)
        return all_of({f"Delta {delta(b):g}": judged(place(b, n), law, bound, sde) for b, law, sde in rows})

    return Claim(
        "chain-moves",
        "SGD at lr .01 stays still farther out than its SDE: its effective loss is lowest at larger x",
        f"x* {', '.join(f'{p:.3f}' for p in predicted)} at Delta {', '.join(f'{delta(b):g}' for b in MOVED)}"
        f"; its SDE {', '.join(f'{p:.3f}' for p in limit)}",
        f"strength of the regularizer from the drift of {n} chains started within .2 of it, {SNAPSHOTS} "
        f"snapshots, {BLOCKS} blocks; corrected by the law for the width of the window",
        f"each within {bound:.1f} standard errors of the law; the SDE farther off than that",
        ALARM,
        test,
    )


def _threshold(n: int) -> Claim:
    batch = 11
    ratio = number("b") / number("c")
    load = valley(batch)[0].sgd.lr * number("lam0") / 2
    predicted = ratio * (1 - load)

    def test() -> Finding:
        found, by_law = strengths(batch, -0.4, 0.4, n)
        # S at x = 0 from its mean over the window, by the law's shape; S is proportional to Delta, and the
        # minimum leaves x = 0 where S = b/c.
        there = found.scaled(strength_at(batch, 1e-3) / by_law)
        noise = delta(batch) * ratio / there.value
        measured = fp.Estimate(noise, stat=noise * there.stat / there.value, unit="loss")
        return judged(measured, predicted, sigmas(blocks=BLOCKS), ratio)

    return Claim(
        "chain-threshold",
        "The minimum of SGD's effective loss leaves x = 0 at a weaker noise than that of its SDE",
        f"Delta = (b/c)(1 - eta lambda/2) = {predicted:.4f}; its SDE b/c = {ratio:.4f}",
        f"strength of the regularizer from {n} chains within .4 of x = 0 at batch {batch}, corrected by the "
        "law for the width of the window",
        f"within {sigmas(blocks=BLOCKS):.1f} standard errors; the SDE farther off",
        ALARM,
        test,
    )


def _sooner(n: int) -> Claim:
    batches = (20, 10, 5)
    laws = [law_of_arrival(b, True) for b in batches]
    bound = sigmas(len(batches))

    def test() -> Finding:
        return all_of(
            {
                f"batch {b}": judged(arrival(b, n, seed(SEED)), law, bound, bias=0.01 * law)
                for b, law in zip(batches, laws, strict=True)
            }
        )

    return Claim(
        "sooner",
        "Stronger noise arrives sooner, by more than in a level valley: the floor is a barrier",
        f"{', '.join(f'{v:.0f}' for v in laws)} steps at batch {', '.join(map(str, batches))}; in a level "
        "valley each would be half of the one before",
        f"{n} chains from (0, 0) to |x| = 1 each, lr .01",
        f"each within {bound:.1f} standard errors of the law at this lr and 1 % for the separation of "
        "time scales",
        ALARM,
        test,
    )
