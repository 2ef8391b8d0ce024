"""Runs that are interrupted, or killed, go on to the same bits."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.sampling import _run, checkpoint

LOSS = fp.Loss("(x**2 - 1)**2/4 - s*x", ("x",), {"s": fp.Normal(0, 1)})
SGD = fp.SGD(LOSS, lr=0.1, batch=2)
RECORD = fp.Record(every=50, observables=("x**2",), grid=fp.Grid(x=(-2, 2, 16)))
RUNS: dict[str, Callable[..., Any]] = {
    "chains": lambda **o: SGD.simulate(300, 4001, (-1,), **o),
    "chains, watched": lambda **o: SGD.simulate(300, 4000, (-1,), record=RECORD, **o),
    "paths": lambda **o: SGD.sde().simulate(300, 25.0, (-1,), **o),
    "first passage of chains": lambda **o: SGD.first_passage("x < 0.5", 300, (-1,), 6000, **o),
    "first passage of paths": lambda **o: SGD.sde().first_passage("x < 0.5", 300, (-1,), 60.0, **o),
}


class Stop(KeyboardInterrupt):
    """Ctrl-C at a moment of our choice."""


def stop_after(reports: int) -> Callable[[float], None]:
    count = 0

    def report(part: float) -> None:
        nonlocal count
        count += 1
        if count > reports:
            raise Stop

    return report


def arrays(run: Any) -> list[np.ndarray]:
    if isinstance(run, fp.Ensemble):
        history = [] if run.history is None else [run.history.means, run.history.counts, run.history.averages]
        return [run.final, *([] if run.coarse is None else [run.coarse]), *history]
    return [run.times, run.exited, *([] if run.coarse is None else [run.coarse.times])]


def same(first: list[np.ndarray], second: list[np.ndarray]) -> bool:
    return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("what", list(RUNS))
def test_interrupted_runs_go_on_to_the_same_bits(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_run, "_TARGET", 1e-3)  # short chunks, so that there is something to interrupt
    run, path = RUNS[what], tmp_path / "run.npz"
    whole = arrays(run(rng=7))
    for reports in (1, 2, 1):
        with pytest.raises(Stop):
            run(rng=7, checkpoint=path, progress=stop_after(reports))
        with np.load(path, allow_pickle=False) as held:
            assert int(held["done"]) > 0
    resumed = arrays(run(rng=7, checkpoint=path))
    assert all(
        (np.nan_to_num(a, nan=-9.0) == np.nan_to_num(b, nan=-9.0)).all()
        for a, b in zip(whole, resumed, strict=True)
    )
    again = arrays(run(checkpoint=path))  # it is done, and its seed is known: nothing is left to do
    assert all(
        (np.nan_to_num(a, nan=-9.0) == np.nan_to_num(b, nan=-9.0)).all()
        for a, b in zip(whole, again, strict=True)
    )
    assert sorted(p.name for p in tmp_path.iterdir()) in (["run.npz"], ["run.coarse.npz", "run.npz"])


PROGRAM = """
import sys
import numpy as np
import fokkerplanck as fp
from fokkerplanck.sampling import checkpoint
checkpoint.INTERVAL = 0.05
loss = fp.Loss("(x**2 - 1)**2/4 - s*x", ("x",), {"s": fp.Normal(0, 1)})
print("ready", flush=True)
run = fp.SGD(loss, lr=0.1, batch=2).simulate(2000, 60_000, (-1,), rng=5, checkpoint=sys.argv[1])
np.save(sys.argv[2], run.final)
"""


def test_killed_runs_go_on_to_the_same_bits(tmp_path: Path) -> None:
    """kill -9 at moments drawn at random, until one run gets to its end."""
    path, out = tmp_path / "run.npz", tmp_path / "final.npy"
    moments, kills = np.random.default_rng(0), 0
    for _ in range(30):
        job = subprocess.Popen([sys.executable, "-c", PROGRAM, path, out], stdout=subprocess.PIPE)
        assert job.stdout is not None
        job.stdout.readline()
        try:
            job.wait(moments.uniform(0.2, 1.2) if kills < 3 else 120)
        except subprocess.TimeoutExpired:
            os.kill(job.pid, signal.SIGKILL)
            job.wait()
            kills += 1
        job.stdout.close()
        if out.exists():
            break
    whole = fp.SGD(LOSS, lr=0.1, batch=2).simulate(2000, 60_000, (-1,), rng=5)
    assert (np.load(out) == whole.final).all()
    assert kills > 0


def test_the_file_is_whole_at_any_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that fails leaves the file before it, and nothing beside it."""
    path = tmp_path / "run.npz"
    with pytest.raises(Stop):
        SGD.simulate(100, 4000, (-1,), rng=0, checkpoint=path, progress=stop_after(1))
    before = path.read_bytes()

    def full(*_: Any, **__: Any) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="no space left"):
        SGD.simulate(100, 4000, (-1,), rng=0, checkpoint=path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["run.npz"]


def test_another_run_is_no_continuation(tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    SGD.simulate(100, 400, (-1,), rng=0, checkpoint=path)
    for what, run in {
        "lr": lambda: SGD.with_(lr=0.11).simulate(100, 400, (-1,), rng=0, checkpoint=path),
        "batch": lambda: SGD.with_(batch=3).simulate(100, 400, (-1,), rng=0, checkpoint=path),
        "seed": lambda: SGD.simulate(100, 400, (-1,), rng=1, checkpoint=path),
        "x0": lambda: SGD.simulate(100, 400, (-0.9,), rng=0, checkpoint=path),
        "formula": lambda: SGD.first_passage("x < 1", 100, (-1,), 400, rng=0, checkpoint=path),
    }.items():
        with pytest.raises(ValueError, match=f"belongs to another run: .*{what}"):
            run()
    path.write_bytes(b"not a file of ours")
    with pytest.raises(ValueError, match="is no checkpoint"):
        SGD.simulate(100, 400, (-1,), rng=0, checkpoint=path)
    with pytest.raises(ValueError, match="does not exist"):
        SGD.simulate(100, 400, (-1,), rng=0, checkpoint=tmp_path / "nowhere" / "run.npz")


def test_long_runs_are_written_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "INTERVAL", 0.0)
    path, seen = tmp_path / "run.npz", []

    def look(part: float) -> None:
        with np.load(path) as held:
            seen.append(int(held["done"]))

    SGD.simulate(300, 4000, (-1,), rng=0, checkpoint=path, progress=look)
    assert seen == sorted(seen)
    assert seen[0] < seen[-1] == 4000
