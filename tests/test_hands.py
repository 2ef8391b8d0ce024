"""Trainings side by side: in order, ended with whoever started them, and nothing left of the environment."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from validation import hands as module
from validation.hands import each, hands

ROOT = Path(__file__).parents[1]
# A main module of its own, as workers import it; a pid file each tells who works.
JOB = """
import os, sys, time
from pathlib import Path
from validation.hands import each, hands

def job(item):
    Path(sys.argv[1], str(os.getpid())).touch()
    time.sleep(float(item))
    return item

if __name__ == "__main__":
    with hands(2):
        each(job, ["60", "60"])
"""


def test_in_order_and_with_one_thread_each() -> None:
    before = os.environ.get("OMP_NUM_THREADS")
    with hands(2):
        assert each(abs, [-3, 2, -1]) == [3, 2, 1]
        assert each(os.getenv, ["OMP_NUM_THREADS"] * 2) == ["1", "1"]
        assert os.getpid() not in each(_pid, range(2))
    assert os.environ.get("OMP_NUM_THREADS") == before
    assert each(_pid, range(1)) == [os.getpid()]


def _pid(_: int) -> int:
    return os.getpid()


def test_one_within_another_is_the_same() -> None:
    with hands(1):
        (outer,) = set(each(_pid, range(2)))
        with hands(2):
            assert set(each(_pid, range(2))) == {outer}
        assert each(_pid, range(1)) == [outer] != [os.getpid()]


def test_other_children_are_left_alone() -> None:
    foreign = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(60,))
    foreign.start()
    with pytest.raises(ZeroDivisionError), hands(2):
        each(_fails, range(2))
    assert foreign.is_alive()
    foreign.terminate()
    foreign.join()


def test_what_is_asked_within_fails_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError), hands(2):
        each(_fails, range(2))
    assert module._hands is None


def _fails(_: int) -> float:
    return 1 / 0


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("ended_by", [signal.SIGINT, signal.SIGKILL])
def test_workers_end_with_whoever_started_them(tmp_path: Path, ended_by: signal.Signals) -> None:
    script = tmp_path / "job.py"
    script.write_text(JOB)
    pids = tmp_path / "pids"
    pids.mkdir()
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    started = subprocess.Popen(
        [sys.executable, str(script), str(pids)], env=environment, stderr=subprocess.PIPE
    )
    _wait(lambda: len(list(pids.iterdir())) == 2)
    began = time.monotonic()
    started.send_signal(ended_by)
    started.communicate(timeout=30)
    _wait(lambda: not any(_lives(int(p.name)) for p in pids.iterdir()))
    assert time.monotonic() - began < 30  # the jobs would have gone on for a minute


def _wait(until: object, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not until():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.05)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] != "Z"  # a zombie is gone
