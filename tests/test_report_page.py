"""What a reader of the report sees: the page, the table, the formulas."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fokkerplanck.comparison.result import Comparison, Picture
from fokkerplanck.comparison.verdict import REFERENCE, Row, Verdict
from fokkerplanck.estimate import Estimate
from fokkerplanck.model import Model
from fokkerplanck.reporting import figures, report, single
from fokkerplanck.reporting.html import fragment, page
from fokkerplanck.reporting.lines import apart, lines, notes
from fokkerplanck.reporting.mathematics import displayed, svg, words
from fokkerplanck.reporting.table import plain
from tests.reporting_examples import SENTENCE, VALLEY, draw, escape

pytestmark = pytest.mark.usefixtures("made_by_hand")
DRAW = figures.draw


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
