"""Reading a TOML file and checking its tables: a mistake is one sentence that names file, table and key."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.formula import nearest

_SORTS = {
    "text": (str,),
    "number": (int, float),
    "whole number": (int,),
    "list": (list,),
    "truth value": (bool,),
    "table": (dict,),
}

_SYNONYMS = {
    **dict.fromkeys(("learning_rate", "eta", "step_size"), "lr"),
    **dict.fromkeys(("batch_size", "minibatch", "B"), "batch"),
    **dict.fromkeys(("decay", "wd", "l2"), "weight_decay"),
    **dict.fromkeys(("sd", "sigma", "scale"), "std"),
    **dict.fromkeys(("low", "min"), "from"),
    **dict.fromkeys(("high", "max"), "to"),
    **dict.fromkeys(("n", "points", "size"), "cells"),
}


def read(path: Path) -> dict[str, Any]:
    """The parsed file."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        near = nearest(path.name, [other.name for other in path.parent.glob("*.toml")])
        raise ValueError(f"{path}: there is no such file{near}") from None
    except IsADirectoryError:
        raise ValueError(f"{path}: this is a folder; name a model file, such as model.toml") from None
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path}: is not a text in UTF-8, so no TOML file") from None
    except RecursionError:
        raise ValueError(f"{path}: is not TOML: nested too deeply") from None
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path}: is not TOML: {error}") from None


class Table:
    """One table of the file, ``label`` being how a message names it: ``models/x.toml: [sgd]``."""

    def __init__(self, label: str, data: object, keys: Sequence[str] | None = None) -> None:
        self.label = label
        if not isinstance(data, dict):
            raise self.error(f"is {_sort(data)}; a table is expected")
        self.data: Mapping[str, Any] = data
        if keys is not None:
            for key in data:
                if key not in keys:
                    hint = (
                        nearest(key, keys, {word: key for word, key in _SYNONYMS.items() if key in keys})
                        or "."
                    )
                    raise self.error(f"has no key {key!r}{hint} It takes {', '.join(keys)}.")

    def error(self, reason: str) -> ValueError:
        """An error in this table."""
        return ValueError(f"{self.label} {reason}")

    def get(self, key: str, *sorts: str, default: Any = ...) -> Any:
        """The value of a key, of one of the sorts; a key without default must be there."""
        if key not in self.data:
            if default is ...:
                raise self.error(f"lacks {key!r}, {_either(sorts)}")
            return default
        return self.check(key, self.data[key], *sorts)

    def check(self, key: str, value: Any, *sorts: str) -> Any:
        """The value, if it is of one of the sorts."""
        kinds = tuple(kind for sort in sorts for kind in _SORTS[sort])
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise self.error(f"{key} is {_sort(value)}; {_either(sorts)} is expected")
        return value

    def table(self, key: str, keys: Sequence[str] | None = None, name: str = "") -> Table:
        """A table inside this one; empty if it is not there."""
        return Table(f"{self.label}{name or ' ' + key}", self.data.get(key, {}), keys)

    def texts(self, key: str) -> list[str]:
        """A list of texts, not empty."""
        values: list[str] = self.get(key, "list")
        if not values or not all(isinstance(value, str) for value in values):
            raise self.error(f'{key} must list at least one text, such as {key} = ["x"]')
        return values

    @contextmanager
    def blame(self, key: str = "") -> Iterator[None]:
        """Errors from inside come out with this table's name in front."""
        try:
            yield
        except ValueError as error:
            raise self.error(f"{key}: {error}" if key else str(error)) from None


def read_columns(path: Path, columns: Sequence[str]) -> NDArray[np.float64]:
    """The named columns (rows, len(columns)) of a file of comma-separated numbers under a row of names."""
    try:
        lines = [line for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path}: is not a text in UTF-8") from None
    names = [name.strip().strip('"') for name in lines[0].split(",")] if lines else []
    for column in columns:
        if column not in names:
            raise ValueError(
                f"{path}: the first row names no column {column!r}{nearest(column, names)}. It has {names}"
            )
    if len(lines) < 2:
        raise ValueError(f"{path}: there are no rows below the names")
    try:
        return np.loadtxt(
            lines[1:], delimiter=",", usecols=[names.index(column) for column in columns], ndmin=2
        )
    except ValueError as error:
        raise ValueError(f"{path}: not a table of numbers: {error}") from None


def _either(sorts: Sequence[str]) -> str:
    """``a number, a text or a list``."""
    *first, last = (f"a {sort}" for sort in sorts)
    return f"{', '.join(first)} or {last}" if first else last


def _sort(value: object) -> str:
    """What a TOML value is, in words."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a table"
    shown = repr(value) if len(repr(value)) <= 40 else repr(value)[:37] + "..."
    return f"the list {shown}" if isinstance(value, list) else shown
