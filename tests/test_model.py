"""Model files: what they mean, and one clear sentence for each way to get them wrong."""

from __future__ import annotations

import json
import math
import tomllib
from pathlib import Path

import numpy as np
import pytest

from fokkerplanck.model import TEMPLATE, Model, load

VALLEY = Path(__file__).parent.parent / "models" / "flat_valley.toml"

SMALL = """
schema = 1
[loss]
variables = ["x"]
formula = "h/2*x**2 - s*x"
constants = { h = 2.0, width = "2*h" }
[loss.samples]
s = { law = "normal", mean = 0, std = 1 }
[sgd]
lr = "h/20"
batch = 4
[grid]
x = { from = "-width", to = "width", cells = 16, boundary = ["open", "absorbing"] }
[questions]
at = [{ x = "h/2" }]
escape = { region = "x < width/4", x0 = { x = 0 } }
"""


def written(folder: Path, text: str = SMALL, name: str = "m.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_the_valley() -> None:
    model = load(VALLEY)
    assert (model.name, model.title) == ("flat_valley", "Degenerate valley")
    assert model.loss.names == ("x", "y")
    assert model.loss.constants == {"lam0": 20.0, "a": 0.5, "sigma": 10.0, "kappa": 4.0, "s": 0.0}
    assert model.sgd.loss is model.loss
    assert model.sgd.batch == 10
    assert model.grid is not None
    assert model.grid.shape == (256, 256)
    assert model.grid.periodic == (True, False)
    assert model.grid["x"].low == -math.pi
    assert model.questions.slow == "x"
    assert model.questions.at == ({"x": 0.0, "y": 0.0}, {"x": math.pi, "y": 0.0})
    assert model.questions.escape is not None
    assert model.questions.escape.x0 == {"x": 0.0, "y": 0.0}


def test_momentum_and_weight_decay(tmp_path: Path) -> None:
    text = SMALL.replace("batch = 4", 'batch = 4\nmomentum = "1 - h/20"\nnesterov = true\nweight_decay = 0.1')
    model = load(written(tmp_path, text), weight_decay=0.2)
    assert (model.sgd.momentum, model.sgd.nesterov, model.sgd.weight_decay) == (0.9, True, 0.2)
    assert model.to_dict()["sgd"]["momentum"] == 0.9
    assert str(model.sgd.loss.gradient[0]) == "h*x + weight_decay*x"
    assert model.sgd.loss.constants["weight_decay"] == 0.2
    assert load(written(tmp_path), momentum=0.5).sgd.momentum == 0.5


def test_the_template_is_the_valley() -> None:
    assert tomllib.loads(TEMPLATE.read_text()) == tomllib.loads(VALLEY.read_text())


def test_every_model_loads_and_can_be_recorded() -> None:
    for path in VALLEY.parent.glob("*.toml"):
        json.dumps(load(path).to_dict(), allow_nan=False)


def test_formulas_of_constants_stand_for_numbers(tmp_path: Path) -> None:
    model = load(written(tmp_path))
    assert model.to_dict()["sgd"] == {"lr": 0.1, "batch": 4, "sampling": "iid"}
    assert model.to_dict()["grid"] == {
        "x": {"from": -4.0, "to": 4.0, "cells": 16, "boundary": ["open", "absorbing"]}
    }
    assert model.questions.at == ({"x": 1.0},)


def test_overrides_reach_everything_that_uses_them(tmp_path: Path) -> None:
    path = written(tmp_path)
    for model in (load(path, h=4, batch=8), load(path).replace(h=np.float64(4.0), batch="2*h")):
        assert model.loss.constants == {"h": 4.0, "width": 8.0}
        assert model.to_dict()["sgd"] == {"lr": 0.2, "batch": 8, "sampling": "iid"}
        assert model.grid is not None
        assert model.grid["x"].high == 8.0
        assert model.questions.at == ({"x": 2.0},)
    assert load(path).replace(h=4).replace(lr=0.01).to_dict()["sgd"]["lr"] == 0.01
    assert load(path, width=1).loss.constants["width"] == 1.0


def test_grid_questions_and_samples_may_be_absent(tmp_path: Path) -> None:
    text = 'schema = 1\n[loss]\nvariables = ["x"]\nformula = "x**2"\n[sgd]\nlr = [0.1, 0.05]\nbatch = 1\n'
    model = load(written(tmp_path, text))
    assert model.grid is None
    assert (model.questions.slow, model.questions.at, model.questions.escape) == (None, (), None)
    assert model.title == "m"
    assert model.to_dict()["sgd"]["lr"] == [0.1, 0.05]


DATA = SMALL.replace(
    "s = { law", "rows = { law = 'data', file = 'd.csv', columns = ['v', 'u'] }\ns = { law"
).replace("- s*x", "- s*x - u*v*x")


def test_data_lie_beside_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "there").mkdir()
    path = written(tmp_path / "there", DATA)
    written(tmp_path / "there", "u, other, v\n1, 9, 2\n3,9,4\n\n5,9,6\n", "d.csv")
    monkeypatch.chdir(tmp_path)
    model = load(path)
    np.testing.assert_array_equal(model.loss.data, [[2, 1], [4, 3], [6, 5]])
    record = model.to_dict()["samples"]["rows"]
    assert (record["rows"], len(record["sha256"])) == (3, 64)
    (tmp_path / "there" / "d.csv").unlink()  # what was read stays with the model
    np.testing.assert_array_equal(model.replace(h=3).loss.data, model.loss.data)


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (None, "cannot be read: No such file"),
        ("", "names no column 'v'"),
        ("U,v\n1,2\n", "names no column 'u'; did you mean 'U'?"),
        ("u,v\n", "no rows below the names"),
        ("u,v\n1,2\n3\n", "not a table of numbers"),
        ("u,v\n1,two\n", "not a table of numbers"),
        ("u,v\n1,nan\n", "not finite"),
        (b"\xff\xfe", "not a text in UTF-8"),
    ],
)
def test_wrong_data_files(tmp_path: Path, table: str | bytes | None, reason: str) -> None:
    if table is not None:
        (tmp_path / "d.csv").write_bytes(table if isinstance(table, bytes) else table.encode())
    check(written(tmp_path, DATA), reason)


