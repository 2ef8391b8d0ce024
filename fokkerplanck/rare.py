"""Mean times of rare escapes, of a chain and of the paths of an SDE, by adaptive multilevel splitting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, stats

from fokkerplanck import formula, stepping
from fokkerplanck.estimate import Estimate, combine_status
from fokkerplanck.grid import is_whole
from fokkerplanck.results import Field
from fokkerplanck.sampling import ChainProgram
from fokkerplanck.sampling.branching import Outcome
from fokkerplanck.sampling.excursions import Score, Table, Walk, chain_walk, path_walk
from fokkerplanck.sampling.loops import Escapes, escapes
from fokkerplanck.sampling.seeds import seed_of

if TYPE_CHECKING:
    from fokkerplanck.sde import SDE
    from fokkerplanck.sgd import SGD

Array = NDArray[np.float64]

REPEATS = 20
FEWEST = 20  # walkers of a repeat
# Steps to the local time scale. A step of order 1 or 2 changes ln T by about Q hl/2 or Q (hl/2)^2, with Q the
# barrier over the noise: 5 and 1 % at Q = 20.
SHORT = {1: 0.005, 2: 0.05}
TRIALS, PILOTS = 20, 128  # of a step, and their walkers
TRIAL_PARTICLES = 2**40  # numbers that no walker has


def of_chain(
    sgd: SGD, region: str, x0: Mapping[str, float], n: int, rng: Any, score: Any, repeats: int
) -> Estimate:
    """Mean number of steps in which a chain without momentum leaves; see `SGD.escape`."""
    each, start = _share(n, repeats), np.array([x0[name] for name in sgd.names])
    program, seed = cast(ChainProgram, sgd.chain_program(region)), seed_of(rng)
    ranking = _score(score, sgd.names, tuple(sgd.loss.constants))
    walk = chain_walk(program, ranking, sgd.lr, sgd.batch, sgd.loss.parameter_values, seed, sgd.loss.data)
    if walk.outside(start[None, :])[0]:
        return Estimate(0.0, unit="steps", method="SGD chains, splitting")
    return _estimate(walk, start, each, repeats, seed, "SGD chains", "steps")[0]


def of_paths(
    sde: SDE, region: str, x0: Any, n: int, rng: Any, dt: float | None, score: Any, repeats: int
) -> Estimate:
    """Mean time in which a path leaves, with its step bias; see `SDE.escape`."""
    stepping.check_constant("a mean exit time", sde.schedule)
    start = stepping.starting_points(x0, 1, sde.names)
    stepping.check_step(sde.schedule, dt)
    stepping.check_noise(sde, start)
    each, program, seed = _share(n, repeats), sde.path_program(region), seed_of(rng)
    ranking = _score(score, sde.names, tuple(sde.constants))
    walk = path_walk(program, ranking, 1.0 if dt is None else dt, sde.parameter_values, seed)
    if walk.outside(start)[0]:
        return Estimate(0.0, unit="time", method="SDE paths, splitting")
    if dt is None:
        walk = _settled(sde, walk, start, seed)
    fine, spread = _estimate(walk, start[0], each, repeats, seed, "SDE paths", "time")
    if not np.isfinite(fine.value):
        return fine
    twice = walk.with_step(2 * walk.unit)
    fewer = each if walk.order == 1 else -(-each // 2)
    coarse, other = _estimate(twice, start[0], fewer, repeats, seed, "SDE paths", "time")
    if not np.isfinite(coarse.value):
        sentence = f"at twice the time step there is no answer ({coarse.status}), so its bias is unknown"
        return fine.with_(disc=np.inf, status=combine_status([fine.status, sentence]))
    status = combine_status([fine.status, coarse.status])
    change = float(np.log(fine.value / coarse.value)) / (2**walk.order - 1)
    disc = abs(np.expm1(change)) * fine.value
    if walk.order > 1:  # far smaller than the noise that taking it out would add
        return fine.with_(disc=disc, status=status)
    value, error = fine.value * np.exp(change), float(np.hypot(2 * spread, other))
    facts = _interval(value, error, repeats, "time")
    return fine.with_(value=value, stat=value * error, disc=disc, assumptions=facts, status=status)


def _settled(sde: SDE, walk: Walk, start: Array, seed: int) -> Walk:
    """The walk with a step that resolves the drift near the attractor and on the way out.

    The start alone says nothing: -x**3 has no slope at 0, and is steep at the edge.
    """
    longest = np.inf if sde.schedule is None else sde.schedule.constant / stepping.SUBSTEPS

    def resolving(points: Array, otherwise: float) -> float:
        speed = float(np.median(stepping.speed(sde, points))) if len(points) else np.inf
        return min(SHORT[walk.order] / speed, longest) if speed > 0 else otherwise

    step = resolving(start, min(1.0, longest))
    points = np.repeat(start, stepping.SAMPLE, axis=0)
    particles = TRIAL_PARTICLES + np.arange(stepping.SAMPLE)
    for _ in range(TRIALS):
        run = walk.with_step(step)(points, particles, round(4 / SHORT[walk.order]))
        wanted = resolving(run.x[run.are(0.0)], step)
        if 0.7 * step <= wanted <= 1.5 * step:
            break
        step *= min(max(wanted / step, 0.1), 10.0)  # at too long a step the states lie too far out
    for _ in range(TRIALS):
        try:
            trial = escapes(walk.with_step(step), start[0], FEWEST, 5, seed, PILOTS, TRIAL_PARTICLES)
        except Outcome:
            break  # the run in earnest will tell
        wanted = resolving(trial.branches.reached.reshape(-1, len(start[0])), step)
        if wanted >= 0.7 * step:
            break
        step = wanted
    return walk.with_step(step)


def _estimate(
    walk: Walk, start: Array, each: int, repeats: int, seed: int, who: str, unit: str
) -> tuple[Estimate, float]:
    """The estimate, and the standard error of its logarithm."""
    method = f"{who}, splitting: {repeats} repeats of {each} walkers"
    try:
        found = escapes(walk, start, each, repeats, seed)
    except Outcome as outcome:
        return Estimate(float("nan"), unit=unit, method=method, status=str(outcome)), float("nan")
    value, status = found.mean() * walk.unit, _extinct(found)
    if not np.isfinite(value):
        return Estimate(float("nan"), unit=unit, method=method, status=status), float("nan")
    spread = found.jackknife()
    facts = _interval(value, spread, repeats, unit)
    return Estimate(value, value * spread, unit=unit, method=method, assumptions=facts, status=status), spread


def _interval(value: float, spread: float, repeats: int, unit: str) -> tuple[str, ...]:
    """What the independent repeats say, at 95 % by Student's law of the logarithm."""
    factor = float(np.exp(stats.t.ppf(0.975, repeats - 1) * spread))
    return (f"95 % interval from {repeats} repeats: {value / factor:.4g} to {value * factor:.4g} {unit}",)


