"""Step programs and runs of them: what is compiled, what is told, what is refused."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import sympy

from fokkerplanck.sampling import ChainProgram, PathProgram, first_passage_chain, run_chain, run_paths
from fokkerplanck.sampling.emit_path import path_kernel
from tests.programs import DATA, OU, QUADRATIC, ROWS, x, xi, y


def test_progress_is_told_and_may_stop_the_run() -> None:
    seen: list[float] = []
    run_chain(QUADRATIC, np.zeros((2, 1)), 0.1, 1, 1000, [1.0, 1.0, 0.0], 25, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    assert len(seen) > 1

    def interrupt(fraction: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_chain(QUADRATIC, np.zeros((2, 1)), 0.1, 1, 1000, [1.0, 1.0, 0.0], 25, progress=interrupt)


def test_other_parameters_are_not_another_program() -> None:
    kernel = path_kernel(OU)
    for strength in (1.0, 2.0):
        run_paths(OU, np.zeros((2, 1)), 0.1, 2, [1.0, strength], seed=26)
    assert path_kernel(PathProgram(OU.state, OU.drift, OU.diffusion, OU.parameters, OU.level)) is kernel
    assert len(kernel.run.signatures) == 1


@pytest.mark.parametrize(
    ("message", "change"),
    [
        (r"x0 has the shape \(2,\)", {"x0": [0.0, 1.0]}),
        ("x0 holds nan", {"x0": [[math.nan]]}),
        ("lr is -1", {"lr": -1}),
        ("lr has the shape", {"lr": [0.1, 0.2]}),
        ("batch is 0", {"batch": 0}),
        ("steps is 0", {"steps": 0}),
        ("parameters have the shape", {"parameters": [1.0]}),
        ("seed is -1", {"seed": -1}),
        ("data go with", {"data": [[1.0]]}),
    ],
)
def test_wrong_arguments(message: str, change: dict[str, object]) -> None:
    arguments: dict[str, object] = {
        "x0": [[0.0]], "lr": 0.1, "batch": 1, "steps": 4, "parameters": [1.0, 1.0, 0.0], "seed": 0
    }  # fmt: skip
    with pytest.raises(ValueError, match=message):
        run_chain(QUADRATIC, **(arguments | change))  # type: ignore[arg-type]


def test_wrong_programs() -> None:
    with pytest.raises(ValueError, match="the step holds y"):
        PathProgram((x,), (-y,), sympy.Matrix([[1]]))
    with pytest.raises(ValueError, match="diffusion the shape"):
        PathProgram((x, y), (x, y), sympy.Matrix([[1]]))
    with pytest.raises(ValueError, match="the step holds xi"):
        ChainProgram((x,), (x - xi,), (), True)
    with pytest.raises(ValueError, match="without data"):
        ChainProgram((x,), (x,), (), True, sampling="epoch")
    with pytest.raises(ValueError, match="level"):
        first_passage_chain(QUADRATIC, [[0.0]], 0.1, 1, 1, [1.0, 1.0, 0.0], seed=0)
    with pytest.raises(ValueError, match="batch is 13"):
        run_chain(replace(DATA, sampling="epoch"), [[0.0, 0.0]], 0.1, 13, 1, [], 0, data=ROWS)
