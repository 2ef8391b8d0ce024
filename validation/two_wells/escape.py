"""Escape from either minimum: mean time, its law at finite time, and Kramers' formula as a limit."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

import fokkerplanck as fp
from fokkerplanck.passages import from_passages
from fokkerplanck.sampling import Passage
from validation.claim import CONFIRMED, FAILED, Claim, Finding
from validation.judging import ALARM, DETERMINISTIC, all_of, counted, exact, judged, sigmas
from validation.two_wells.system import BATCH, FLAT, NAMES, SHARP, TILT, Size, Wells, wells

Array = NDArray[np.float64]
BOTH = (SHARP, FLAT)
PORTIONS = np.array([0.25, 0.5, 1.0, 2.0])  # of the mean time
RARE = 32  # a batch whose chains stay for some 1e9 steps
REPEATS = 100  # of splitting
FEWER = 0.25  # a part of a rare time that must be seen if it is missing


def claims(size: Size) -> Iterator[Claim]:
    """Both ways out at every level, rare ones, the law of the time, and the limit of weak noise."""
    yield from (_mean(start, size) for start in BOTH)
    yield _rare(size)
    yield _unequal(size)
    yield _finite_time()
    yield _finite_time_sampled(size)
    yield _kramers()


# -- levels ---------------------------------------------------------------------------------------------


@lru_cache
def passages(w: Wells, start: float, size: Size) -> Passage:
    """Steps that chains take to the other minimum."""
    longest = int(50 * w.passage(start))
    return w.sgd.first_passage(w.way(start), size.exits, (start,), longest, rng=w.key(size.seed, 1, start))


@lru_cache
def path_passages(w: Wells, start: float, size: Size) -> Passage:
    """Times that paths of the SDE take, and beside them those at twice the step."""
    longest, key = 50 * w.passage(start) * w.lr, w.key(size.seed, 2, start)
    return w.sgd.sde().first_passage(w.way(start), size.paths, (start,), longest, rng=key)


def by_chains(w: Wells, start: float, size: Size) -> fp.Estimate:
    """Mean number of steps by plain simulation."""
    return from_passages(passages(w, start, size), "SGD chains", "steps")


def by_paths(w: Wells, start: float, size: Size) -> fp.Estimate:
    """The same of the SDE's paths."""
    return from_passages(path_passages(w, start, size), "SDE paths", "time").scaled(1 / w.lr, "steps")


@lru_cache
def by_splitting(w: Wells, start: float, size: Size) -> fp.Estimate:
    """Mean number of steps by splitting of chains; a rare escape is cheap to split, and gets more walkers."""
    walkers = size.walkers * (5 if w.batch >= RARE else 1)
    key = w.key(size.seed, 3, start)
    return w.sgd.escape(w.way(start), (start,), "splitting", walkers, key, repeats=REPEATS)


@lru_cache
def by_split_paths(w: Wells, start: float, size: Size) -> fp.Estimate:
    """The same by splitting of the SDE's paths."""
    key = w.key(size.seed, 4, start)
    found = w.sgd.sde().escape(w.way(start), (start,), size.walkers, key, repeats=REPEATS)
    return found.scaled(1 / w.lr, "steps")


def by_density(w: Wells, start: float) -> Finding:
    """The SDE on a grid, against quadrature."""
    found, known = w.sgd.escape(w.way(start), (start,), "density", grid=w.grid), w.passage(start)
    return exact(found.value, known, 1e-3 * known)


# -- mean times -----------------------------------------------------------------------------------------


def _mean(start: float, size: Size) -> Claim:
    w, name = wells(BATCH), NAMES[start]
    sde, sgd = w.passage(start), w.chain_passage(start)
    bound, of_repeats = sigmas(3), sigmas(3, blocks=REPEATS)

    def test() -> Finding:
        chains, split = by_chains(w, start, size), by_splitting(w, start, size)
        return all_of(
            {
                "density": by_density(w, start),
                "paths": judged(by_paths(w, start, size), sde, bound, sde / 2),
                "SGD": judged(chains, sgd.value, bound, sgd.value / 2, sgd.disc),
                "SGD by splitting": judged(split, sgd.value, of_repeats, sgd.value / 2, sgd.disc),
            }
        )

    return Claim(
        f"time-{name}",
        f"The mean time to leave the {name} minimum is explicit: density, paths, splitting and SGD have it",
        f"SGD {sgd.value:.0f} steps by its transition operator; its SDE {sde:.0f} by quadrature; half of "
        "either if the top of the barrier were the end of the way",
        f"lr {w.lr:g}, batch {BATCH}, barrier {w.rise(start) / w.noise:.1f} times the noise, to the bottom "
        f"of the other minimum: density on {w.grid.size} cells, {size.paths} paths, {size.exits} chains, "
        f"splitting with {size.walkers} walkers in {REPEATS} repeats",
        f"density within .1 % of the SDE; paths within {bound:.1f} standard errors of it and the step bias "
        f"they quote; SGD within as many of its operator, splitting {of_repeats:.1f}",
        ALARM,
        test,
    )


def _rare(size: Size) -> Claim:
    w, bound = wells(RARE), sigmas(3, blocks=REPEATS)
    sgd = {s: w.chain_passage(s) for s in BOTH}
    sde = w.passage(SHARP)

    def test() -> Finding:
        parts = {
            f"{NAMES[s]}, SGD": judged(
                by_splitting(w, s, size), e.value, bound, (1 - FEWER) * e.value, bias=e.disc
            )
            for s, e in sgd.items()
        }
        paths = judged(by_split_paths(w, SHARP, size), sde, bound, (1 - FEWER) * sde)
        return all_of(parts | {"sharp, paths": paths})

    return Claim(
        "time-rare",
        "The mean time is explicit also where no simulation would see an escape: splitting finds it",
        f"SGD {sgd[SHARP].value:.3g} steps from the sharp and {sgd[FLAT].value:.3g} from the flat minimum by "
        f"its transition operator; the SDE {sde:.3g} from the sharp one by quadrature",
        f"lr {w.lr:g}, batch {RARE}, barrier {w.rise(SHARP) / w.noise:.0f} times the noise; "
        f"{5 * size.walkers} walkers for chains, {size.walkers} for paths, {REPEATS} repeats",
        f"each within {bound:.1f} standard errors, and the step bias that paths quote, which would see "
        f"{FEWER:.0%} less",
        ALARM,
        test,
    )


def _unequal(size: Size) -> Claim:
    strong, weak = wells(BATCH, TILT), wells(RARE, TILT)
    settings = {
        f"{NAMES[s]}, batch {w.batch}": (w, s, w.chain_passage(s), wells(w.batch).chain_passage(s).value)
        for w in (strong, weak)
        for s in BOTH
    }
    bounds = {strong: sigmas(4), weak: sigmas(4, blocks=REPEATS)}

    def test() -> Finding:
        parts = {f"{NAMES[s]}, batch {w.batch}, density": by_density(w, s) for w in (strong,) for s in BOTH}
        for name, (w, s, e, equal) in settings.items():
            found = (by_chains if w is strong else by_splitting)(w, s, size)
            parts[f"{name}, SGD"] = judged(found, e.value, bounds[w], equal, e.disc)
        return all_of(parts)

    steps = {name: f"{e.value:.4g} (SDE {w.passage(s):.4g})" for name, (w, s, e, _) in settings.items()}
    return Claim(
        "time-unequal",
        "At unequal depth the deeper, sharp minimum is left sooner than the flat one in strong noise, later "
        "in weak",
        f"steps of SGD by its transition operator: {'; '.join(f'{n} {v}' for n, v in steps.items())}; at "
        f"equal depth {', '.join(f'{equal:.4g}' for *_, equal in settings.values())}",
        f"sharp minimum {-2 * TILT:g} deeper; batch {BATCH}: {size.exits} chains each, and density on "
        f"{strong.grid.size} cells; batch {RARE}: splitting, {5 * size.walkers} walkers in {REPEATS} repeats",
        f"density within .1 % of the SDE; SGD within {bounds[strong]:.1f} standard errors of its operator, "
        f"splitting {bounds[weak]:.1f}, and apart from equal depth",
        ALARM,
        test,
    )


# -- law of the time ------------------------------------------------------------------------------------


@lru_cache
def laws(w: Wells, start: float) -> tuple[fp.ExitLaw, fp.ExitLaw]:
    """Of the time of the SDE, on the grid, and of the number of steps of the chain, by its operator."""
    generator = w.sgd.sde().generator(w.grid)
    return tuple(o.exit_law(w.way(start), x0=(start,)) for o in (generator, w.chain))  # type: ignore[return-value]


def asked(w: Wells, start: float) -> tuple[Array, Array]:
    """The portions of the mean time: times of the SDE, whole steps of the chain."""
    return PORTIONS * w.passage(start) * w.lr, np.floor(PORTIONS * w.chain_passage(start).value)


@lru_cache
def gone(w: Wells, start: float) -> tuple[list[float], list[float]]:
    """Probability to have left by then, without sampling: SDE and chain."""
    sde, sgd = (
        [1 - law.survival(float(t)).value for t in times]
        for law, times in zip(laws(w, start), asked(w, start), strict=True)
    )
    return sde, sgd


def left(w: Wells, start: float, size: Size) -> NDArray[np.int64]:
    """How many of the chains have left by then."""
    times = passages(w, start, size).times
    return np.array([(times <= k).sum() for k in asked(w, start)[1]])


def left_paths(w: Wells, start: float, size: Size) -> list[fp.Estimate]:
    """Share of the paths that have left by then; the step bias is taken out, and quoted."""
    fine = path_passages(w, start, size)
    found = []
    for t in asked(w, start)[0]:
        at_step = (fine.times <= t).astype(float)
        twice = (fine.coarse.times <= t).astype(float)  # type: ignore[union-attr]
        bias = abs(float((at_step - twice).mean()))
        found.append(fp.Estimate.from_replicas(2 * at_step - twice).with_(disc=bias))
    return found


