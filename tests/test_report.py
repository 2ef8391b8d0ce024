"""The report: what is written, that it is whole, and that it can be read back."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray

import fokkerplanck
from fokkerplanck import comparison
from fokkerplanck.comparison.result import Comparison, Picture
from fokkerplanck.comparison.verdict import REFERENCE, Row, Verdict
from fokkerplanck.estimate import Estimate
from fokkerplanck.model import Model, load
from fokkerplanck.reporting import Report, data, figures, files, report, save, single
from fokkerplanck.reporting.html import fragment, page
from fokkerplanck.reporting.lines import apart, lines, notes
from fokkerplanck.reporting.mathematics import displayed, svg, words
from fokkerplanck.reporting.table import plain
from tests.reporting_examples import SENTENCE, VALLEY, answers, draw, escape, interrupted

FILES = {"report.html", "results.nc", "results.json", "escape.png", "escape_2.png"}


DRAW = figures.draw


@pytest.fixture(scope="module")
def model() -> Model:
    return load(VALLEY)


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "answers", answers, raising=False)
    monkeypatch.setattr(comparison, "headline", lambda done: done[0].sentences[0], raising=False)
    monkeypatch.setattr(figures, "draw", lambda _: b"PNG")  # quick


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


# -- the page ----------------------------------------------------------------------------------


def test_the_page_loads_nothing_from_elsewhere(model: Model) -> None:
    text = page(report(model))
    assert not re.search(r"https?:|//[a-z]+\.|<script|<link|@import|url\(", text)
    sources = re.findall(r'(?:src|href)="([^"]{0,30})', text)
    assert len(sources) == 2
    assert all(s.startswith("data:image/png;base64,") for s in sources)


def test_the_page_says_what_matters(model: Model) -> None:
    text = page(report(model))
    assert text.index(SENTENCE) < text.index("How long until SGD is flat?")
    assert "x &lt; y is slow" in text  # an assumption
    assert "there is no barrier" in text  # a status
    assert "Times &lt;b&gt;" in text  # a title is text, never markup
    assert "What it shows &amp; how." in text
    assert "numpy" in text
    assert text.count("<svg") == 1  # the one formula that mathtext can set
    assert "eta/2*lam" in text
    assert r"\begin{matrix}" in text
    for word in ("agrees", "reference", "invalid", "infinite", "undefined", "4000 SGD chains"):
        assert word in text


def test_a_model_cannot_smuggle_in_markup(tmp_path: Path) -> None:
    path = tmp_path / "m.toml"
    path.write_text(VALLEY.read_text().replace("Degenerate valley", "<script>alert(1)</script>"))
    assert "<script" not in page(report(path))


def test_a_notebook_gets_the_article_without_a_page(model: Model) -> None:
    text = report(model)._repr_html_()
    assert text == fragment(report(model))
    assert "<html" not in text
    assert SENTENCE in text


def test_a_picture_is_drawn_once(model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Picture] = []
    monkeypatch.setattr(figures, "draw", lambda picture: (drawn.append(picture), b"PNG")[1])
    report(model, tmp_path).save(tmp_path)
    assert [picture.title for picture in drawn] == ["Times <b>", "Again"]


def test_a_picture_becomes_a_png() -> None:
    png = DRAW(Picture("p", "P", "c", draw))
    assert png.startswith(b"\x89PNG")
    assert png == DRAW(Picture("p", "P", "c", draw))


# -- tables ------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [80, 100])
def test_the_table_fits(width: int, model: Model) -> None:
    text = plain(report(model), width)
    assert max(map(len, text.splitlines())) <= width
    for phrase in (
        SENTENCE,
        "10 520 ± 120 steps",
        "t = 105.2",
        "infinite",
        "1. How long",
        "2. What does",
        "±",
    ):
        assert phrase in text.replace("\u00a0", " ")


def test_a_single_question_says_its_headline_once(model: Model) -> None:
    assert str(single(model, escape())).count(SENTENCE) == 1
    assert page(single(model, escape())).count(SENTENCE) == 1


def test_lines_group_and_explain(model: Model) -> None:
    first, second, third, fourth = lines(escape(), model)
    assert (first.first, second.first) == (True, False)
    assert first.parts.replace("\u00a0", " ") == "known gap 250"
    assert second.aside.replace("\u00a0", " ") == "t = 105.2"
    assert (third.value, third.unit, third.text) == ("undefined", "", "there is no barrier")
    assert fourth.value == "infinite"
    assert notes(escape())[0] == ("Assumes", "x < y is slow (theory)")


def test_the_smallest_visible_difference_is_a_share_of_the_larger_value(model: Model) -> None:
    # tolerance 3*118 + 250 = 604 of 10523: 5.7 %
    assert lines(escape(), model)[0].brief == "±5.7%"


def test_thousands_stand_apart() -> None:
    assert apart("1234 ± 5").replace("\u00a0", " ") == "1234 ± 5"
    assert apart("1234567.89012 ± 12345").replace("\u00a0", " ") == "1 234 567.89012 ± 12 345"
    assert apart("0.000123456") == "0.000123456"


def test_formulas_are_outlines_in_the_colour_of_the_text() -> None:
    drawn = svg(r"\frac{\eta}{2}")
    assert drawn is not None
    assert "nan" not in drawn
    assert svg(r"\nonsense{") is None
    assert words(r"\text{it has none}") == "it has none"
    assert words(r"\text{a} + \text{b}") == r"\text{a} + \text{b}"
    assert displayed(r"\frac{a}{b} e^{\frac{1}{2}}") == r"\dfrac{a}{b} e^{\frac{1}{2}}"


def test_what_the_quantity_says_is_not_said_again(model: Model) -> None:
    e = Estimate(1.0)
    rows = [
        Row(f"{lr}", f"time at lr {lr:g}", "SGD", e, REFERENCE, {"lr": lr, "batch": batch})
        for lr, batch in ((0.01, 10), (0.02, 5))
    ]
    assert [line.parameters for line in lines(Comparison("Q?", rows), model)] == ["batch = 10", "batch = 5"]


def test_a_sentence_repeated_becomes_a_footnote(model: Model) -> None:
    verdicts = [Verdict("invalid", text="local only")] * 3 + [Verdict("invalid", text="another")]
    rows = [Row(f"{k}", "q", "theory", Estimate(1.0), v) for k, v in enumerate(verdicts)]
    assert [line.text for line in lines(Comparison("Q?", rows), model)] == [
        "[1] local only",
        "[1]",
        "[1]",
        "another",
    ]
