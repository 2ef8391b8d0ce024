"""The classes of random problems, and how often their answers lie within their errors."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from fokkerplanck.estimate import NotValidHere
from tests.random_problems import laws, linear, passages
from tests.random_problems.answer import Answer

Problem = Callable[[np.random.Generator], Iterable[Answer]]

OPEN, WALL, TURN = "open", "reflecting", "periodic"


def law(*kinds: str, rank: str = "full") -> Problem:
    """Stationary laws on axes with ends of these kinds."""

    def draw(rng: np.random.Generator) -> Iterator[Answer]:
        return laws.draw(rng, kinds, rank).answers(rng)

    return draw


CLASSES: Mapping[str, Problem] = {
    "law, line": law(OPEN),
    "law, walls of a line": law(WALL),
    "law, ring": law(TURN),
    "law, plane": law(OPEN, OPEN),
    "law, torus": law(TURN, TURN),
    "law, walls": law(WALL, WALL),
    "law, wall and open": law(WALL, OPEN),
    "law, cylinder": law(TURN, OPEN),
    "law, space": law(OPEN, OPEN, OPEN),
    "law, space, mixed": law(TURN, WALL, OPEN),
    "law, rank one": law(OPEN, OPEN, rank="one"),
    "law, rank one, torus": law(TURN, TURN, rank="one"),
    "law, rank one, cylinder": law(TURN, OPEN, rank="one"),
    **{f"region, {d}-D": partial(passages.region, d=d) for d in (1, 2, 3)},
    **{f"absorbing ends, {d}-D": partial(passages.ends, d=d) for d in (1, 2, 3)},
    **{f"ellipse, {d}-D": partial(passages.ellipse, d=d) for d in (2, 3)},
    **{f"linear drift, {d}-D": partial(linear.ornstein_uhlenbeck, d=d) for d in (1, 2, 3)},
    **{f"constant on a torus, {d}-D": partial(linear.torus, d=d) for d in (1, 2)},
    **{f"constant between walls, {d}-D": partial(linear.between_walls, d=d) for d in (1, 2)},
}


@dataclass(frozen=True)
class Tally:
    """Answers of one class: all that came, flagged or not, and the problems that were refused."""

    answers: tuple[Answer, ...]
    problems: int
    refused: int

    def share(self, factor: float = 3.0, shrink: float = 1.0, question: str | None = None) -> float:
        """Share of the answers within `factor` errors, each `shrink` times the one quoted."""
        within = [a.covered(factor, shrink) for a in self.answers if question in (None, a.question)]
        return float(np.mean(within))

    @property
    def flagged(self) -> float:
        """Share of the answers whose status says that something is wrong."""
        return float(np.mean([not a.estimate.ok for a in self.answers]))

    @property
    def typical(self) -> float:
        """Median of the distance in units of the error."""
        return float(np.median([a.ratio for a in self.answers]))

    @property
    def by_question(self) -> dict[str, int]:
        """How many answers there are to each question."""
        counts: defaultdict[str, int] = defaultdict(int)
        for a in self.answers:
            counts[a.question] += 1
        return dict(counts)


def tally(name: str, problems: int, seed: int) -> Tally:
    """Ask `problems` random problems of a class; each has a stream of its own."""
    answers: list[Answer] = []
    refused = 0
    for k in range(problems):
        rng = np.random.default_rng([seed, k, *name.encode()])
        try:
            answers += CLASSES[name](rng)
        except NotValidHere:
            refused += 1
    return Tally(tuple(answers), problems, refused)
