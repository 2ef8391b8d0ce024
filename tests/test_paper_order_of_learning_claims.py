"""The claims about the order of learning, on courses that are made up: nothing is trained."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from validation import order_of_learning as subject
from validation.claim import CONFIRMED, FAILED, NOT_CONFIRMED
from validation.order_of_learning import digits, runs
from validation.order_of_learning.network import Course


def test_claims_say_what_was_predicted() -> None:
    said = {c.id: c for c in subject.claims(False)}
    assert ".937 ± .007 and .69–.77 [der]" in said["large-then-small"].predicted
    assert ".79–.82 with the noise, .52–.57 without" in said["activation-noise"].predicted
    assert "closes" not in {c.id for c in subject.claims(True)}  # the quick run does not go on that far
    assert not any("paper" in c.predicted for c in said.values())


def made_up(p: dict[float, float], q_from: float, seed: int) -> Course:
    """P through the points given, Q learned at one time, a little different for each seed."""
    time = np.arange(0, max(p) + 1, 2.5)
    known = np.interp(time, list(p), list(p.values())) + 0.004 * np.sin(seed)
    q = np.where(time < q_from, 0.75, 1.0)
    return Course(time, 0.7 - 0.1 * known, known, known, q, np.full(len(time), 0.99) + 0.004 * np.cos(seed))


@pytest.fixture
def no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """Courses as they are predicted."""

    def gradient(base: int, large: bool, noisy: bool, onward: float, seed: int) -> Course:
        if large and noisy:
            return made_up({0: 0.5, 250: 0.92, 280: 0.937}, 250, seed)
        return made_up({0: 0.5, 40: 0.69, 60: 0.77, 280: 0.98}, 20, seed)

    def activation(base: int, noisy: bool, seed: int) -> Course:
        return made_up({0: 0.5, 150: 0.8, 390: 0.81} if noisy else {0: 0.5, 390: 0.54}, 150 * noisy, seed)

    def patch(base: int, patched: bool, large: bool, seed: int) -> digits.Course:
        epoch = np.arange(0, 241, 10.0)
        clean = np.full(len(epoch), 0.95 - 0.05 * patched + 0.02 * large + 0.001 * np.sin(seed))
        return digits.Course(epoch, clean, clean, clean)

    monkeypatch.setattr(runs, "_gradient", gradient)
    monkeypatch.setattr(runs, "_activation", activation)
    monkeypatch.setattr(digits, "_course", patch)
    for cached in (runs.gradient_noise, runs.activation_noise, digits.courses):
        cached.cache_clear()


@pytest.fixture(autouse=True)
def _nothing_made_up_stays() -> Iterator[None]:
    yield
    for cached in (runs.gradient_noise, runs.activation_noise, digits.courses):
        cached.cache_clear()


@pytest.mark.usefixtures("no_training")
@pytest.mark.parametrize("quick", [False, True])
def test_courses_as_predicted_are_confirmed(quick: bool) -> None:
    found = {c.id: c.run().verdict for c in subject.claims(quick)}
    assert found.pop("step-alone") == NOT_CONFIRMED
    assert found.pop("patch-order") == NOT_CONFIRMED
    assert set(found.values()) == {CONFIRMED}


@pytest.mark.usefixtures("no_training")
def test_courses_without_the_effect_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Power: claims fail where the two rates, or noise and none, are alike, or where the gap stays."""

    def same(base: int, large: bool, noisy: bool, onward: float, seed: int) -> Course:
        if not noisy:
            return made_up({0: 0.5, 40: 0.69 + 0.2 * large, 280: 0.98}, 20, seed)
        return made_up({0: 0.5, 60: 0.93, 280: 0.937}, 20, seed)

    monkeypatch.setattr(runs, "_gradient", same)
    monkeypatch.setattr(runs, "_activation", lambda base, noisy, seed: made_up({0: 0.5, 390: 0.8}, 5, seed))
    found = {c.id: c.run().verdict for c in subject.claims(False)}
    for name in ("large-then-small", "order", "activation-noise", "activation-noise-gap"):
        assert found[name] == FAILED
    assert found["step-alone"] == CONFIRMED
    runs.gradient_noise.cache_clear()

    def stays(base: int, large: bool, noisy: bool, onward: float, seed: int) -> Course:
        return made_up({0: 0.5, 60: 0.77, 280: 0.937 if large else 0.82}, 20, seed)

    monkeypatch.setattr(runs, "_gradient", stays)
    assert next(c for c in subject.claims(False) if c.id == "closes").run().verdict == FAILED


@pytest.mark.usefixtures("no_training")
def test_pictures() -> None:
    pictures = list(subject.pictures(True))
    assert len(pictures) == 3
    for caption, figure in pictures:
        assert "5 seeds" in caption
        for ax in figure.axes:
            assert ax.get_xlabel()
            assert ax.lines
