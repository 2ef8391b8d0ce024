"""The text of the compiled step programs. ``$name`` is filled in by `fokkerplanck.sampling.emit`.

Particles go in blocks, a lane each. A block's state stays in the first-level cache; the loop over steps is
outside, that over lanes inside and without a call or a branch, so that it vectorises. Random numbers know of
nothing but the particle's number, its step and what they are for, so threads, chunks and blocks cannot change
a bit of the result. What diverges becomes nan, which stays.
"""

from __future__ import annotations

HEADER = """
import math

import numpy as np

from fokkerplanck._kernels import batches, elementary
from fokkerplanck._kernels._jit import lane, serial
from fokkerplanck._kernels.crossing import crosses, crossing_fraction, may_cross
from fokkerplanck._kernels.lanes import lanes_of
from fokkerplanck._kernels.random import (
    AREA, LANE, PATH, SAMPLE, normals, rademacher_mean, rademacher_means, sign_of, uniform_mean,
    uniform_means, words
)
from fokkerplanck._kernels.scalar import (
    LIMIT, bounded, heaviside, maximum, minimum, pivot_root, quotient, sign, where
)

HALF_ROOT = math.sqrt(0.5)
"""

# Level function of the region and the rate of its variance, over 2.
EDGE = """

@lane
def edge($state, rate, $constants):
    $edge
    return $edge_level, $edge_spread
"""

# The text of a scheme's step stands before each. Steps of no length fill up the first and the last group.
PATHS = """

@serial
def run(x, coarse, particles, dt, rates, constants, seed, first_step):
    $unpack
    lanes = lanes_of(x.shape[0])
    for block in range((x.shape[0] + lanes - 1) // lanes):
        first = block * lanes
        count = min(lanes, x.shape[0] - first)
        ids = np.empty(lanes, np.int64)
        $allocate
        for i in range(lanes):
            row = first + min(i, count - 1)
            ids[i] = particles[row]
            $load
        for k in range(0, dt.shape[0], $group):
            moment = first_step + k
            $sizes
            for i in range(lanes):
                particle = ids[i]
                $take
                $draw
                $steps
                $put
        for i in range(count):
            row = first + i
            $store
"""

# Each step is the sum of some increments, so that a coarse run can share the noise of a fine one. A group of
# steps is taken as if nothing happened; the few lanes in which the edge may have been crossed take it again.
PATH_PASSAGE = """

@lane
def again($state, h, root, last, $constants, seed, particle, step):
    time = math.inf
    moment = step * $merge
    $draw
    before, spread = edge($state, 0.0, $constants)
    $careful_steps
    return $state, time


@serial
def run(x, time, particles, h, steps, last, constants, seed, first_step):
    $unpack
    root = math.sqrt(2.0 * h / $merge)
    lanes = lanes_of(x.shape[0])
    for block in range((x.shape[0] + lanes - 1) // lanes):
        first = block * lanes
        count = min(lanes, x.shape[0] - first)
        ids = np.empty(lanes, np.int64)
        left = np.empty(lanes)
        doubt = np.empty(lanes, np.bool_)
        $allocate
        for i in range(lanes):
            row = first + min(i, count - 1)
            ids[i] = particles[row]
            left[i] = time[row]
            $load
        for k in range(0, steps, $group):
            step = first_step + k
            moment = step * $merge
            doubts = 0
            for i in range(lanes):
                particle = ids[i]
                $take
                $draw
                before, spread = edge($state, 0.0, $constants)
                risky = False
                $steps
                doubt[i] = risky & (left[i] == math.inf)
                doubts += 1 if doubt[i] else 0
                $put
            if doubts > 0:
                for i in range(lanes):
                    if doubt[i]:
                        particle = ids[i]
                        $take
                        $state, left[i] = again(
                            $state, h, root, last, $constants, seed, particle, step
                        )
                        $put
            for i in range(lanes):
                $advance_lane
        for i in range(count):
            row = first + i
            time[row] = left[i]
            $store
"""
