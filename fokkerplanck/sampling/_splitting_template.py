"""The text of the compiled excursions; see `fokkerplanck.sampling._template`.

An excursion ends where the walker leaves the region, climbs above a score of its own, or falls to a common
one. Those that have ended are taken out of the lanes after every span of steps, which grows with their age.
"""

from __future__ import annotations

SPAN = 16  # steps, whole groups

# What is looked at after each step.
LOOK = """

@lane
def look($state, table, axes, $constants):
    $look
    return $looked
"""

# The few lanes that may have left between two steps of a group are gone through once more, for that alone:
# the state stays what the lanes say, so that a way repeated is the same to the last bit.
CROSSING = """

@lane
def leaves($state, h, root, stop, table, axes, $constants, seed, particle, step):
    time = math.inf
    moment = step
    $draw
    before, spread, score = look($state, table, axes, $constants)
    $careful
    return time
"""

AGAIN = """
for i in range(lanes):
    if doubt[i]:
        $take
        moment_left = leaves($state, h, root, left[i], table, axes, $constants, seed, ids[i], step)
        if moment_left < math.inf:
            left[i] = moment_left
            how[i] = $left_region
for i in range(lanes):
    $accept
"""

RUN = """

@serial
def run(x, best, time, code, particles, goals, low, first_step, count, $model, table, axes, constants, seed):
    $unpack
    $set_up
    who = np.empty(x.shape[0], np.int64)
    live = 0
    for row in range(x.shape[0]):
        if code[row] == 0.0:
            who[live] = row
            live += 1
    k = 0
    while live > 0 and k < count:
        span = min(count - k, max(SPAN, k // 4 // SPAN * SPAN))
        for first in range(0, live, MOST):
            width_of_block = min(MOST, live - first)
            lanes = lanes_of(width_of_block)
            ids = np.empty(lanes, np.int64)
            top = np.empty(lanes)
            goal = np.empty(lanes)
            left = np.empty(lanes)
            how = np.empty(lanes)
            $allocate
            for i in range(lanes):
                row = who[first + min(i, width_of_block - 1)]
                ids[i] = particles[row]
                top[i] = best[row]
                goal[i] = goals[row]
                left[i] = math.inf
                how[i] = 0.0
                $load
            $prepare
            for done in range(0, span, $group):
                step = first_step + k + done
                $before
                for i in range(lanes):
                    particle = ids[i]
                    t, c, m, aim = left[i], how[i], top[i], goal[i]
                    $take
                    $draw
                    $steps
                    left[i], how[i], top[i] = t, c, m
                    $put
                $after
            for i in range(width_of_block):
                row = who[first + i]
                best[row] = top[i]
                time[row] = left[i]
                code[row] = how[i]
                $store
        k += span
        kept = 0
        for i in range(live):
            if code[who[i]] == 0.0:
                who[kept] = who[i]
                kept += 1
        live = kept
"""
