"""A Markov chain by what leads into its states."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fokkerplanck._kernels._jit import serial

Array = NDArray[np.float64]
Index = NDArray[np.int32]
Unsigned = NDArray[np.uint32]


@serial
def turn(
    start: Index, target: Index, rate: Array, into: Unsigned, source: Unsigned, out: Array, total: Array
) -> None:
    """Links by the state they lead to, ``into`` (n + 1), ``source`` and ``out``, and the `total` rates out of
    states; links into a state keep the order of their sources."""
    n = total.size
    into[:] = 0
    for t in range(target.size):
        into[target[t] + 1] += 1
    for j in range(n):
        into[j + 1] += into[j]
    for i in range(n):
        total[i] = 0.0
        for t in range(start[i], start[i + 1]):
            place = into[target[t]]
            source[place], out[place] = i, rate[t]
            into[target[t]] = place + 1
            total[i] += rate[t]
    for j in range(n, 0, -1):
        into[j] = into[j - 1]
    into[0] = 0


@serial
def imbalance(start: Index, target: Index, rate: Array, p: Array) -> float:
    """Net flow into the states for masses p, over the gross flow, both summed."""
    net, gross = np.zeros(p.size), 0.0
    for i in range(p.size):
        for t in range(start[i], start[i + 1]):
            flow = p[i] * rate[t]
            net[target[t]] += flow
            net[i] -= flow
            gross += flow
    left = 0.0
    for i in range(p.size):
        left += abs(net[i])
    return left / gross
