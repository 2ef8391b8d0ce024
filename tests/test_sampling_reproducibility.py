"""Bits against bits: the same run for any number of threads, chunks and restarts, and in another process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numba
import numpy as np
import pytest

from fokkerplanck.sampling import _run, first_passage_paths, run_chain, run_paths
from tests.programs import DATA, FULL, ROWS


@pytest.fixture
def threads() -> Iterator[None]:
    before = numba.get_num_threads()
    yield
    numba.set_num_threads(before)


@pytest.mark.usefixtures("threads")
def test_paths_are_the_same_bits_for_threads_and_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    start = np.random.default_rng(8).normal(size=(37, 2))
    values, steps, dt = [0.5, 1.0, 0.6, 0.9], 90, np.linspace(0.001, 0.002, 90)
    numba.set_num_threads(1)
    whole = run_paths(FULL, start, dt, steps, values, seed=9)
    leave = first_passage_paths(FULL, start, 0.002, 500, values, seed=9)
    assert 0 < leave.exited.mean() < 1 or leave.exited.all()
    numba.set_num_threads(min(2, numba.config.NUMBA_NUM_THREADS))
    monkeypatch.setattr(_run, "_TARGET", 0.0)  # chunks as small as they get
    pieces = run_paths(FULL, start, dt, steps, values, seed=9)
    again = first_passage_paths(FULL, start, 0.002, 500, values, seed=9)
    half = run_paths(FULL, start[20:], dt[:40], 40, values, seed=9, first_particle=20)
    rest = run_paths(
        FULL, half.final, dt[40:], 50, values, 9, first_step=40, first_particle=20, coarse0=half.coarse
    )
    assert np.array_equal(whole.final, pieces.final)
    assert np.array_equal(whole.coarse, pieces.coarse)
    assert np.array_equal(whole.final[20:], rest.final)
    assert np.array_equal(whole.coarse[20:], rest.coarse)
    assert np.array_equal(leave.times, again.times)
    assert np.array_equal(leave.exited, again.exited)
    assert not np.array_equal(whole.final, run_paths(FULL, start, dt, steps, values, seed=10).final)


@pytest.mark.usefixtures("threads")
def test_chains_are_the_same_bits_for_threads_and_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    program, start = replace(DATA, sampling="without-replacement"), np.ones((11, 2))
    numba.set_num_threads(1)
    lr = np.linspace(0.1, 0.3, 60)
    whole = run_chain(program, start, lr, 5, 60, [], seed=23, data=ROWS).final
    numba.set_num_threads(min(2, numba.config.NUMBA_NUM_THREADS))
    monkeypatch.setattr(_run, "_TARGET", 0.0)
    assert np.array_equal(whole, run_chain(program, start, lr, 5, 60, [], seed=23, data=ROWS).final)
    part = run_chain(program, start[:4], lr[:7], 5, 7, [], 23, first_particle=7, data=ROWS).final
    rest = run_chain(program, part, lr[7:], 5, 53, [], 23, first_step=7, first_particle=7, data=ROWS).final
    assert np.array_equal(whole[7:], rest)


SCRIPT = """
from dataclasses import replace
import numpy as np
import sympy
from fokkerplanck.sampling import Draw, ChainProgram, run_chain
from fokkerplanck.sampling.emit_chain import chain_kernel
x, y, a, b, k = sympy.symbols("x y a b k", real=True)
loss = sympy.exp(k * sympy.cos(x)) * y**2 + a * x + b * y
program = ChainProgram((x, y), (loss.diff(x), loss.diff(y)), (Draw((a, b), "normal", (0, k)),), True, (k,))
print(run_chain(program, [[0.1, 0.2]], 0.01, 2, 10, [1.0], seed=0).final.tolist())
from fokkerplanck.sampling.excursions import chain_excursions, chain_walk
leaving = replace(program, level=1 - x)
chain_walk(leaving, x + y, 0.01, 2, np.ones(1), 0)(np.zeros((1, 2)), np.arange(1), 8)
for kernel in (chain_kernel(program), chain_excursions(leaving, x + y, False)):
    stats = kernel.run.stats
    print(sum(stats.cache_hits.values()), sum(stats.cache_misses.values()))
from fokkerplanck.sampling import PathProgram, first_passage_paths
ou = PathProgram((x,), (-x,), sympy.eye(1), level=1 - x)
times = first_passage_paths(ou, np.zeros((2000, 1)), 0.01, 2000, [], seed=3, merge=2).times
print(times.tobytes().hex())
"""


def test_a_second_process_compiles_nothing_and_has_the_same_bits(tmp_path: Path) -> None:
    outputs = []
    for hash_seed in ("1", "2"):  # no order of a set may reach the source
        environment = os.environ | {"FOKKERPLANCK_CACHE": str(tmp_path), "PYTHONHASHSEED": hash_seed}
        command = [sys.executable, "-W", "error", "-c", SCRIPT]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        outputs.append(done.stdout.split("\n"))
    assert outputs[0][0] == outputs[1][0]
    assert outputs[0][1:3] == ["0 1"] * 2
    assert outputs[1][1:3] == ["1 0"] * 2
    assert outputs[0][3] == outputs[1][3]
    assert len(list((tmp_path / "programs").glob("*.py"))) == 3
