"""Trainings side by side: one process a core, each with one thread of linear algebra.

Small matrices gain nothing from threads of their own, and two processes that each start as many as there are
cores lose a factor of ten. With one each the numbers do not depend on the cores either.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
S = TypeVar("S")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
MOST = 61  # what Windows can wait for at once
_hands: Executor | None = None


def each(job: Callable[[S], T], items: Iterable[S], executor: Executor | None = None) -> list[T]:
    """A job for each item, in order: by the executor, by the hands if there are any, or one after the other.

    >>> each(abs, [-1, 2])
    [1, 2]
    """
    executor = executor or _hands
    return list((map if executor is None else executor.map)(job, items))


@contextmanager
def hands(workers: int | None = None) -> Iterator[None]:
    """As many processes as there are cores for all that `each` is asked meanwhile; made when first asked.

    They start by importing the main module, which therefore needs its ``if __name__ == "__main__"``.
    """
    global _hands
    if _hands is not None:  # within others
        yield
        return
    context = multiprocessing.get_context("spawn")  # a fork would copy the threads of Numba and BLAS
    others = set(multiprocessing.active_children())
    with _environment(dict.fromkeys(THREADS, "1")):  # for those to come: this process has read it by now
        pool = ProcessPoolExecutor(workers or min(_cores(), MOST), context, _begin)
        _hands = pool
        try:
            yield
        except BaseException:
            for worker in set(multiprocessing.active_children()) - others:
                worker.terminate()  # what they are at is not wanted any more
            raise
        finally:
            _hands = None
            pool.shutdown(wait=False, cancel_futures=True)


@contextmanager
def _environment(wanted: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _cores() -> int:
    """Those this process may use, where the system says so."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _begin() -> None:
    """Ctrl-C ends a worker without a word, and so does the end of whoever started it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=_follow, daemon=True).start()


def _follow() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