def _extinct(found: Escapes) -> str:
    """Whether branches died out before any left: what is then averaged is too skew for its error."""
    gone, repeats = int((found.branches.chance == 0.0).sum()), len(found.first)
    if not gone:
        return "ok"
    return (
        f"in {gone} of {repeats} repeats all walkers died out before one left, so the error is not to be "
        "trusted: raise n, or give a score that grows along the way out"
    )


def _share(n: int, repeats: int) -> int:
    """Walkers of a repeat."""
    if not is_whole(repeats, 5):
        raise ValueError(f"repeats is {repeats!r}: give a whole number of at least 5, or there is no error")
    if not is_whole(n, FEWEST * repeats):
        raise ValueError(
            f"n is {n!r}: splitting takes at least {FEWEST} walkers a repeat, here {FEWEST * repeats}"
        )
    return int(n) // int(repeats)


def _score(score: Any, names: tuple[str, ...], constants: tuple[str, ...]) -> Score:
    """A score as the engine takes it: a formula, or a function on a grid."""
    if score is None:
        return None
    if not isinstance(score, Field):
        return formula.parse(score, (*names, *constants), "score")
    grid = score.grid
    if grid.names != names:
        raise ValueError(f"score has axes {', '.join(grid.names)}, the variables are {', '.join(names)}")
    known = score.values if score.known is None else score.known(grid.points()).reshape(grid.shape)
    values = np.where(np.isfinite(known), known, score.values)
    missing = ~np.isfinite(values)
    if missing.all():
        raise ValueError("score has no finite value on its grid")
    nearest = ndimage.distance_transform_edt(missing, return_distances=False, return_indices=True)
    values = values[tuple(nearest)]
    if score.unit in ("time", "steps"):  # a mean exit time falls along the way out
        values = -values
    axes = [[a.centres[0], 1 / a.spacing, len(a.centres), float(a.periodic)] for a in grid.axes]
    return Table(np.ascontiguousarray(values.ravel()), np.array(axes))


__all__ = ["REPEATS", "of_chain", "of_paths"]
