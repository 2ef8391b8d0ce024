"""The command line: what it prints, and that a mistake is one sentence and a code."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from fokkerplanck import __version__, cli, comparison, model, portrait
from fokkerplanck.cli.progress import part
from fokkerplanck.model import TEMPLATE, load
from tests.reporting_examples import SENTENCE, VALLEY, answers, escape, interrupted, regularizer

MODEL = str(VALLEY)
QUESTIONS = {
    "effective": "regularizer",
    "escape": "escape",
    "stationary": "stationary",
    "thresholds": "thresholds",
}


@pytest.fixture(autouse=True)
def fake(made_by_hand: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "compare", lambda *_, **__: escape(), raising=False)
    for name in ("stationary", "escape"):
        monkeypatch.setattr(portrait, name, lambda *_, **__: regularizer())


def complaint(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 2) -> str:
    """The one line on stderr of a command that fails."""
    assert cli.run(arguments) == code
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    assert len(err.splitlines()) == 1
    assert out == ""
    return err


# -- what works --------------------------------------------------------------------------------


def test_report_prints_and_writes(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert cli.run(["report", MODEL, "-o", str(tmp_path / "out")]) == 0
    out, err = capsys.readouterr()
    assert SENTENCE in out
    assert "report.html" in out
    assert err == ""
    assert "\x1b" not in out  # colours only on a terminal
    assert (tmp_path / "out" / "report.html").exists()


@pytest.mark.parametrize("command", ["report", *QUESTIONS])
def test_json_is_the_record_and_nothing_else(
    command: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert (
        cli.run([command, MODEL, "--json", "--set", "kappa=8", "--set", "lr=0.005", "-o", str(tmp_path)]) == 0
    )
    out, err = capsys.readouterr()
    assert err == ""
    assert json.loads(out)["model"]["constants"]["kappa"] == 8.0
    assert json.loads(out)["model"]["sgd"]["lr"] == 0.005
    assert (tmp_path / "results.json").read_text(encoding="utf-8") == out


def test_each_command_asks_its_question(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(
        comparison, "compare", lambda _, question, **__: (asked.append(question), escape())[1]
    )
    for command in QUESTIONS:
        assert cli.run([command, MODEL, "--quick"]) == 0
    assert asked == ["regularizer", "escape", "stationary", "thresholds"]


def test_quick_and_seed_reach_the_question(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []
    monkeypatch.setattr(comparison, "answers", lambda m, **options: (given.append(options), answers(m))[1])
    assert cli.run(["report", MODEL, "--quick", "--seed", "3"]) == 0
    assert given == [{"quick": True, "progress": None, "seed": 3}]  # silent where nobody watches


def test_a_terminal_sees_a_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def slow(_: Any, progress: Any, **__: Any) -> Any:
        progress(0.5, "paths")
        progress(2.0)
        yield escape()

    monkeypatch.setattr(comparison, "answers", slow)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert cli.run(["report", MODEL]) == 0
    assert SENTENCE in capsys.readouterr().out


def test_new_writes_the_template(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.toml"
    assert cli.run(["new", str(path)]) == 0
    assert path.read_text() == TEMPLATE.read_text()
    assert load(path).name == "mine"
    capsys.readouterr()
    path.write_text("precious")
    assert "--force" in complaint(capsys, "new", str(path))
    assert path.read_text() == "precious"
    assert cli.run(["new", "--force", str(path)]) == 0
    assert path.read_text() == TEMPLATE.read_text()


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--version"]) == 0
    assert __version__ in capsys.readouterr().out
    for arguments in ([], ["--help"], ["report", "-h"]):
        assert cli.run(arguments) == 0
        assert "Usage" in capsys.readouterr().out


def test_help_is_quick_because_it_loads_nothing_heavy() -> None:
    code = (
        "import sys; from fokkerplanck.cli import run; run(['--help']);"
        "heavy = {'numpy', 'sympy', 'numba', 'matplotlib', 'rich', 'xarray', 'jinja2'} & set(sys.modules);"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert time.perf_counter() - start < 5  # generous: the list above is the test, a busy machine is slow


def test_no_picture_costs_no_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuses(*_: Any, **__: Any) -> None:
        raise ValueError("no box holds the law")

    monkeypatch.setattr(portrait, "stationary", refuses)
    assert cli.run(["stationary", MODEL]) == 0
    out = capsys.readouterr().out
    assert SENTENCE in out
    assert "Not drawn: no box holds the law" in out


def test_progress_of_parts() -> None:
    told: list[tuple[float, str]] = []
    levels = part(lambda f, now="": told.append((round(f, 3), now)), 0.0, 0.7, "levels")
    pictures = part(lambda f, now="": told.append((round(f, 3), now)), 0.7, 0.3)
    assert levels is not None
    assert pictures is not None
    levels(0.5)
    pictures(0.5, "committor")
    assert told == [(0.35, "levels"), (0.85, "committor")]
    assert part(None, 0.0, 1.0) is None


# -- mistakes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["report", MODEL, "--set", "kapa=3"], ["kapa", "did you mean 'kappa'"]),
        (["report", MODEL, "--set", "kappa"], ["NAME=VALUE", "'kappa'"]),
        (["report", MODEL, "--set", "lr=-1"], ["lr"]),
        (["report", MODEL, "--set", "lr=fast"], ["fast"]),
        (["report", "nowhere.toml"], ["nowhere.toml", "no such file"]),
        (["report", "."], ["folder"]),
        (["report"], ["MODEL.toml"]),
        (["reprot", MODEL], ["reprot", "did you mean 'report'"]),
        (["report", MODEL, "--quik"], ["--quik"]),
        (["report", MODEL, "--seed", "one"], ["--seed", "one"]),
        (["report", MODEL, "-o", f"{MODEL}/out"], ["flat_valley.toml/out", "another folder"]),
        (["report", MODEL, "-o", MODEL], ["is a file"]),
        (["stationary", MODEL, "-o", MODEL], ["is a file"]),
        (["new", "nowhere/my_model.toml"], ["no folder"]),
        (["new", "."], ["folder"]),
    ],
)
def test_a_mistake_is_one_sentence(
    arguments: list[str], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    sentence = complaint(capsys, *arguments)
    for word in words:
        assert word in sentence


def test_a_mistake_found_late_says_what_is_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def late(*_: Any, **__: Any) -> Any:
        yield escape()
        raise ValueError("the region is empty;\n  check its sign")

    monkeypatch.setattr(comparison, "answers", late)
    sentence = complaint(capsys, "report", MODEL, "-o", str(tmp_path))
    assert "the region is empty; check its sign; what was finished is in" in sentence


def test_an_unexpected_error_names_itself_and_the_way_to_see_more(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(model, "load", broken)
    sentence = complaint(capsys, "report", MODEL, code=1)
    assert "ZeroDivisionError" in sentence
    assert "--debug" in sentence
    for arguments in (["--debug", "report", MODEL], ["report", "--debug", MODEL]):
        with pytest.raises(ZeroDivisionError):
            cli.run(arguments)


# -- interrupts --------------------------------------------------------------------------------


def test_interrupt_after_a_question(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(comparison, "answers", interrupted)
    assert cli.run(["report", MODEL, "-o", str(tmp_path)]) == 130
    assert f"interrupted; what was finished is in {tmp_path}/" in capsys.readouterr().err
    assert json.loads((tmp_path / "results.json").read_text())["status"] == "partial"


def test_interrupt_between_answer_and_pictures(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def stopped(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(portrait, "escape", stopped)
    assert cli.run(["escape", MODEL, "-o", str(tmp_path)]) == 130
    assert f"interrupted; what was finished is in {tmp_path}/" in capsys.readouterr().err
    assert json.loads((tmp_path / "results.json").read_text())["status"] == "partial"


def test_interrupt_without_a_folder(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(comparison, "answers", interrupted)
    assert cli.run(["report", MODEL]) == 130
    assert "interrupted; nothing was written" in capsys.readouterr().err
