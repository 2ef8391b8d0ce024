"""A model file: loss, learning rate, batch, grid and questions in one TOML file."""

from __future__ import annotations

import hashlib
import importlib.resources
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fokkerplanck._sections import (
    LOSS_KEYS,
    QUESTION_KEYS,
    SGD_KEYS,
    SGD_NUMBERS,
    Escape,
    Files,
    Questions,
    read_grid,
    read_loss,
    read_questions,
    read_sgd_settings,
)
from fokkerplanck._toml import Table, read
from fokkerplanck.formula import nearest
from fokkerplanck.grid import Axis, Grid
from fokkerplanck.loss import Loss
from fokkerplanck.sgd import SGD

__all__ = ["TEMPLATE", "Escape", "Model", "Questions", "load"]

SCHEMA = 1
SECTIONS = ("schema", "title", "source", "description", "loss", "sgd", "grid", "questions")


@dataclass(frozen=True, eq=False)
class Model:
    """A model file, read and checked; made by :func:`load`.

    Attributes
    ----------
    name : str
        The file's name without its ending.
    title, source, description : str
        Free text.
    loss : Loss
    sgd : SGD
    grid : Grid or None
        None where the file has no ``[grid]``.
    questions : Questions
    path : Path
        The file.
    """

    name: str
    title: str
    source: str
    description: str
    loss: Loss
    sgd: SGD
    grid: Grid | None
    questions: Questions
    path: Path
    _document: Mapping[str, Any] = field(repr=False)
    _settings: Mapping[str, Any] = field(repr=False)
    _files: Files = field(repr=False)

    def replace(self, **overrides: float | str) -> Model:
        """The same model at other values of its constants, or of lr, batch, momentum or weight_decay.

        Raises
        ------
        ValueError
            For a name that is none of these, or a value out of range.

        Examples
        --------
        >>> load(TEMPLATE).replace(kappa=8, lr=0.001).loss.constants["kappa"]
        8.0
        """
        return _build(self.path, _override(self.path, self._document, overrides), dict(self._files))

    def to_dict(self) -> dict[str, Any]:
        """All parameters as JSON can hold them, for the provenance of a result.

        Examples
        --------
        >>> load(TEMPLATE).to_dict()["sgd"]
        {'lr': 0.01, 'batch': 10, 'sampling': 'iid'}
        """
        section = self._document["loss"]
        return {
            "name": self.name,
            "title": self.title,
            "source": self.source,
            "description": self.description,
            "formula": section["formula"],
            "variables": list(self.loss.names),
            "where": dict(section.get("where", {})),
            "samples": {
                name: self._describe_law(name, law) for name, law in section.get("samples", {}).items()
            },
            "constants": dict(self.loss.constants),
            "sgd": dict(self._settings),
            "grid": None
            if self.grid is None
            else {axis.name: _describe_axis(axis) for axis in self.grid.axes},
            "questions": {
                "slow": self.questions.slow,
                "at": [dict(point) for point in self.questions.at],
                "variations": [dict(change) for change in self.questions.variations],
                "escape": self.questions.escape
                and {"region": self.questions.escape.region, "x0": dict(self.questions.escape.x0)},
            },
        }

    def _describe_law(self, name: str, law: Mapping[str, Any]) -> dict[str, Any]:
        record = dict(law)
        if name in self._files:
            rows = self._files[name]
            record |= {"rows": len(rows), "sha256": hashlib.sha256(rows.tobytes()).hexdigest()}
        return record


TEMPLATE = Path(str(importlib.resources.files("fokkerplanck") / "template.toml"))
"""The standard valley, commented: what ``fokkerplanck new`` writes."""


def load(path: str | Path, /, **overrides: float | str) -> Model:
    """Read a model file.

    Parameters
    ----------
    path : str or Path
        A TOML file with ``schema = 1``, ``[loss]``, ``[sgd]`` and, if wanted, ``[grid]`` and ``[questions]``.
    **overrides : number or formula
        Other values for constants of the model by name, for ``lr``, ``batch``, ``momentum`` or
        ``weight_decay``.

    Raises
    ------
    ValueError
        One sentence that names the file, the table and the key, what came and what is expected.

    Examples
    --------
    >>> load(TEMPLATE, kappa=8).loss.names
    ('x', 'y')
    """
    path = Path(path)
    return _build(path, _override(path, read(path), overrides), {})


def _build(path: Path, document: Mapping[str, Any], files: Files) -> Model:
    """The model of a document; ``files`` holds the data sets read so far, a label each."""
    top = Table(f"{path}:", document, SECTIONS)
    _check_schema(top)
    for section in ("loss", "sgd"):
        if section not in document:
            raise top.error(f"has no section [{section}]; `fokkerplanck new my_model.toml` writes an example")
    loss = read_loss(top.table("loss", LOSS_KEYS, " [loss]"), path.parent, files)
    table = top.table("sgd", SGD_KEYS, " [sgd]")
    settings = read_sgd_settings(table, loss.constants)
    with table.blame():
        sgd = SGD(loss, **settings)
    return Model(
        name=path.stem,
        title=top.get("title", "text", default=path.stem),
        source=top.get("source", "text", default=""),
        description=top.get("description", "text", default=""),
        loss=loss,
        sgd=sgd,
        grid=read_grid(top.table("grid", loss.names, " [grid]"), loss) if "grid" in document else None,
        questions=read_questions(top.table("questions", QUESTION_KEYS, " [questions]"), loss),
        path=path,
        _document=document,
        _settings=settings,
        _files=files,
    )


def _override(path: Path, document: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The document with other constants or numbers of the SGD."""
    top = Table(f"{path}:", document, SECTIONS)
    loss, sgd = (dict(top.table(section, name=f" [{section}]").data) for section in ("loss", "sgd"))
    constants = dict(Table(f"{path}: [loss] constants", loss.get("constants", {})).data)
    known = [*constants, *SGD_NUMBERS]
    for name, value in overrides.items():
        if name not in known:
            raise ValueError(
                f"{path}: has no constant {name!r}{nearest(name, known) or '.'} It has {', '.join(known)}."
            )
        (sgd if name in SGD_NUMBERS else constants)[name] = (
            value.tolist() if hasattr(value, "tolist") else value
        )
    changed = {"loss": {**loss, "constants": constants}, "sgd": sgd} if overrides else {}
    return {**document, **{section: table for section, table in changed.items() if section in document}}


def _check_schema(top: Table) -> None:
    if "schema" not in top.data:
        raise top.error(f"lacks the line `schema = {SCHEMA}` at the top, which says how to read it")
    schema = top.get("schema", "whole number")
    if schema != SCHEMA:
        raise top.error(f"has schema {schema}; this version of fokkerplanck reads schema {SCHEMA}")


def _describe_axis(axis: Axis) -> dict[str, Any]:
    return {"from": axis.low, "to": axis.high, "cells": axis.cells, "boundary": list(axis.ends)}
