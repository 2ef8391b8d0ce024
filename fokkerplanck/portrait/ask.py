"""Portraits: the parts of which they are made, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fokkerplanck.comparison.ask import setting_of
from fokkerplanck.comparison.result import Comparison
from fokkerplanck.comparison.setting import FULL, Setting
from fokkerplanck.estimate import NotValidHere
from fokkerplanck.grid import Grid
from fokkerplanck.model import Model
from fokkerplanck.portrait import committor, density, effective, exit_time, hitting, modes
from fokkerplanck.portrait.panel import Panel
from fokkerplanck.sgd import SGD

Part = Callable[[Setting], Panel]
Progress = Callable[..., None]  # progress(fraction done, what is being done)

# What each portrait shows, in this order: a new result is a module with one function, named here.
STATIONARY: dict[str, Part] = {
    "stationary density": density.panel,
    "effective loss": effective.panel,
    "slow modes": modes.panel,
}
ESCAPE: dict[str, Part] = {
    "exit time": exit_time.panel,
    "places of exit": hitting.panel,
    "committor": committor.panel,
}

# Pictures of a comparison that a portrait draws better.
INSTEAD_OF = ("density", "exit_time")

ROUGH, FINE = 1e-2, 1e-3  # tolerances of a grid that must be found, quickly or not
SMOOTH = 1e-4  # in one dimension, where it costs nothing and curves look smooth


def stationary(source: Model | SGD, quick: bool = False, progress: Progress | None = None) -> Comparison:
    """Where the SDE settles, and how fast: density, marginals, effective loss, slowest modes.

    Parameters
    ----------
    source : Model or SGD
        A model brings its own grid; otherwise one is found (`Grid.auto`).
    quick : bool
        Coarser grids.
    progress : callable, optional
        Called with the fraction done, and what is being done.

    Returns
    -------
    Comparison
        Its rows stand for the SDE alone, and are compared with nothing.
    """
    setting = setting_of(source, quick)
    setting.require_plain("a portrait of the SDE")
    setting.require_noise("so the stationary law has no density: SGD settles in a minimum or diverges")
    return _portrait("Where does its SDE settle, and how fast?", STATIONARY, setting, progress)


def escape(
    source: Model | SGD,
    region: str | None = None,
    x0: Any = None,
    quick: bool = False,
    progress: Progress | None = None,
) -> Comparison:
    """How the SDE leaves a region: mean exit time from everywhere, places of exit, committor, current.

    See `stationary`; `region` and `x0` are a model's own where they are left out.
    """
    setting = setting_of(source, quick)
    setting.require_plain("a portrait of the SDE")
    setting = replace(setting, region=region or setting.region, x0=dict(x0 or setting.x0))
    if not setting.region or not setting.x0:
        raise NotValidHere("say which region is left and from where: region='x < 1', x0={'x': -1}")
    setting.require_noise("so no escape by noise: SGD follows the gradient from its start")
    return _portrait("How does its SDE leave the region?", ESCAPE, setting, progress)


def _portrait(
    question: str, parts: dict[str, Part], setting: Setting, progress: Progress | None
) -> Comparison:
    if setting.grid is None:
        quick = setting.effort is not FULL
        rtol = SMOOTH if len(setting.sgd.names) == 1 else ROUGH if quick else FINE
        if progress is not None:
            progress(0.0, "grid")
        exits: dict[str, Any] = {"region": setting.region, "x0": setting.x0} if parts is ESCAPE else {}
        grid = Grid.auto(setting.sgd.sde(), rtol=rtol, **exits)
        # What meets the tolerance must not be made coarser by the effort.
        setting = replace(setting, grid=grid, effort=replace(setting.effort, cells=max(grid.shape)))
    panels = []
    for k, (name, part) in enumerate(parts.items()):
        if progress is not None:
            progress(k / len(parts), name)
        panels.append(part(setting))
    if progress is not None:
        progress(1.0, "done")
    return Comparison(
        question,
        tuple(r for p in panels for r in p.rows),
        tuple(s for p in panels for s in p.sentences),
        {},
        tuple(picture for p in panels for picture in p.pictures),
        {name: item for p in panels for name, item in p.data.items()},
    )
