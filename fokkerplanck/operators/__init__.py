"""Markov operators on a grid: the Fokker–Planck generator and the transition operator of a chain."""

from fokkerplanck.operators.generator import Generator
from fokkerplanck.operators.markov import MarkovOperator
from fokkerplanck.operators.transition import Step, TransitionOperator

__all__ = ["Generator", "MarkovOperator", "Step", "TransitionOperator"]