def check(path: Path, *parts: str, **overrides: float | str) -> None:
    """Loading is refused in one line that names the file and holds these parts."""
    with pytest.raises(ValueError) as caught:
        load(path, **overrides)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    for part in parts:
        assert part in message


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("schema = 1", "", "lacks the line `schema = 1`"),
        ("schema = 1", "schema = 2", "has schema 2; this version of fokkerplanck reads schema 1"),
        ("schema = 1", "schema = '1'", "schema is '1'; a whole number is expected"),
        ("schema = 1", "schema = true", "schema is true; a whole number"),
        ("schema = 1", "schema 1", "is not TOML: Expected '=' after a key in a key/value pair (at line 2"),
        ("schema = 1", "schema = 1\ntitle = 3", "title is 3; a text is expected"),
        ("schema = 1", "schema = 1\ntitel = 'a'", "has no key 'titel'; did you mean 'title'?"),
        ("schema = 1", "schema = 1\nx = " + "[" * 9999, "is not TOML"),
        ("[sgd]", "[sdg]", "has no key 'sdg'; did you mean 'sgd'?"),
        ("lr =", "learning_rate = 1\nlr =", "[sgd] has no key 'learning_rate'; did you mean 'lr'? It"),
        ("lr =", "l_r =", "[sgd] has no key 'l_r'; did you mean 'lr'? It takes lr, batch,"),
        ("batch = 4", "", "[sgd] lacks 'batch', a number or a text"),
        ("batch = 4", "batch = 4.5", "[sgd] batch is 4.5; a whole number"),
        ("batch = 4", "batch = true", "[sgd] batch is true; a number or a text"),
        ("batch = 4", "batch = 0", "[sgd]", ),
        ("batch = 4", "batch = 4\nsampling = 'epochs'", "[sgd]"),
        ("batch = 4", "batch = 4\nmomentum = 1", "[sgd] momentum is 1.0: give a number, at least 0"),
        ("batch = 4", "batch = 4\nnesterov = 1", "[sgd] nesterov is 1; a truth value is expected"),
        ("batch = 4", "batch = 4\nnesterov = true", "[sgd] nesterov is a kind of momentum"),
        ("batch = 4", "batch = 4\ndecay = 1", "[sgd] has no key 'decay'; did you mean 'weight_decay'?"),
        ("h = 2.0", "momentum = 1, h = 2.0", "[loss] constants may not hold 'momentum'"),
        ("batch = 4", "batch = 4\nsampling = 'epoch'", "[sgd]"),
        ('"h/20"', "-1", "[sgd]"),
        ('"h/20"', "nan", "[sgd]"),
        ('"h/20"', '"hh/20"', "[sgd] lr 'hh/20': at character 1: unknown name 'hh'; did you mean 'h'?"),
        ('"h/20"', "{}", "[sgd] lr is a table; a number, a text or a list is expected"),
        ('"h/2*x**2 - s*x"', '"h/2*x^2"', "[loss] formula 'h/2*x^2': at character 6: "),
        ('"h/2*x**2 - s*x"', "3", "[loss] formula is 3; a text is expected"),
        ('["x"]', '"x"', "[loss] variables is 'x'; a list is expected"),
        ('["x"]', "[]", "[loss] variables must list at least one text"),
        ('["x"]', "[1]", "[loss] variables must list at least one text"),
        ('["x"]', '["x", "s"]', "[loss]"),
        ("h = 2.0", "h = [1]", "[loss] constants h is the list [1]; a number or a text is expected"),
        ("h = 2.0", "lr = 1, h = 2.0", "[loss] constants may not hold 'lr'"),
        ("h = 2.0", "h = inf", "[loss] constant h"),
        ("constants = {", "where = 3\nconstants = {", "[loss] where is 3; a table is expected"),
        ('"normal"', '"gauss"', "[loss.samples] s has the unknown law 'gauss'"),
        ('"normal"', '"norm"', "did you mean 'normal'? There are normal, rademacher, uniform, data."),
        ('"normal", ', '"rademacher", ', "[loss.samples] s has no key 'mean'. It takes law."),
        ("std = 1", "sd = 1", "s has no key 'sd'; did you mean 'std'? It takes law, mean, std."),
        ("std = 1", "std = -1", "[loss]"),
        ("law = ", "lawn = ", "[loss.samples] s lacks 'law'"),
        ("s = { law", "3 = 4\ns = { law", "[loss.samples] 3 is 4; a table is expected"),
        ("x = { from", "y = { from", "[grid] has no key 'y'"),
        ("x = { from", "", "is not TOML"),
        ("cells = 16", "cells = 16.0", "[grid] x cells is 16.0; a whole number is expected"),
        ("cells = 16", "cell = 16", "[grid] x has no key 'cell'; did you mean 'cells'?"),
        ('from = "-width"', 'from = "width"', "[grid]"),
        ('"absorbing"]', '"periodic"]', "[grid]"),
        ('"absorbing"]', '"closed"]', "[grid]"),
        ("at = [{ x", "slow = 'z'\nat = [{ x", "[questions] slow = 'z' is no variable. There are x."),
        ("at = [{ x", "at = [{ y = 1, x", "[questions] at has no key 'y'. It takes x."),
        ('at = [{ x = "h/2" }]', "at = [{}]", "[questions] at lacks 'x', a number or a text"),
        ('at = [{ x = "h/2" }]', "at = { x = 1 }", "[questions] at is a table; a list is expected"),
        ('at = [{ x = "h/2" }]', "at = [1]", "[questions] at is 1; a table is expected"),
        ('"x < width/4"', '"xx < 1"', "escape region 'xx < 1': at character 1: unknown name 'xx'"),
        ("x0 = { x = 0 }", "x0 = { x = 3 }", "outside its own region 'x < width/4'; move x0 into it"),
        ("x0 = { x = 0 }", "x = 3", "[questions] escape has no key 'x'; did you mean 'x0'?"),
    ],
)  # fmt: skip
def test_mistakes_in_the_file(tmp_path: Path, old: str, new: str, reason: str) -> None:
    assert old in SMALL
    check(written(tmp_path, SMALL.replace(old, new, 1)), reason)


