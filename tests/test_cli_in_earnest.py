"""The command line in earnest: real answers and pictures, at sizes of a few seconds."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from fokkerplanck import cli
from fokkerplanck.comparison import ask
from fokkerplanck.comparison.setting import QUICK

WELL = """
schema = 1
title = "Double well"
[loss]
variables = ["x"]
formula = "x**4/4 - x**2/2 - s*x"
[loss.samples]
s = { law = "normal", mean = 0, std = "sqrt(2)" }
[sgd]
lr = 0.1
batch = 1
[questions]
escape = { region = "x < 0.8", x0 = { x = -1 } }
"""


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few replicas and cells."""
    few: dict[str, Any] = {"chains": 200, "exits": 60, "path_exits": 10, "cells": 48, "cells_per_step": 0.6}
    monkeypatch.setattr(ask, "QUICK", replace(QUICK, **few))


@pytest.fixture
def well(tmp_path: Path) -> str:
    """A double well in one dimension, without a grid of its own: D = .1 at lr = .1."""
    path = tmp_path / "well.toml"
    path.write_text(WELL, encoding="utf-8")
    return str(path)


def test_stationary_in_earnest(well: str, tmp_path: Path) -> None:
    """Rates and errors, pictures that are pictures, and the data behind them."""
    out = tmp_path / "out"
    done = CliRunner().invoke(cli.cli, ["stationary", well, "--quick", "-o", str(out)])
    assert done.exit_code == 0, done.output
    assert "Its slowest mode decays to 1/e in" in done.output
    assert "not compared" not in done.output  # numbers that stand alone have no empty verdicts
    pictures = [f"{name}.png" for name in ("stationary_density", "effective_loss", "modes")]
    for name in pictures:
        assert (out / name).read_bytes().startswith(b"\x89PNG")
    record = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert record["status"] == "complete"
    rate = next(r for r in record["rows"] if r["id"] == "rate-1")
    assert rate["unit"] == "1/step"
    assert abs(rate["value"] / (0.1 * 0.0335452873084) - 1) < 1e-4
    assert rate["disc"] < 1e-3 * rate["value"]
    assert [f["file"] for f in record["figures"]] == [
        "stationary_density.png",
        "effective_loss.png",
        "modes.png",
    ]


def test_escape_in_earnest(well: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = CliRunner().invoke(cli.cli, ["escape", well, "--quick", "-o", str(out)])
    assert done.exit_code == 0, done.output
    for name in ("exit_field", "committor"):
        assert (out / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert "mean exit time from the start" in done.output
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "How does its SDE leave the region?" in page
    assert page.count("<img") == 2
