"""Small comparisons made by hand, so that rendering is tested in milliseconds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fokkerplanck.comparison.result import Comparison, Picture
from fokkerplanck.comparison.verdict import REFERENCE, Row, Verdict, judge
from fokkerplanck.estimate import Estimate

VALLEY = Path(__file__).parent.parent / "models" / "flat_valley.toml"
SENTENCE = "SGD drifts to the flat part in 10 520 ± 120 steps."


def draw(ax: Any) -> None:
    ax.plot([0, 1], [1, 3])


def escape() -> Comparison:
    """A question with every kind of verdict, a number that is infinite and one that is none."""
    chain = Estimate(10523.0, stat=118.0, unit="steps", method="4000 SGD chains")
    theory = Estimate(
        10012.0, model=250.0, unit="steps", method="closed form", assumptions=("x < y is slow",)
    )
    none = Estimate(math.nan, unit="steps", status="there is no barrier")
    endless = Estimate(math.inf, unit="noise")
    rows = [
        Row("time_theory", "time to leave", "theory", theory, judge(theory, chain), {"lr": np.float64(0.01)}),
        Row(
            "time_sgd",
            "time to leave",
            "SGD",
            chain,
            REFERENCE,
            {"lr": 0.01, "starts": np.array([0.0, math.nan])},
        ),
        Row(
            "kramers",
            "time by Kramers",
            "theory",
            none,
            Verdict("invalid", "SGD", text="there is no barrier"),
        ),
        Row("noise", "noise at which it diverges", "theory", endless, judge(endless, endless)),
    ]
    return Comparison(
        "How long until SGD is flat?",
        rows,
        [SENTENCE, "Its SDE says 5 % slower."],
        {"law": r"\frac{\eta}{2} \lambda", "plain": "eta/2*lam", "odd": r"\begin{matrix} a \end{matrix}"},
        [Picture("escape", "Times <b>", "What it shows & how.", draw)],
        {"times": ("replica", np.arange(5.0)), "modes": {"mode": (("k", "x"), np.ones((2, 3)) * (1 + 2j))}},
    )


def regularizer() -> Comparison:
    """A second question; its picture and data bear the names of the first one's."""
    chain = Estimate(2.365, stat=0.021)
    rows = [
        Row("slope_sgd", "slope", "SGD", chain, REFERENCE),
        Row("slope_2", "slope", "paths", chain, judge(chain, chain)),
    ]
    return Comparison(
        "What does SGD add?",
        rows,
        ["SGD adds ln F."],
        pictures=[Picture("escape", "Again", "Another.", draw)],
        data={"times": ("replica", np.arange(3.0))},
    )


def answers(model: Any, quick: bool = False, progress: Any = None, seed: int = 0) -> Iterator[Comparison]:
    """Stand in for `comparison.answers`."""
    yield escape()
    yield regularizer()


def interrupted(model: Any, quick: bool = False, progress: Any = None, seed: int = 0) -> Iterator[Comparison]:
    """Ctrl-C after the first answer."""
    yield escape()
    raise KeyboardInterrupt
