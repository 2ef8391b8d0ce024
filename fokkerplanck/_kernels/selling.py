r"""Selling's algorithm: the obtuse superbase of the lattice for a diffusion tensor, with a bounded reach.

A superbase is :math:`d + 1` lattice vectors of sum zero, any d of which span the lattice. Where all its pairs
are obtuse, :math:`v_p\cdot A v_q \le 0`, the tensor is

.. math:: A = -\sum_{p<q} (v_p\cdot A v_q)\, e_{pq} e_{pq}^\top,

with :math:`e_{pq}` perpendicular to all of the base but p and q. Sources: E. Selling, J. reine angew. Math.
77, 143 (1874); J. H. Conway and N. J. A. Sloane, Proc. R. Soc. A 436, 55 (1992).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fokkerplanck._kernels._jit import inline

Array = NDArray[np.float64]
Index = NDArray[np.int32]

Axes = tuple[int, ...]  # one number an axis; a tuple, so that the compiler knows how many and unrolls loops

ROUNDING = 1e-14  # a product smaller than this part of its terms is rounding
SMALL = 1e-9  # part of the trace below which a weight may be rounding
MOST_TURNS = 1000


@inline
def _product(a: Array, base: Array, p: int, q: int, axes: Axes) -> float:
    """``v_p . A v_q``."""
    total = 0.0
    for i in range(len(axes)):
        for j in range(len(axes)):
            total += base[p, i] * a[i, j] * base[q, j]
    return total


@inline
def _terms(a: Array, base: Array, p: int, q: int, axes: Axes) -> tuple[float, float]:
    """``v_p . v_q`` and the sum of the sizes of the terms of ``v_p . A v_q``."""
    plain, size = 0.0, 0.0
    for i in range(len(axes)):
        plain += base[p, i] * base[q, i]
        for j in range(len(axes)):
            size += abs(base[p, i] * a[i, j] * base[q, j])
    return plain, size


@inline
def _perpendicular(base: Array, p: int, q: int, e: Index, k: int, axes: Axes) -> None:
    """Put the lattice vector perpendicular to all of the base but p and q in row k of `e`."""
    if len(axes) == 1:
        e[k, 0] = 1
    elif len(axes) == 2:
        r = 3 - p - q
        e[k, 0], e[k, 1] = -base[r, 1], base[r, 0]
    else:
        r, s = -1, -1
        for i in range(4):
            if i != p and i != q:
                r, s = s, i
        e[k, 0] = base[r, 1] * base[s, 2] - base[r, 2] * base[s, 1]
        e[k, 1] = base[r, 2] * base[s, 0] - base[r, 0] * base[s, 2]
        e[k, 2] = base[r, 0] * base[s, 1] - base[r, 1] * base[s, 0]


@inline
def _turn(base: Array, p: int, q: int, axes: Axes) -> None:
    """Replace the pair (p, q) by (-p, q): the neighbouring superbase; a second time takes it back."""
    share = 2.0 if len(axes) == 2 else 1.0
    for j in range(len(axes)):
        v = base[p, j]
        for r in range(len(axes) + 1):
            if r != p and r != q:
                base[r, j] += share * v
        base[p, j] = -v


@inline
def decompose(a: Array, reach: Axes, base: Array, e: Index, weight: Array) -> float:
    """Directions ``e`` (k, d) and weights (k) with ``A + t = sum weight e e'``; returns t.

    t is the least multiple of the identity that keeps every direction within `reach`, 0 where A itself
    does. Among acute pairs the one is turned that the line from the identity to A meets first: the bases
    passed are those of A + t for falling t, so that the walk can stop at any of them.
    """
    trace = 0.0
    for p in range(len(reach) + 1):
        for j in range(len(reach)):
            base[p, j] = -1.0 if p == len(reach) else (1.0 if p == j else 0.0)
    for j in range(len(reach)):
        trace += a[j, j]
    added = 0.0
    for _ in range(MOST_TURNS):
        first, second, largest = -1, -1, 0.0
        k = 0
        for q in range(1, len(reach) + 1):
            for p in range(q):
                product = _product(a, base, p, q, reach)
                weight[k] = -product
                k += 1
                if product > 0.0:
                    plain, size = _terms(a, base, p, q, reach)
                    ratio = -product / plain if plain < 0.0 else np.inf
                    if product > ROUNDING * size and ratio > largest:
                        first, second, largest = p, q, ratio
        if first < 0:
            break
        _turn(base, first, second, reach)
        _perpendicular(base, first, second, e, 0, reach)
        beyond = False
        for j in range(len(reach)):
            beyond |= abs(e[0, j]) > reach[j]
        if beyond and largest < np.inf:
            _turn(base, first, second, reach)
            added = largest
            break
    k = 0
    for q in range(1, len(reach) + 1):
        for p in range(q):
            if added > 0.0 or weight[k] < SMALL * trace:
                plain, size = _terms(a, base, p, q, reach)
                weight[k] -= added * plain
                if weight[k] <= ROUNDING * (size + added * abs(plain)):
                    weight[k] = 0.0
            _perpendicular(base, p, q, e, k, reach)
            k += 1
    return added
