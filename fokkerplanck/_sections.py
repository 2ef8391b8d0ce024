"""The sections of a model file, each to the object it describes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck._algebra import evaluate
from fokkerplanck._toml import Table, read_columns
from fokkerplanck.formula import nearest, parse_number, parse_region, symbol
from fokkerplanck.grid import Grid
from fokkerplanck.laws import Law
from fokkerplanck.loss import Data, Loss, Normal, Rademacher, Uniform

LOSS_KEYS = ("variables", "formula", "where", "constants", "samples")
SGD_KEYS = ("lr", "batch", "sampling", "momentum", "nesterov", "weight_decay")
SGD_NUMBERS = ("lr", "batch", "momentum", "weight_decay")  # what is overridden by its name
AXIS_KEYS = ("from", "to", "cells", "boundary")
QUESTION_KEYS = ("slow", "at", "escape", "variations")
LAW_KEYS: dict[str, tuple[str, ...]] = {
    "normal": ("mean", "std"),
    "rademacher": (),
    "uniform": ("from", "to"),
    "data": ("file", "columns"),
}

Files = dict[str, NDArray[np.float64]]
"""The data sets that were read, by their label in [loss.samples]."""


@dataclass(frozen=True)
class Escape:
    """How long until the parameters leave ``region`` (true = inside), started at ``x0``."""

    region: str
    x0: Mapping[str, float]


@dataclass(frozen=True)
class Questions:
    """What a report asks: the slow variable, the points whose stability matters, an escape, and other values
    of the constants at which stability is asked again."""

    slow: str | None = None
    at: tuple[Mapping[str, float], ...] = ()
    escape: Escape | None = None
    variations: tuple[Mapping[str, float], ...] = ()


def read_loss(table: Table, folder: Path, files: Files) -> Loss:
    where, constants = table.table("where"), table.table("constants")
    for name in SGD_NUMBERS:
        if name in constants.data:
            raise constants.error(f"may not hold {name!r}, which belongs to [sgd]; choose another name")
    for entries in (where, constants):
        for name, value in entries.data.items():
            entries.check(name, value, "number", "text")
    samples = Table(table.label.replace("[loss]", "[loss.samples]"), table.data.get("samples", {}))
    variables, text = table.texts("variables"), table.get("formula", "text")
    laws = dict(_law(samples, name, folder, files) for name in samples.data)
    with table.blame():
        return Loss(text, variables, samples=laws, where=where.data, constants=constants.data)


def _law(samples: Table, name: str, folder: Path, files: Files) -> tuple[str | tuple[str, ...], Law]:
    """One entry of [loss.samples], as Loss takes it."""
    table = samples.table(name)
    law = table.get("law", "text")
    if law not in LAW_KEYS:
        raise table.error(
            f"has the unknown law {law!r}{nearest(law, LAW_KEYS) or '.'} There are {', '.join(LAW_KEYS)}."
        )
    Table(table.label, table.data, ("law", *LAW_KEYS[law]))
    if law == "data":
        columns = table.texts("columns")
        if name not in files:
            with table.blame("file"):
                files[name] = read_columns(folder / table.get("file", "text"), columns)
        with table.blame():
            return tuple(columns), Data(files[name])
    first, *rest = [table.get(key, "number", "text") for key in LAW_KEYS[law]] or [None]
    if law == "rademacher":
        return name, Rademacher()
    return name, Normal(first, *rest) if law == "normal" else Uniform(first, *rest)


def read_sgd_settings(table: Table, constants: Mapping[str, float]) -> dict[str, Any]:
    """Learning rate (or rates), batch and sampling; momentum and weight decay where the file has them."""
    rate = table.get("lr", "number", "text", "list")
    batch = _number(table, "batch", constants)
    if batch != round(batch):
        raise table.error(f"batch is {batch:g}; a whole number is expected")
    if isinstance(rate, list):
        rates = [_value(table, "lr", entry, constants) for entry in rate]
    settings = {
        "lr": rates if isinstance(rate, list) else _value(table, "lr", rate, constants),
        "batch": round(batch),
        "sampling": table.get("sampling", "text", default="iid"),
    }
    settings |= {k: _number(table, k, constants) for k in ("momentum", "weight_decay") if k in table.data}
    if "nesterov" in table.data:
        settings["nesterov"] = table.get("nesterov", "truth value")
    return settings


def read_grid(table: Table, loss: Loss) -> Grid:
    axes: dict[str, tuple[float, float, int]] = {}
    boundary: dict[str, Any] = {}
    for name in loss.names:
        if name not in table.data:
            raise table.error(
                f"lacks the axis {name!r}, such as {name} = {{ from = -1, to = 1, cells = 256 }}"
            )
        axis = table.table(name, AXIS_KEYS)
        low, high = (_number(axis, end, loss.constants) for end in ("from", "to"))
        axes[name] = (low, high, axis.get("cells", "whole number"))
        if "boundary" in axis.data:
            kind = axis.get("boundary", "text", "list")
            boundary[name] = kind if isinstance(kind, str) else tuple(kind)
    with table.blame():
        return Grid(boundary=boundary, **axes)


def read_questions(table: Table, loss: Loss) -> Questions:
    slow = table.get("slow", "text", default=None)
    if slow is not None and slow not in loss.names:
        hint = nearest(slow, loss.names) or "."
        raise table.error(f"slow = {slow!r} is no variable{hint} There are {', '.join(loss.names)}.")
    points = table.get("at", "list", default=[])
    at = tuple(_point(Table(f"{table.label} at", point, loss.names), loss) for point in points)
    escape = _escape(table.table("escape", ("region", "x0")), loss) if "escape" in table.data else None
    changes = table.get("variations", "list", default=[])
    known = tuple(loss.constants)
    variations = tuple(_variation(Table(f"{table.label} variations", c, known), loss) for c in changes)
    return Questions(slow, at, escape, variations)


def _variation(table: Table, loss: Loss) -> dict[str, float]:
    """Other values of some constants, checked against the loss."""
    values = {name: _number(table, name, loss.constants) for name in table.data}
    with table.blame():
        loss.with_constants(**values)
    return values


def _escape(table: Table, loss: Loss) -> Escape:
    region = table.get("region", "text")
    start = _point(table.table("x0", loss.names), loss)
    with table.blame():
        level = parse_region(region, [*loss.names, *loss.constants])
        if evaluate(level, {symbol(name): value for name, value in {**loss.constants, **start}.items()}) <= 0:
            raise ValueError(f"starts at {start}, outside its own region {region!r}; move x0 into it")
    return Escape(region, start)


def _point(table: Table, loss: Loss) -> dict[str, float]:
    """A value for each variable."""
    return {name: _number(table, name, loss.constants) for name in loss.names}


def _number(table: Table, key: str, constants: Mapping[str, float]) -> float:
    return _value(table, key, table.get(key, "number", "text"), constants)


def _value(table: Table, key: str, value: Any, constants: Mapping[str, float]) -> float:
    """A number, or the value of a formula in the constants."""
    table.check(key, value, "number", "text")
    with table.blame():
        return parse_number(value, constants, key)
