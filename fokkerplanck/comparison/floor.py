"""A region on the floor of a valley: where it ends, and the mean time of the slow variable to get there."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from fokkerplanck.comparison.setting import Setting
from fokkerplanck.estimate import Estimate, NotValidHere, combine_status
from fokkerplanck.grid import pointwise
from fokkerplanck.theory import EffectiveLoss

Array = NDArray[np.float64]
LADDER = 2001  # points at which the edge is looked for
PULLED_IN = 0.1  # share by which an open end is moved in, to see whether it matters
NEGLIGIBLE = 0.01  # relative change of the time up to which it does not


def _level(setting: Setting) -> Callable[[Array], Array]:
    """The region's level at places along the floor; > 0 inside."""
    level = pointwise(setting.region, setting.sgd.names, setting.sgd.loss.constants, region=True)
    return lambda x: np.asarray(level(setting.floor_at(np.atleast_1d(x))))


def start(setting: Setting) -> float:
    """The start along the valley; NotValidHere if it lies outside the region."""
    level = pointwise(setting.region, setting.sgd.names, setting.sgd.loss.constants, region=True)
    point = np.array([[setting.x0[n] for n in setting.sgd.names]])
    x0 = float(setting.x0[str(setting.slow)])
    if not (float(level(point)[0]) > 0 and float(_level(setting)(np.array(x0))[0]) > 0):
        raise NotValidHere(f"the start {dict(setting.x0)} does not lie in the region {setting.region!r}")
    return x0


def edges(setting: Setting) -> tuple[float, float]:
    """Where the region ends on the floor on both sides of the start; infinite where it does not."""
    level, axis, x0 = _level(setting), setting.box[str(setting.slow)], start(setting)
    ends = []
    for side in (-1, 1):
        reach = (axis.high - axis.low) if axis.periodic else abs((axis.low, axis.high)[side > 0] - x0)
        ladder = x0 + side * np.linspace(0, reach, LADDER)
        values = level(ladder)
        outside = np.flatnonzero(values <= 0)
        if not len(outside):
            ends.append(side * np.inf)
            continue
        k = int(outside[0])
        between = (ladder[k - 1], ladder[k])
        ends.append(float(brentq(lambda x: level(x)[0], *between)) if values[k] < 0 else float(ladder[k]))
    return ends[0], ends[1]


def passage(setting: Setting, law: EffectiveLoss, edge_shift: bool) -> Estimate:
    """Mean time along the floor to the region's edge, in units of t.

    Where the region has one edge the other end is that of the axis: a reflecting one reflects; an open one
    may stand for all of space if the time does not depend on where it lies.
    """
    x0, (low, high) = start(setting), edges(setting)
    if np.isfinite(low) and np.isfinite(high):
        return law.passage_time(x0, (low, high), edge_shift=edge_shift)
    if not (np.isfinite(low) or np.isfinite(high)):
        raise NotValidHere(f"the region {setting.region!r} has no edge on the floor")
    axis = setting.box[str(setting.slow)]
    edge, side = (high, 0) if np.isfinite(high) else (low, 1)
    end, kind = (axis.low, axis.high)[side], axis.ends[side]
    found = law.passage_time(x0, edge, reflecting=end, edge_shift=edge_shift)
    said = (*found.assumptions, f"The floor ends at {law.slow} = {end:.4g}, where it reflects.")
    if kind == "reflecting":
        return found.with_(assumptions=said)
    nearer = law.passage_time(x0, edge, reflecting=end + PULLED_IN * (x0 - end), edge_shift=edge_shift)
    change = abs(nearer.value - found.value)
    if kind != "open" or not change <= NEGLIGIBLE * abs(found.value):
        why = (
            f"not valid here: on the floor the region {setting.region!r} ends on one side only, and the time "
            f"depends on how the floor ends at {law.slow} = {end:.4g}; close the region on that side too"
        )
        return found.with_(value=np.nan, status=combine_status([found.status, why]))
    return found.with_(assumptions=said, disc=found.disc + change)


def inside(setting: Setting) -> list[dict[str, float]]:
    """Points on the floor inside the region, and the start."""
    x = setting.along[::4]
    points = setting.floor_at(x[_level(setting)(x) > 0])
    return [dict(setting.x0), *(dict(zip(setting.sgd.names, p.tolist(), strict=True)) for p in points)]
