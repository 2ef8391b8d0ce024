"""The text of the compiled step programs. ``$name`` is filled in by `fokkerplanck.sampling.emit`.

Every kernel advances each particle by itself through all steps: the particle index is the only thing
that its random numbers know of the others, so threads and chunks cannot change a bit of the result.
``status``: 0 runs, 1 has left the region, 2 has diverged.
"""

from __future__ import annotations

HEADER = """
import math

import numpy as np
from numba import prange

from fokkerplanck._kernels import batches, elementary
from fokkerplanck._kernels._jit import inline, parallel
from fokkerplanck._kernels.crossing import crosses, crossing_fraction
from fokkerplanck._kernels.random import (
    LANE, PATH, SAMPLE, below, normals, rademacher_mean, uniform_mean, uniforms, words
)
from fokkerplanck._kernels.scalar import (
    LIMIT, heaviside, maximum, minimum, pivot_root, quotient, sign, where
)
"""

# One Euler-Maruyama step; w: the Brownian increments times sqrt(2).
ADVANCE = """

@inline
def advance($state, $noise, h, rate, $constants):
    $advance
    return ($advanced,)
"""

# Level function of the region and the rate of its variance, over 2.
EDGE = """

@inline
def edge($state, rate, $constants):
    $edge
    return $edge_level, $edge_spread
"""

PATHS = """

@parallel
def run(x, coarse, status, particles, dt, rates, constants, seed, first_step):
    $unpack
    for i in prange(x.shape[0]):
        if status[i] != 0:
            continue
        particle = particles[i]
        $load
        $load_coarse
        for k in range(0, dt.shape[0], 2):
            $zero_sums
            for j in range(k, k + 2):
                moment = first_step + j
                root = math.sqrt(2.0 * dt[j])
                $increments
                $add_sums
                $state, = advance($state, $noise, dt[j], rates[j], $constants)
                if not ($bounded):
                    status[i] = 2
                    break
            if status[i] != 0:
                break
            $coarse_state, = advance($coarse_state, $sums, dt[k] + dt[k + 1], rates[k], $constants)
        if status[i] != 0:
            $lose
        if status[i] != 0 or not ($coarse_bounded):
            $lose_coarse
        $store
        $store_coarse
"""

# Each step is the sum of `merge` increments, so that a coarse run can share the noise of a fine one.
PATH_PASSAGE = """

@parallel
def run(x, time, status, particles, h, steps, merge, constants, seed, first_step):
    $unpack
    root = math.sqrt(2.0 * h / merge)
    for i in prange(x.shape[0]):
        particle = particles[i]
        $load
        for k in range(steps):
            step = first_step + k
            before, spread = edge($state, 0.0, $constants)
            $zero_sums
            for moment in range(step * merge, (step + 1) * merge):
                $increments
                $add_sums
            $state, = advance($state, $sums, h, 0.0, $constants)
            if not ($bounded):
                status[i] = 2
                time[i] = (step + 1) * h
                $lose
                break
            after, _ = edge($state, 0.0, $constants)
            if crosses(before, after, spread * h, seed, particle, step):
                status[i] = 1
                time[i] = h * (step + crossing_fraction(before, after, spread * h, seed, particle, step))
                break
        $store
"""

# One mini-batch gradient (its mean if affine, else one sample's).
GRADIENT = """

@inline
def gradient($state, $samples, $constants):
    $gradient
    return ($gradients,)
"""

LEVEL = """

@inline
def edge($state, $constants):
    $edge
    return $edge_level
"""

CHAIN = """

@parallel
def run(x, time, status, particles, lr, batch, data, constants, seed, first_step):
    $unpack
    inv_batch = 1.0 / batch
    root_batch = math.sqrt(inv_batch)
    n_rows = data.shape[0]
    for i in prange(x.shape[0]):
        if status[i] != 0:
            continue
        particle = particles[i]
        $load
        $prepare
        for k in range(lr.shape[0]):
            step = first_step + k
            $rows
            $draw
            $descend
            if not ($bounded):
                status[i] = 2
                time[i] = step + 1
                $lose
                break
            $leave
        $store
"""

LEAVE = """
if edge($state, $constants) <= 0.0:
    status[i] = 1
    time[i] = step + 1
    break
"""

# Gradient not affine in the samples: every sample's gradient, then their mean.
EACH_SAMPLE = """
$zero_gradients
for b in range(batch):
    $draw_one
    $one, = gradient($state, $samples, $constants)
    $add_gradients
"""

EPOCH_ROWS = """
epoch = step // (n_rows // batch)
if epoch != current_epoch:
    batches.shuffle(order, swaps, seed, particle, epoch)
    current_epoch = epoch
first_row = (step - epoch * (n_rows // batch)) * batch
for b in range(batch):
    rows[b] = order[first_row + b]
"""