def _row(findings: list[Finding]) -> Finding:
    """All times of one start and level in one line."""
    joined = all_of({str(i): f for i, f in enumerate(findings)})
    wrong = [f.reason for f in findings if f.verdict != CONFIRMED]
    return Finding(", ".join(f.measured for f in findings), joined.verdict, "; ".join(wrong), joined.numbers)


def _finite_time() -> Claim:
    # The last way across delays every exit by some relaxation times of the flat minimum: down into it, and
    # by detailed balance as slowly up from it. How much of T that is depends on the start.
    w, law = wells(BATCH), 1 - np.exp(-PORTIONS)
    delay = {s: 3 / (w.curvature(FLAT) * w.lr) / w.passage(s) for s in BOTH}

    def test() -> Finding:
        parts = {}
        for start in BOTH:
            for level, found in zip(("density", "SGD's operator"), gone(w, start), strict=True):
                rows = [exact(v, float(p), delay[start], 4) for v, p in zip(found, law, strict=True)]
                parts[f"{NAMES[start]}, {level}"] = _row(rows)
        return all_of(parts)

    return Claim(
        "finite-time",
        "At a finite time t the minimum has been left with probability 1 - exp(-t/T), T the mean time",
        f"{_listed(law)} at t/T = {', '.join(f'{p:g}' for p in PORTIONS)}",
        f"exact law of the time, batch {BATCH}: of the SDE on {w.grid.size} cells, of SGD by its transition "
        "operator, each with its own T",
        f"from the sharp minimum within {delay[SHARP]:.4f}, from the flat one {delay[FLAT]:.4f}: three "
        "relaxation times of the flat minimum over T, for the way across, as slow up from it as down into it",
        DETERMINISTIC,
        test,
    )


def _finite_time_sampled(size: Size) -> Claim:
    w, numbers = wells(BATCH), 4 * len(PORTIONS)
    bound = sigmas(numbers)
    # Half the rate, at t = T: a run that could not tell it has no power.
    half = [float(1 - np.exp(-p / 2)) if p == 1.0 else None for p in PORTIONS]

    def test() -> Finding:
        parts = {}
        for start in BOTH:
            sde, sgd = gone(w, start)
            paths = zip(left_paths(w, start, size), sde, half, strict=True)
            parts[f"{NAMES[start]}, paths"] = _row([judged(e, p, bound, r) for e, p, r in paths])
            chains = zip(left(w, start, size), sgd, half, strict=True)
            parts[f"{NAMES[start]}, SGD"] = _row(
                [counted(int(k), size.exits, p, numbers, r) for k, p, r in chains]
            )
        return all_of(parts)

    said = []
    for start in BOTH:
        sde, sgd = map(_listed, gone(w, start))
        said.append(f"{NAMES[start]}: SGD {sgd} by its transition operator; its SDE {sde}")
    return Claim(
        "finite-time-sampled",
        "Paths and SGD have left by a finite time as the exact law says",
        f"{'; '.join(said)}, at t/T = {', '.join(f'{p:g}' for p in PORTIONS)}",
        f"batch {BATCH}, {size.paths} paths and {size.exits} chains from each minimum",
        f"chains within the exact binomial interval for {numbers} numbers; paths within {bound:.1f} standard "
        f"errors and the step bias they quote; half the rate, {1 - np.exp(-0.5):.4f} at t = T, would be seen",
        ALARM,
        test,
    )


def _listed(values: Array | list[float]) -> str:
    return ", ".join(f"{v:.4f}" for v in values)


def _kramers() -> Claim:
    batches = (16, 32, 64, 128)

    def test() -> Finding:
        ratio = [[wells(b).passage(s) / wells(b).kramers(s) - 1 for b in batches] for s in BOTH]
        halving = np.array(ratio)[:, 1:] / np.array(ratio)[:, :-1]
        ok = bool((abs(halving[:, -1] - 0.5) < 0.05).all())
        shown = "\n".join(
            f"{NAMES[s]}: " + ", ".join(f"{r:+.2%}" for r in row) for s, row in zip(BOTH, ratio, strict=True)
        )
        text = "last halvings " + ", ".join(f"{h:.3f}" for h in halving[:, -1])
        return Finding(shown, CONFIRMED if ok else FAILED, text)

    return Claim(
        "kramers",
        "Kramers' formula is the limit of weak noise: its error halves with the noise, and is no oracle",
        "error proportional to the noise: a factor .5 each time the batch doubles; a wrong prefactor would "
        "leave an error that stays",
        f"exact quadrature against the formula at batch {', '.join(map(str, batches))}",
        "last halving between .45 and .55",
        DETERMINISTIC,
        test,
    )
