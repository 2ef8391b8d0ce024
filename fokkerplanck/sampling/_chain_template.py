"""The text of the compiled chains; see `fokkerplanck.sampling._template`."""

from __future__ import annotations

# One mini-batch gradient (its mean if affine, else one sample's).
GRADIENT = """

@lane
def gradient($state, $samples, $constants):
    $gradient
    return ($gradients,)
"""

LEVEL = """

@lane
def edge($state, $constants):
    $edge
    return $edge_level
"""

# Steps at the rate 0 fill up the first and the last group. What has left, or diverged, stays where it is.
CHAIN = """

@serial
def run(x, time, particles, lr, batch, data, constants, seed, first_step$table):
    $unpack
    inv_batch = 1.0 / batch
    root_batch = math.sqrt(inv_batch)
    n_rows = data.shape[0]
    lanes = lanes_of(x.shape[0])
    for block in range((x.shape[0] + lanes - 1) // lanes):
        first = block * lanes
        count = min(lanes, x.shape[0] - first)
        ids = np.empty(lanes, np.int64)
        left = np.empty(lanes)
        $allocate
        $prepare
        for i in range(lanes):
            row = first + min(i, count - 1)
            ids[i] = particles[row]
            left[i] = time[row]
            $load
        for k in range(0, lr.shape[0], $group):
            step = first_step + k
            $rates
            $before
            $each
            for i in range(lanes):
                particle = ids[i]
                $take
                $draw
                $steps
                $put
        for i in range(count):
            row = first + i
            time[row] = left[i]
            $store
"""

# Gradient not affine in the samples: every sample's gradient, then their mean.
EACH_SAMPLE = """
for i in range(lanes):
    $zero_gradients
for b in range(0, batch, $samples_a_block):
    for i in range(lanes):
        particle = ids[i]
        $take_state
        $draw_one
        $add_gradients
"""
