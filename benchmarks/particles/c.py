"""The same in C with AVX2 intrinsics, compiled here."""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.particles import problems as p
from fokkerplanck._kernels import gauss

SOURCE = Path(__file__).with_name("reference.c")
FLAGS = ("-O3", "-march=native", "-ffast-math", "-shared", "-fPIC")


def library() -> ctypes.CDLL:
    """Compile, load, and hand over the polynomials."""
    target = Path(tempfile.mkdtemp()) / "reference.so"
    subprocess.run(["cc", *FLAGS, str(SOURCE), "-o", str(target)], check=True, capture_output=True)
    found = ctypes.CDLL(str(target))
    found.polynomials(*(pointer(np.array(c)) for c in (gauss._LOG, gauss._SIN, gauss._COS)))
    return found


def pointer(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def paths() -> Callable[[], np.ndarray]:
    """Paths, each with its twin at twice the step."""
    run = library().paths

    def work() -> np.ndarray:
        arrays = [np.full(p.PARTICLES, v) for v in (*p.START, *p.START)]
        sizes = ctypes.c_long(p.PARTICLES), ctypes.c_long(p.STEPS)
        run(*map(pointer, arrays), *sizes, ctypes.c_double(p.STEP), ctypes.c_double(p.S), ctypes.c_uint64(1))
        return np.column_stack(arrays[:2])

    return work
