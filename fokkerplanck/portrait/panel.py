"""One part of a portrait: rows, pictures and data that belong together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fokkerplanck.comparison.result import Picture
from fokkerplanck.comparison.setting import Setting
from fokkerplanck.comparison.verdict import Row, Verdict
from fokkerplanck.estimate import Estimate
from fokkerplanck.grid import Level, pointwise

ALONE = Verdict("not compared")


@dataclass(frozen=True)
class Panel:
    """What a part adds: rows, sentences, pictures, and the data behind them."""

    rows: tuple[Row, ...] = ()
    sentences: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)


def row(id: str, quantity: str, estimate: Estimate) -> Row:
    """A number of the SDE that is set beside no other level."""
    return Row(id, quantity, "density", estimate, ALONE)


def region_level(setting: Setting) -> Level:
    """Positive inside the region that is left."""
    return pointwise(setting.region, setting.sgd.names, setting.sgd.loss.constants, region=True)
