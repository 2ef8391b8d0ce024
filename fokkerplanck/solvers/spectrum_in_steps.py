r"""Slowest modes of a chain in discrete time, whose transition matrix is P = 1 - A.

A slow mode has a multiplier :math:`\mu` of modulus near 1: near 1 itself, where the inverse of A finds it, or
elsewhere on the circle, if it turns or alternates in sign. These are the largest for
:math:`(1 - P)\,P^7`, which damps both the modes near 1 and the fast ones. The rate a step is
:math:`-\ln\mu`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.solvers import spectrum
from fokkerplanck.solvers.arnoldi import arnoldi
from fokkerplanck.solvers.killed import Chain
from fokkerplanck.solvers.modes import Modes
from fokkerplanck.solvers.spectrum import SPARE, near_zero

Array = NDArray[np.float64]

POWER = 7
TURNS = 30  # restarts, which need not converge: there may be no such modes
HALF = np.pi - 1e-9  # a turn from step to step beyond which a mode alternates


def slowest(chain: Chain, k: int, heavy: int | None) -> Modes:
    """Modes of the k or more slowest rates a step; `heavy` is a cell of much mass, without killing."""
    found = spectrum.slowest(chain, k, heavy, near_one_or_turning)
    with np.errstate(divide="ignore"):
        rates = np.asarray(-np.log(1.0 - found.rates) + 0.0, dtype=complex)
    rates.imag[rates.imag < -HALF] = np.pi  # one frequency, not two
    return Modes(rates, found.functions).sorted()


def near_one_or_turning(chain: Chain, k: int, heavy: int) -> Modes:
    """Modes with the largest multipliers of a chain without killing."""
    found, _ = near_zero(chain, k, heavy)
    a = chain.matrix

    def turning(f: Array) -> Array:
        for _ in range(POWER):
            f = f - a @ f
        return np.asarray(a @ f)

    _, functions = arnoldi(turning, chain.size, k + SPARE, "LM", TURNS)
    far = np.einsum("nk,nk->k", functions.conj(), a @ functions) / (np.abs(functions) ** 2).sum(axis=0)
    return found.join(far, functions)
