"""What several test modules set up."""

from __future__ import annotations

import pytest

from fokkerplanck import comparison
from fokkerplanck.model import Model, load
from fokkerplanck.reporting import figures
from tests.reporting_examples import VALLEY, answers


@pytest.fixture(scope="session")
def model() -> Model:
    """The degenerate valley."""
    return load(VALLEY)


@pytest.fixture
def made_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers made by hand in place of computed ones, and pictures that are not drawn."""
    monkeypatch.setattr(comparison, "answers", answers, raising=False)
    monkeypatch.setattr(comparison, "headline", lambda done: done[0].sentences[0], raising=False)
    monkeypatch.setattr(figures, "draw", lambda _: b"PNG")  # quick
