"""The report: what is written, that it is whole, and that it can be read back."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray

import fokkerplanck
from fokkerplanck import comparison
from fokkerplanck.model import Model
from fokkerplanck.reporting import Report, data, files, report, save
from tests.reporting_examples import SENTENCE, VALLEY, interrupted

pytestmark = pytest.mark.usefixtures("made_by_hand")
FILES = {"report.html", "results.nc", "results.json", "escape.png", "escape_2.png"}


def written(folder: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    return result


def refuse(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


# -- what is written ---------------------------------------------------------------------------


def test_a_report_writes_its_files_and_no_others(model: Model, tmp_path: Path) -> None:
    result = report(model, tmp_path / "new" / "out")
    assert isinstance(result, Report)
    assert result.status == "complete"
    assert result.headline == SENTENCE
    assert {p.name for p in (tmp_path / "new" / "out").iterdir()} == FILES


def test_a_path_is_as_good_as_a_model() -> None:
    assert report(VALLEY).model.name == "flat_valley"


def test_the_record_has_the_agreed_keys_and_no_nan(model: Model, tmp_path: Path) -> None:
    report(model, tmp_path, quick=True, seed=7)
    record = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"), parse_constant=refuse)
    assert list(record) == ["status", "model", "provenance", "rows", "figures"]
    assert record["status"] == "complete"
    assert record["provenance"]["quick"] is True
    assert record["provenance"]["seed"] == 7
    assert record["provenance"]["versions"]["fokkerplanck"] == fokkerplanck.__version__
    assert record["model"]["constants"]["kappa"] == 4.0
    by_id = {row["id"]: row for row in record["rows"]}
    assert set(by_id["time_sgd"]) == {
        "id", "quantity", "parameters", "level", "value", "stat", "disc", "model", "unit", "method",
        "assumptions", "status", "verdict",
    }  # fmt: skip
    assert set(by_id["time_sgd"]["verdict"]) == {"code", "against", "difference", "tolerance", "text"}
    assert by_id["time_sgd"]["parameters"] == {"lr": 0.01, "starts": [0.0, None]}
    assert by_id["kramers"]["value"] is None
    assert [f["file"] for f in record["figures"]] == ["escape.png", "escape_2.png"]


def test_two_runs_write_the_same_record(model: Model, tmp_path: Path) -> None:
    for name in ("a", "b"):
        report(model, tmp_path / name)
    for name in ("results.json", "report.html", "escape.png"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_the_data_read_back(model: Model, tmp_path: Path) -> None:
    report(model, tmp_path)
    path = tmp_path / "results.nc"
    with xarray.open_dataset(path, engine="h5netcdf") as root:
        assert root.attrs["status"] == "complete"
        assert json.loads(root.attrs["model"])["sgd"]["batch"] == 10
        assert "numpy" in json.loads(root.attrs["provenance"])["versions"]
    with xarray.open_dataset(path, group="rows", engine="h5netcdf") as rows:
        assert rows["value"].values[1] == 10523.0
        assert math.isinf(rows["value"].values[3])
        assert list(rows["unit"].values[:2]) == ["steps", "steps"]
    with xarray.open_dataset(path, group="times", engine="h5netcdf") as times:
        np.testing.assert_array_equal(times["times"], np.arange(5.0))
        assert times.attrs["question"] == "How long until SGD is flat?"
    with xarray.open_dataset(path, group="times_2", engine="h5netcdf") as again:
        assert again.sizes == {"replica": 3}
    with xarray.open_dataset(path, group="modes", engine="h5netcdf") as modes:
        np.testing.assert_array_equal(modes["mode_imag"], 2.0)


def test_odd_attributes_survive(tmp_path: Path) -> None:
    array = xarray.DataArray(
        [True, False], dims="x", attrs={"a": None, "b": {"c": 1}, "d": [1, 2], "e": True}
    )
    dataset = data.as_dataset("flags", array)
    dataset.to_netcdf(tmp_path / "x.nc", engine="h5netcdf")
    assert dataset["flags"].attrs["a"] == "None"
    assert json.loads(dataset["flags"].attrs["b"]) == {"c": 1}


# -- whole files -------------------------------------------------------------------------------


def test_an_interrupted_report_leaves_whole_partial_files(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "answers", interrupted)
    with pytest.raises(KeyboardInterrupt) as stop:
        report(model, tmp_path)
    assert "what was finished is in" in stop.value.__notes__[0]
    assert written(tmp_path)["status"] == "partial"
    assert len(written(tmp_path)["rows"]) == 4
    assert {p.name for p in tmp_path.iterdir()} == FILES - {"escape_2.png"}
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "This report is partial" in text
    assert text.rstrip().endswith("</html>")


def half_write(target: Path) -> None:
    with files.replacing(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError("no more")


def test_a_failing_writer_leaves_the_old_file_whole(tmp_path: Path) -> None:
    target = tmp_path / "results.json"
    files.write(target, "old")
    with pytest.raises(RuntimeError, match="no more"):
        half_write(target)
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["results.json"]
    files.write(target, "new")
    assert target.read_text() == "new"


def test_a_report_that_fails_midway_leaves_the_old_report(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report(model, tmp_path)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}

    def broken(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(save, "write_netcdf", broken)
    with pytest.raises(OSError, match="No space"):
        report(model, tmp_path)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


@pytest.mark.parametrize("where", ["file", "file/below"])
def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_asked(
    where: str, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("mine")
    asked: list[Any] = []
    monkeypatch.setattr(comparison, "answers", lambda *a, **_: iter(asked.append(a) or ()))
    with pytest.raises(ValueError, match=r"give .* folder"):
        report(model, tmp_path / where)
    assert asked == []
    assert (tmp_path / "file").read_text() == "mine"


def test_new_files_have_the_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    files.write(tmp_path / "ours", "")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode
