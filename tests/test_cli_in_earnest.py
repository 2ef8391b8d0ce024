"""The command line in earnest: real answers and pictures, at sizes of a few seconds."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import xarray
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


def test_simulate_in_earnest(well: str, tmp_path: Path) -> None:
    """Both levels after the same time, by another scheme; final states and a picture."""
    out = tmp_path / "out"
    options = ["--scheme", "leimkuhler-matthews", "--n", "400", "--steps", "50", "-o", str(out)]
    done = CliRunner().invoke(cli.cli, ["simulate", well, *options])
    assert done.exit_code == 0, done.output
    assert "400 replicas from x = -1, 50 steps of SGD, the time 5." in done.output
    assert (out / "ensembles.png").read_bytes().startswith(b"\x89PNG")
    record = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert [(r["id"], r["level"]) for r in record["rows"]] == [
        (f"{f}-{level}", name)
        for f in ("x", "x**2")
        for level, name in (("paths", "SDE paths"), ("SGD", "SGD"))
    ]
    assert record["rows"][0]["method"] == "SDE paths (leimkuhler-matthews)"
    assert record["rows"][0]["verdict"]["code"] in (
        "agrees",
        "inconclusive",
    )  # 3 standard errors, and the gap
    for level in ("chain", "paths"):
        states = xarray.open_dataset(out / "results.nc", group=level, engine="h5netcdf")[level]
        assert states.shape == (400, 1)
        assert abs(float(states.mean()) - record["rows"][0]["value"]) < 0.2


@pytest.mark.parametrize(("only", "level"), [("--chain", "SGD"), ("--paths", "SDE paths")])
def test_simulate_one_level(only: str, level: str, well: str) -> None:
    few = ["--n", "50", "--steps", "20", "--json"]
    done = CliRunner().invoke(cli.cli, ["simulate", well, only, *few])
    assert done.exit_code == 0, done.output
    rows = json.loads(done.output)["rows"]
    assert {r["level"] for r in rows} == {level}
    assert {r["verdict"]["code"] for r in rows} == {"not compared"}


def test_simulate_refuses(well: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["simulate", well, "--scheme", "heun"]) == 2
    assert "scheme is 'heun'; take one of euler-maruyama, implicit-trapezoid" in capsys.readouterr().err
    assert cli.run(["simulate", well, "--n", "1"]) == 2
    assert "--n" in capsys.readouterr().err
