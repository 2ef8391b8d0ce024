"""One question put to all levels, with verdicts against the discrete chain."""

from fokkerplanck.comparison.ask import QUESTIONS, answers, compare, headline
from fokkerplanck.comparison.result import Comparison, Picture
from fokkerplanck.comparison.verdict import Row, Verdict, judge

__all__ = ["QUESTIONS", "Comparison", "Picture", "Row", "Verdict", "answers", "compare", "headline", "judge"]