def test_mistakes_in_the_path(tmp_path: Path) -> None:
    written(tmp_path, name="valley.toml")
    check(tmp_path / "valey.toml", "there is no such file; did you mean 'valley.toml'?")
    check(tmp_path, "this is a folder")
    (tmp_path / "b.toml").write_bytes(b"\xff")
    check(tmp_path / "b.toml", "not a text in UTF-8")


def test_mistakes_in_overrides(tmp_path: Path) -> None:
    path = written(tmp_path)
    check(
        path, "has no constant 'widht'; did you mean 'width'? It has h, width, lr, batch, momentum,", widht=1
    )
    check(path, "unknown name 'q'", h="q")
    check(path, "batch", batch=2.5)
    check(path, "[sgd]", lr=0)
    check(written(tmp_path, SMALL.replace("[sgd]", "[sgd]\n[other]")), "has no key 'other'", h=1)
    check(written(tmp_path, "schema = 1\nsgd = 3\n"), "[sgd] is 3; a table is expected", lr=1)
    check(written(tmp_path, "schema = 1\n"), "has no section [loss]", lr=1)
    with pytest.raises(ValueError, match="did you mean 'width'"):
        load(written(tmp_path)).replace(widht=1)


def test_laws_arrive_as_written(tmp_path: Path) -> None:
    laws = """
    a = { law = "uniform", from = -1, to = "h" }
    b = { law = "rademacher" }
    s = { law"""
    model = load(written(tmp_path, SMALL.replace("s = { law", laws).replace("- s*x", "- s*x - a*x - b*x")))
    assert isinstance(model, Model)
    # Var = std**2 + (h + 1)**2/12 + 1, in the chain's own covariance
    assert model.loss.evaluate(model.loss.covariance, np.zeros(1)) == pytest.approx(1 + 9 / 12 + 1)
