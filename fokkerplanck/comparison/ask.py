"""One question, or all of a report, put to an algorithm or a model."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from fokkerplanck.comparison import escape, gap, regularizer, stationary, thresholds
from fokkerplanck.comparison.result import Comparison
from fokkerplanck.comparison.setting import FULL, QUICK, Setting
from fokkerplanck.comparison.strength_scan import Point, require_regularizer, scan
from fokkerplanck.exits import named_start
from fokkerplanck.formula import nearest
from fokkerplanck.grid import Grid
from fokkerplanck.model import Model
from fokkerplanck.sgd import SGD

QUESTIONS: dict[str, Callable[[Setting], Comparison]] = {
    "regularizer": regularizer.regularizer,
    "escape": escape.escape,
    "thresholds": thresholds.thresholds,
    "gap": gap.gap,
    "stationary": stationary.stationary,
}

TITLES = {"regularizer": regularizer.QUESTION, "escape": escape.QUESTION}
TITLES |= {"thresholds": thresholds.QUESTION, "gap": gap.QUESTION}

# Rough shares of the work of a report, for one progress bar.
SHARES = {"regularizer": 0.45, "escape": 0.4, "thresholds": 0.14, "gap": 0.01}


def compare(
    sgd: SGD | Model,
    question: str,
    *,
    region: str | None = None,
    x0: Any = None,
    slow: str | None = None,
    at: Sequence[Mapping[str, float]] | None = None,
    grid: Grid | None = None,
    quick: bool = False,
    seed: int = 0,
    progress: Callable[[float], None] | None = None,
) -> Comparison:
    """Put one question to all levels; the discrete chain is the reference.

    Parameters
    ----------
    sgd : SGD or Model
        A model brings its own grid and questions.
    question : str
        ``"regularizer"`` (needs `slow`), ``"escape"`` (needs `region` and `x0`; with `slow` the laws of a
        valley, without it Kramers-type laws), ``"thresholds"`` (needs `at`), ``"gap"`` (needs `slow`),
        ``"stationary"``.
    grid : Grid, optional
        By default the model's, or `Grid.auto`.
    quick : bool
        Fewer replicas, coarser grids.
    seed : int
        The same seed gives the same numbers.

    Returns
    -------
    Comparison
        ``.rows``, one a quantity and level with a verdict; ``.sentences``; ``.plot()``; ``print`` shows
        a table.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> loss = fp.Loss("x**2/2 - s*x", ("x",), {"s": fp.Normal(0, 1)})
    >>> answer = fp.compare(fp.SGD(loss, lr=0.1), "thresholds", at=[{"x": 0}], quick=True)
    >>> answer.row("lr-deterministic-x = 0").estimate.value
    2.0
    """
    if question not in QUESTIONS:
        hint = nearest(question, QUESTIONS)
        raise ValueError(f"question is {question!r}{hint or '.'} Take one of {', '.join(QUESTIONS)}")
    setting = setting_of(sgd, quick, seed)
    if question != "thresholds":  # which know momentum
        setting.require_plain(f"the question {question!r}")
    if slow is not None and slow not in setting.sgd.names:
        raise ValueError(f"slow is {slow!r}; the variables are {', '.join(setting.sgd.names)}")
    changes: dict[str, Any] = {"grid": grid, "slow": slow, "region": region, "progress": progress}
    changes["at"] = None if at is None else tuple(named_start(setting.sgd.names, p) for p in at)
    changes["x0"] = None if x0 is None else named_start(setting.sgd.names, x0)
    return QUESTIONS[question](replace(setting, **{k: v for k, v in changes.items() if v is not None}))


def setting_of(source: SGD | Model, quick: bool = False, seed: int = 0) -> Setting:
    """Everything a question needs, from an algorithm or from a model with its own questions."""
    effort = QUICK if quick else FULL
    if isinstance(source, SGD):
        return Setting(source, effort=effort, seed=seed)
    if not isinstance(source, Model):
        raise ValueError(f"compare takes an SGD or a Model, got {type(source).__name__}")
    q = source.questions
    region, x0 = (q.escape.region, q.escape.x0) if q.escape else ("", {})
    return Setting(source.sgd, source.grid, q.slow, q.at, q.variations, region, x0, effort, seed)


def answers(
    model: Model | SGD,
    quick: bool = False,
    progress: Callable[[float, str], None] | None = None,
    seed: int = 0,
) -> Iterator[Comparison]:
    """Answer the questions of a report one by one; a question that cannot be asked says why.

    `progress` gets the fraction of the whole that is done and the question being worked on.
    """
    done, share, name = 0.0, 0.0, ""

    def tell(fraction: float) -> None:
        if progress is not None:
            progress(done + share * fraction, name)

    # One setting for all questions: what two of them need is built once.
    setting = replace(setting_of(model, quick, seed), progress=tell)
    points: tuple[Point, ...] | None = None
    for name, share in SHARES.items():
        tell(0.0)
        try:
            if name != "thresholds":
                setting.require_plain("this question")
            if name == "regularizer":
                points = _scan(setting)
                yield regularizer.regularizer(setting, points)
            elif name == "gap":
                yield gap.gap(setting, points)
            else:
                yield QUESTIONS[name](setting)
        except ValueError as error:
            # What one question cannot be asked of must not cost the answers to the others.
            yield Comparison(TITLES[name], (), (f"Not answered: {error}",))
        done += share
    if progress is not None:
        progress(1.0, "done")


def _scan(setting: Setting) -> tuple[Point, ...] | None:
    """The strengths that two questions share; None where the drift cannot be judged either."""
    require_regularizer(setting)
    law = setting.effective
    return scan(setting) if law.validity(setting.along) == "ok" else None


def headline(comparisons: Sequence[Comparison]) -> str:
    """One sentence that a practitioner understands, from the answers."""
    by_question = {c.question: c for c in comparisons}
    parts = []
    exits = by_question.get(escape.QUESTION)
    times = [] if exits is None else [r for r in exits.rows if r.id.startswith("escape-")]
    sgd = next((r for r in times if r.verdict.code == "reference"), None)
    if exits is not None and sgd is not None and sgd.estimate.ok:
        steps, sde = sgd.estimate, exits.row("escape-density")
        said = (
            f"At lr {sgd.parameters['lr']:g}, batch {sgd.parameters['batch']}, SGD drifts to the flat part "
            f"in {_with_error(steps.value, steps.error)} steps"
        )
        # Where the SDE has no word on the chain, a ratio would mislead.
        if sde.estimate.ok and sde.verdict.code != "invalid":
            off = sde.estimate.value / steps.value - 1
            said += f"; its SDE says {abs(off):.0%} {'slower' if off > 0 else 'faster'}"
        parts.append(said)
    limit = by_question.get(thresholds.QUESTION)
    if limit is not None and limit.rows:
        row = limit.row("lr-observed")
        if row.estimate.ok:
            parts.append(
                f"it diverges above lr ≈ {row.estimate.value:.2g} within "
                f"{_spaced(row.parameters['steps'])} steps"
            )
    if not parts:
        return next((s for c in comparisons for s in c.sentences), "No question could be answered.")
    sentence = "; ".join(parts)
    return sentence[0].upper() + sentence[1:] + "."


def _with_error(value: float, error: float) -> str:
    """Both rounded to two digits of the error, thousands apart: 10 520 ± 120."""
    if not (math.isfinite(error) and error > 1e-6 * abs(value)):
        return _spaced(value)
    digits = 1 - math.floor(math.log10(error))
    shown = (f"{round(x, digits):,.{max(digits, 0)}f}" for x in (value, error))
    return " ± ".join(shown).replace(",", " ")


def _spaced(x: float) -> str:
    """Three digits, thousands apart: 10 500."""
    digits = max(0, int(f"{x:e}".split("e")[1]) - 2) if x else 0
    return f"{round(x, -digits):,.0f}".replace(",", " ")
