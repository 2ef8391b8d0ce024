r"""Linear systems of a killed chain by GMRES, each component of a function accurate relative to itself.

Functions range over many orders: a chance to escape is :math:`e^{-25}` in the well and 1 beyond the barrier.
For :math:`A x = f` with :math:`f \ge 0` the residual is therefore weighed by :math:`1/(d_i s_i)`, d the
diagonal and s the size of the solution around the cell as known so far. In this norm both parts count, and as
the cycle that preconditions acts from cell to cell, they converge together; the weights are renewed a few
times.

Densities, :math:`A' y = f`, are known by what they are asked for, :math:`\sum_i g_i y_i` with functions g:
time spent, mass that goes here or there. With :math:`A u = g` a residual r changes that by
:math:`\sum_i u_i r_i`: the weights are :math:`\sum_u u_i/(f\cdot u)`, and the norm is L1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from fokkerplanck.solvers.cycles import Side

Array = NDArray[np.float64]

VECTORS, TURNS = 25, 14  # between two choices of the weights; choices
TURN = 1e-4  # reduction that ends a turn
STALLED = 3  # turns without progress
ENOUGH = 0.7  # part of a vector whose orthogonal remainder is orthogonal
EPS = float(np.finfo(float).eps)
LEAST = 1e-200  # size, relative to the largest, below which a component is nothing


@dataclass(frozen=True)
class Solution:
    """Solution (n,), its weighted residual, and the cycles that it took."""

    x: Array
    rest: float
    cycles: int


def function(side: Side, f: Array, goal: float, start: Array | None = None, turns: int = TURNS) -> Solution:
    """Solve ``A x = f`` to ``|f - A x| < goal * d * s``, or to what rounding, or so many turns, allow.

    With an f of both signs s is the largest |x|: small components have no relative accuracy.
    """
    positive = bool((f >= 0.0).all())

    def weigh(x: Array) -> Array:
        size = side.scale(f, x)
        size = np.maximum(size, (LEAST if positive else 1.0) * size.max())
        return np.asarray(1.0 / (side.diagonal * size))

    return _solve(side, f, weigh, lambda rest: float(np.abs(rest).max()), goal, positive, start, turns)


def density(side: Side, f: Array, functions: Sequence[Array], goal: float) -> Solution:
    """Solve ``A' y = f`` so that ``g @ y`` is wrong by less than `goal` of itself, for `functions` A^-1 g."""
    size = np.abs(f)
    weight = sum((u / total for u in functions if (total := float(size @ u)) > 0.0), np.zeros(len(f)))
    weight = np.maximum(weight, LEAST * weight.max())
    return _solve(side, f, lambda y: weight, lambda rest: float(np.abs(rest).sum()), goal)


def _solve(
    side: Side,
    f: Array,
    weigh: Callable[[Array], Array],
    norm: Callable[[Array], float],
    goal: float,
    positive: bool = False,
    start: Array | None = None,
    turns: int = TURNS,
) -> Solution:
    x, cycles = (side.cycle(f), 1) if start is None else (start, 0)
    best = Solution(x, np.inf, cycles)
    idle, wrong = 0, x.size
    for turn in range(turns + 1):
        weight = weigh(x)
        rest = side.rest(f, x) * weight
        found = Solution(x, norm(rest), cycles)
        negative = int((x < 0.0).sum()) if positive else 0
        idle = 0 if found.rest < 0.5 * best.rest or negative < wrong else idle + 1
        wrong = min(wrong, negative)
        if found.rest < best.rest:
            best = found
        if best.rest <= goal or idle == STALLED or turn == turns:
            break
        change, steps = _gmres(side, weight, rest)
        x, cycles = x + change, cycles + steps
    return Solution(best.x, best.rest, cycles)


def _gmres(side: Side, weight: Array, rest: Array) -> tuple[Array, int]:
    """Change of x that makes the weighted residual least in a Krylov space, and the dimension of that."""
    nothing, beta = np.zeros(rest.size), float(np.linalg.norm(rest))
    basis, images = np.empty((VECTORS + 1, rest.size)), np.empty((VECTORS, rest.size))
    basis[0] = rest / beta
    # The Hessenberg matrix, turned to the triangle `r`, and the right-hand side that is turned with it.
    r, goal = np.zeros((VECTORS, VECTORS)), [beta]
    turns: list[tuple[float, float]] = []
    for j in range(VECTORS):
        images[j] = side.cycle(basis[j] / weight)
        new = -side.rest(nothing, images[j]) * weight
        size = float(np.linalg.norm(new))
        column = np.zeros(j + 1)
        for _ in range(2):  # twice where the first leaves little: then it has not made it orthogonal
            part, before = basis[: j + 1] @ new, size
            new -= part @ basis[: j + 1]
            column += part
            size = float(np.linalg.norm(new))
            if size > ENOUGH * before:
                break
        for i, (c, s) in enumerate(turns):
            column[i : i + 2] = c * column[i] + s * column[i + 1], c * column[i + 1] - s * column[i]
        length = float(np.hypot(column[j], size))
        c, s = column[j] / length, size / length
        column[j] = length
        r[: j + 1, j] = column
        turns.append((c, s))
        goal[j:] = [c * goal[j], -s * goal[j]]
        if abs(goal[-1]) <= TURN * beta or size <= EPS * length:
            break
        basis[j + 1] = new / size
    y = solve_triangular(r[: j + 1, : j + 1], goal[:-1])
    return y @ images[: j + 1], j + 1
