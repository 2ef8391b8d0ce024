"""The kernel that one would write by hand in Numba with the package's random numbers, for the paths."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from benchmarks.particles import problems as p
from fokkerplanck._kernels.random import PATH, normals

LANES = 256
FAST: dict[str, Any] = {"fastmath": {"contract", "reassoc", "arcp", "nsz", "afn"}, "error_model": "numpy"}


@numba.njit(forceinline=True, **FAST)
def step(x, y, u, v, h, s):
    d00, d10, d11 = s / 2 * (1 + y * y / 2), 0.15 * s * x * y, s / 2 * (1 + x * x)
    l00 = math.sqrt(d00)
    l10 = d10 / l00
    l11 = math.sqrt(d11 - l10 * l10)
    return x - h * x * y * y + l00 * u, y - h * (1 + x * x) * y + l10 * u + l11 * v


@numba.njit(**FAST)
def run(z, steps, h, s, seed):
    root = math.sqrt(2 * h)
    for first in range(0, z.shape[1], LANES):
        x, y, cx, cy = np.empty(LANES), np.empty(LANES), np.empty(LANES), np.empty(LANES)
        for i in range(LANES):
            x[i], y[i], cx[i], cy[i] = z[0, first + i], z[1, first + i], z[2, first + i], z[3, first + i]
        for k in range(0, steps, 2):
            for i in range(LANES):
                a, b, c, d = normals(seed, first + i, k // 2, PATH)
                a, b, c, d = a * root, b * root, c * root, d * root
                px, py = step(x[i], y[i], a, b, h, s)
                x[i], y[i] = step(px, py, c, d, h, s)
                cx[i], cy[i] = step(cx[i], cy[i], a + c, b + d, 2 * h, s)
        for i in range(LANES):
            z[0, first + i], z[1, first + i], z[2, first + i], z[3, first + i] = x[i], y[i], cx[i], cy[i]


def paths() -> Callable[[], np.ndarray]:
    """Paths, each with its twin at twice the step."""

    def work() -> np.ndarray:
        z = np.empty((4, p.PARTICLES))
        z[:] = np.array([*p.START, *p.START])[:, None]
        run(z, p.STEPS, p.STEP, p.S, np.uint64(1))
        return z[:2].T

    return work
