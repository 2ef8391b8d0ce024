"""Selling's algorithm: an obtuse superbase of the lattice for each diffusion tensor."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fokkerplanck._kernels._jit import serial


@serial
def decompose_2d(tensor: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Three lattice directions and weights for each tensor (n, 2, 2) in lattice units."""
    n = tensor.shape[0]
    offset = np.zeros((n, 3, 2), dtype=np.int64)
    weight = np.zeros((n, 3))
    base = np.empty((3, 2), dtype=np.int64)
    for i in range(n):
        a, m, d = tensor[i, 0, 0], 0.5 * (tensor[i, 0, 1] + tensor[i, 1, 0]), tensor[i, 1, 1]
        base[0, 0], base[0, 1] = 1, 0
        base[1, 0], base[1, 1] = 0, 1
        base[2, 0], base[2, 1] = -1, -1
        # Replace an acute pair (p, q) by (-p, q, p - q) until all pairs are obtuse. Each turn lowers
        # the sum of squared lengths, so it ends; 200 turns reach condition numbers beyond 1e30.
        for _ in range(200):
            acute = False
            for k in range(3):
                p0, p1 = base[(k + 1) % 3, 0], base[(k + 1) % 3, 1]
                q0, q1 = base[(k + 2) % 3, 0], base[(k + 2) % 3, 1]
                product = a * p0 * q0 + m * (p0 * q1 + p1 * q0) + d * p1 * q1
                if product > 1e-14 * (
                    a * abs(p0 * q0) + d * abs(p1 * q1) + abs(m) * (abs(p0 * q1) + abs(p1 * q0))
                ):
                    base[0, 0], base[0, 1] = -p0, -p1
                    base[1, 0], base[1, 1] = q0, q1
                    base[2, 0], base[2, 1] = p0 - q0, p1 - q1
                    acute = True
                    break
            if not acute:
                break
        for k in range(3):
            p0, p1 = base[(k + 1) % 3, 0], base[(k + 1) % 3, 1]
            q0, q1 = base[(k + 2) % 3, 0], base[(k + 2) % 3, 1]
            weight[i, k] = max(0.0, -(a * p0 * q0 + m * (p0 * q1 + p1 * q0) + d * p1 * q1))
            # The direction is the dual of the third vector: perpendicular to it.
            offset[i, k, 0] = -base[k, 1]
            offset[i, k, 1] = base[k, 0]
    return offset, weight
