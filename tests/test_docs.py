"""What README and docs tell the reader to type: every Python block runs, every command exists."""

from __future__ import annotations

import re
import shlex
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import fokkerplanck as fp
from fokkerplanck import cli
from fokkerplanck.comparison import ask
from fokkerplanck.comparison.setting import QUICK

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(fokkerplanck [^`]+)`")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def blocks(page: Path, language: str) -> list[str]:
    return [text for kind, text in FENCE.findall(page.read_text(encoding="utf-8")) if kind == language]


def label(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "python")], ids=label)
def test_python_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of a page run in order in one namespace, from a folder that holds a copy of models/.

    Whether they run is asked, not what they find, so `quick=True` is made quicker still.
    """
    few: dict[str, Any] = {"chains": 300, "strength_chains": 100, "exits": 200, "path_exits": 20}
    few |= {"scan_exits": 50, "stability_chains": 10, "stability_steps": 1_000, "burn_in": 200}
    few |= {"cells": 64, "cells_per_step": 0.6}
    monkeypatch.setattr(ask, "QUICK", replace(QUICK, **few))
    shutil.copytree(ROOT / "models", tmp_path / "models")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for number, text in enumerate(blocks(page, "python"), start=1):
        exec(compile(text, f"{label(page)}, block {number}", "exec"), names)


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "toml")], ids=label)
def test_model_files_load(page: Path, tmp_path: Path) -> None:
    for text in blocks(page, "toml"):
        (tmp_path / "model.toml").write_text(text, encoding="utf-8")
        assert fp.load(tmp_path / "model.toml").loss.names


@pytest.mark.parametrize("page", PAGES, ids=label)
def test_commands_exist(page: Path) -> None:
    """Commands and options of every `fokkerplanck ...` line are those of the command line."""
    text = page.read_text(encoding="utf-8")
    shell = [line for block in blocks(page, "sh") for line in block.splitlines()]
    typed = [m for line in shell for m in re.findall(r"\bfokkerplanck (?=[a-z-])[^&|#]+", line)]
    for words in map(shlex.split, [*typed, *INLINE.findall(text)]):
        if words[1].startswith("-"):
            continue
        assert words[1] in cli.cli.commands, words
        known = {o for p in cli.cli.commands[words[1]].params for o in p.opts}
        assert {w for w in words[2:] if w.startswith("-")} <= known, words


@pytest.mark.parametrize("page", PAGES, ids=label)
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if not target.startswith(("http", "#")):
            assert (page.parent / target.split("#")[0]).exists(), target
