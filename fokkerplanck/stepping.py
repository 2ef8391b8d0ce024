"""Where paths start, how long their time steps are, and what is refused of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.codegen import numpy_function
from fokkerplanck.formula import LEARNING_RATE
from fokkerplanck.grid import is_whole
from fokkerplanck.schedules import Schedule

if TYPE_CHECKING:
    from fokkerplanck.sde import SDE

Array = NDArray[np.float64]

SUBSTEPS = 16  # time steps a learning rate: at one, Gaussian paths would be SGD itself
SAMPLE = 64  # starting points at which the speed of the drift is looked at


def starting_points(x0: Any, n: int, names: Sequence[str]) -> Array:
    """(n, d) starting points from one point, a mapping by name, or n points."""
    if not is_whole(n, 1):
        raise ValueError(f"n is {n!r}: give a whole number of replicas, at least 1")
    if isinstance(x0, Mapping):
        if set(x0) != set(names):
            raise ValueError(f"x0 names {', '.join(map(str, x0))}; the variables are {', '.join(names)}")
        x0 = [x0[k] for k in names]
    x = np.asarray(x0, dtype=float)
    if x.ndim <= 1:
        x = np.broadcast_to(x.reshape(1, -1), (int(n), x.size))
    if x.shape != (n, len(names)):
        raise ValueError(
            f"x0 has shape {np.shape(x0)}: give one point ({len(names)},) or {n} points ({n}, {len(names)})"
        )
    if not np.isfinite(x).all():
        raise ValueError("x0 holds values that are not finite")
    return np.array(x)


def named_point(x0: Any, names: Sequence[str]) -> dict[str, float]:
    """A point by name from a mapping, which may leave out variables, or from d numbers."""
    if isinstance(x0, Mapping):
        return {str(k): float(v) for k, v in x0.items()}
    return dict(zip(names, starting_points(x0, 1, names)[0].tolist(), strict=True))


def check_time(name: str, t: Any) -> None:
    """Refuse what is no finite time after the start."""
    if isinstance(t, str | bool) or t is None or not 0 < t < np.inf:
        raise ValueError(f"{name} is {t!r}: give a finite time > 0")


def check_constant(what: str, schedule: Schedule | None) -> None:
    """Refuse a schedule that changes for what is defined at one rate only."""
    if schedule is not None and not schedule.is_constant:
        raise ValueError(
            f"{what} needs one learning rate, and this schedule changes it; give SGD a number as lr"
        )


def check_step(schedule: Schedule | None, dt: float | None) -> None:
    """Refuse a step so long that the paths are, or nearly are, the chain itself."""
    if dt is None:
        return
    if not 0 < dt < np.inf:
        raise ValueError(f"dt is {dt!r}: give a finite step > 0, or leave it out")
    if schedule is None or not schedule.is_constant:
        return
    longest = schedule.constant / SUBSTEPS
    if dt > longest * (1 + 1e-9):
        raise ValueError(
            f"dt is {dt:g}, and the learning rate behind this SDE is {schedule.constant:g}: at dt = "
            f"lr paths are SGD itself, and their agreement with it says nothing; give dt <= {longest:g}, "
            "or leave it out"
        )


def check_noise(sde: SDE, start: Array) -> None:
    """Refuse starting points at which the diffusion tensor is no covariance."""
    points = start[:1] if (start == start[0]).all() else start
    scheduled = [] if LEARNING_RATE in sde.parameters or sde.schedule is None else [LEARNING_RATE]
    rates = [] if sde.schedule is None else list(sde.schedule.rates(len(scheduled)))
    d = len(sde.variables)
    entries = numpy_function(list(sde.diffusion), [*sde.variables, *sde.parameters, *scheduled])
    values = np.stack(entries(*points.T, *sde.parameter_values, *rates), axis=-1).reshape(-1, d, d)

    def name(k: int) -> str:
        return ", ".join(f"{n} = {v:.4g}" for n, v in zip(sde.names, points[k], strict=True))

    finite = np.isfinite(values).all(axis=(1, 2))
    if not finite.all():
        raise ValueError(
            f"the diffusion tensor is not finite at {name(int(np.argmin(finite)))}; start elsewhere"
        )
    lowest, highest = np.linalg.eigvalsh(values)[:, [0, -1]].T
    bad = lowest < -1e-10 * np.maximum(highest, 1e-300)
    if bad.any():
        k = int(np.argmax(bad))
        raise ValueError(
            f"the diffusion tensor is not positive semidefinite at {name(k)}: its smallest eigenvalue is "
            f"{lowest[k]:.3g}; start elsewhere, or mend the formula"
        )


def speed(sde: SDE, points: Array) -> Array:
    """Largest entry of the drift's Jacobian at each point (n,), 0 where there is none."""
    jacobian = sde.drift.jacobian(sde.variables)
    entries = numpy_function(list(jacobian), [*sde.variables, *sde.parameters])
    values = np.abs(np.stack(entries(*points.T, *sde.parameter_values)))
    return np.asarray(np.where(np.isfinite(values), values, 0.0).max(axis=0), dtype=float)


def resolving(schedule: Schedule | None, speed: float, t: float) -> float:
    """Step that resolves a local time scale 1/speed, and never the learning rate itself."""
    natural = min(t / 50, 0.02 / speed) if speed > 0 else t / 200
    if schedule is None or not schedule.is_constant:
        return natural
    return min(natural, schedule.constant / SUBSTEPS)


def step_length(sde: SDE, start: Array, t: float) -> float:
    """Return a default time step, from the speed of the drift where paths start."""
    return resolving(sde.schedule, float(speed(sde, start[:SAMPLE]).max()), t)


def time_steps(sde: SDE, start: Array, t: float, dt: float | None) -> tuple[Array, Array | None]:
    """Lengths of the time steps to t, an even number, and with a schedule the learning rate of each."""
    if sde.schedule is None or sde.schedule.is_constant:
        step = step_length(sde, start, t) if dt is None else float(dt)
        count = max(2, 2 * int(np.ceil(t / step / 2)))
        return np.full(count, t / count), None
    if dt is not None:
        raise ValueError(f"dt follows the learning-rate schedule (a {SUBSTEPS}th of each rate); leave it out")
    ends = steps_until(sde.schedule, t)
    used = int(np.searchsorted(ends, t * (1 - 1e-12))) + 1
    rates = sde.schedule.rates(used)
    lengths = rates.copy()
    lengths[-1] -= max(0.0, float(ends[used - 1]) - t)
    return np.repeat(lengths / SUBSTEPS, SUBSTEPS), np.repeat(rates, SUBSTEPS)


def steps_until(schedule: Schedule, t: float) -> Array:
    """Times after the first steps of a schedule, as many as reach t or more."""
    longest = schedule.steps
    count = min(SAMPLE, longest or SAMPLE)
    while (ends := schedule.times(count))[-1] < t * (1 - 1e-12):
        if count == longest:
            raise ValueError(f"the schedule ends at time {ends[-1]:g}, before t = {t:g}")
        count = min(2 * count, longest or 2 * count)
    return ends


__all__ = [
    "SUBSTEPS",
    "check_constant",
    "check_noise",
    "check_step",
    "check_time",
    "named_point",
    "resolving",
    "speed",
    "starting_points",
    "step_length",
    "steps_until",
    "time_steps",
]
