"""First passage of paths and of chains; bounds as in `tests.programs`."""

from __future__ import annotations

import math

import numpy as np
import sympy

from fokkerplanck.sampling import ChainProgram, Draw, first_passage_chain, first_passage_paths
from tests.programs import OU, Z, x, xi


def test_first_passage_of_an_ornstein_uhlenbeck_process() -> None:
    """Mean time 0 -> 1: 3.3 standard errors (1e-3) plus the step bias, bounded by a run at twice the step."""
    exact, n, dt = 2.0934066496783, 60_000, 0.02
    start = np.zeros((n, 1))
    fine = first_passage_paths(OU, start, dt, 2000, [1.0, 1.0], seed=11)
    coarse = first_passage_paths(OU, start, dt, 2000, [1.0, 1.0], seed=11, merge=2)
    assert fine.exited.all()
    bias = abs(np.mean(fine.times) - np.mean(coarse.times))
    error = np.std(fine.times) / math.sqrt(n)
    assert bias < 0.02 * exact  # without the crossings between steps it is 4 %
    assert abs(np.mean(fine.times) - exact) < 3.3 * error + bias
    wrong = first_passage_paths(OU, start, dt, 2000, [1.0, 1.05], seed=11)
    assert abs(np.mean(wrong.times) - exact) > 3.3 * error + bias


def test_passages_that_do_not_come() -> None:
    run = first_passage_paths(OU, [[0.0], [2.0], [-1.0]], 0.25, 8, [1.0, 0.0], seed=12)
    assert run.exited.tolist() == [False, True, False]
    assert run.times.tolist() == [2.0, 0.0, 2.0]
    away = first_passage_paths(OU, [[-1.0]], 1.0, 100, [-1.0, 0.0], seed=12)
    assert away.diverged.all()
    assert not away.exited.any()
    assert away.times[0] == 27.0  # 2**27 > 1e8


def test_first_passage_of_a_walk() -> None:
    """A symmetric walk leaves |x| < 5 after 25 steps in the mean, with variance 2 (5^4 - 5^2)/3 = 400."""
    program = ChainProgram((x,), (xi,), (Draw((xi,), "rademacher"),), True, level=5 - sympy.Abs(x))
    start = np.zeros((50_000, 1))
    run = first_passage_chain(program, start, 1.0, 1, 1000, [], seed=22)
    assert run.exited.all()
    assert (run.times % 2 == 1).all()
    assert abs(np.mean(run.times) - 25) < Z * 20 / math.sqrt(len(start))
    assert abs(np.mean(run.times) - 1.05 * 25) > Z * 20 / math.sqrt(len(start))
    short = first_passage_chain(program, start[:100], 1.0, 1, 4, [], seed=22)
    assert not short.exited.any()
    assert (short.times == 4).all()
