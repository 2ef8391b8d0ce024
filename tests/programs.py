"""Step programs that the tests of sampling share, and how far a sample may be from a law.

Statistical bounds are ``Z`` = 4.4 standard errors, a false-alarm rate of 1e-5 each with fixed seeds;
particles are the independent replicas. Sizes are such that 5 % more noise is seen, and a test shows it.
"""

from __future__ import annotations

import math

import numpy as np
import sympy
from numpy.typing import NDArray

from fokkerplanck.sampling import ChainProgram, Draw, PathProgram

Array = NDArray[np.float64]
Z = 4.4
x, y, u, v = sympy.symbols("x y u v", real=True)
k, D, p, q, r, h = sympy.symbols("k D p q r h", real=True)
e, s, xi = sympy.symbols("e s xi", real=True)

OU = PathProgram((x,), (-k * x,), sympy.Matrix([[D]]), (k, D), level=1 - x)
FULL = PathProgram(
    (x, y),
    (-k * x, -k * y),
    sympy.Matrix([[p, q], [q, r]]) * (1 + x**2),
    (k, p, q, r),
    level=sympy.Min(3 - x, 3 - sympy.Abs(y)),
)
QUADRATIC = ChainProgram(
    (x,),
    (h * (1 + e) * x - s,),
    (Draw((e,), "normal", (0, q)), Draw((s,), "normal", (0, p))),
    affine=True,
    parameters=(h, p, q),
)
DATA = ChainProgram((x, y), (x - u, y - v), (Draw((u, v), "data"),), True)
ROWS = np.random.default_rng(17).normal(size=(12, 2)) @ np.array([[1.0, 0.5], [0.0, 2.0]])


def relative_error(sample: Array, variance: float) -> float:
    """Distance of a second moment from a known variance, in standard errors (normal law)."""
    return float((np.mean(sample**2) / variance - 1) / math.sqrt(2 / len(sample)))
