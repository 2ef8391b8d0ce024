"""From a path program to its compiled kernels."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import sympy

from fokkerplanck.codegen import real_form
from fokkerplanck.formula import LEARNING_RATE
from fokkerplanck.sampling import _template
from fokkerplanck.sampling.emit import Hoist, Kernel, build, common, join, lines_of, named, normals, sharing
from fokkerplanck.sampling.program import PathProgram
from fokkerplanck.sampling.schemes import DEFAULT, SCHEMES, Scheme, Step, check_crossing


def increments(d: int, moments: int) -> list[str]:
    """Lines that draw standard normals ``w{moment}_{coordinate}`` of some moments, from a whole block on."""
    together = sharing(d)
    lines = []
    for k in range(0, moments, together):
        names = [f"w{m}_{j}" for m in range(k, k + together) for j in range(d)]
        lines += normals(len(names), names, "", f"moment // {together} + {k // together}", "PATH")
    return lines


def sign_lines(group: int, signs: int) -> list[str]:
    """Lines that draw the random signs ``s{moment}_{number}`` of a group of moments."""
    lines = []
    for bit in range(group * signs):
        block, place = divmod(bit, 128)
        if place == 0:
            four = join([f"u{4 * block + j}" for j in range(4)])
            lines.append(f"{four} = words(seed, particle, moment // {group}, AREA + {block})")
        m, p = divmod(bit, signs)
        lines.append(f"s{m}_{p} = sign_of(u{bit // 32}, {bit % 32})")
    return lines


def _remembered(d: int, group: int) -> dict[str, list[str]]:
    """Lines by which the normal numbers of the step before, of either run, are kept in the lane.

    A run begins with steps of no length, so that what is there at first does not matter.
    """
    kept = [f"{letter}{j}" for letter in "gf" for j in range(d)]  # of the fine run, of the coarse one
    steps: list[str] = []
    for m in range(group):
        last = [f"z{m - 1}_{j}" if m else f"g{j}" for j in range(d)]
        steps += [f"v{m}_{j} = r{m} * {last[j]}" for j in range(d)]
        if m % 2:
            pair = [f"HALF_ROOT * (z{m - 3}_{j} + z{m - 2}_{j})" if m > 1 else f"f{j}" for j in range(d)]
            steps += [f"o{m}_{j} = root{m} * {pair[j]}" for j in range(d)]
    return {
        "allocate": [f"{name}s = np.empty(lanes)" for name in kept],
        "load": [f"{name}s[i] = 0.0" for name in kept],
        "sizes": [f"root{m} = math.sqrt(2.0 * (h{m - 1} + h{m}))" for m in range(1, group, 2)],
        "take": [f"{name} = {name}s[i]" for name in kept],
        "draw": [f"z{m}_{j} = w{m}_{j}" for m in range(group) for j in range(d)],
        "steps": steps,
        "put": [f"g{j}s[i] = z{group - 1}_{j}" for j in range(d)]
        + [f"f{j}s[i] = HALF_ROOT * (z{group - 2}_{j} + z{group - 1}_{j})" for j in range(d)],
    }


def noise_names(scheme: Scheme, step: Step, d: int) -> str:
    """Names of what is random in a step, where `advance` is defined."""
    w, v = ([f"{letter}{j}" for j in range(d)] for letter in "wv")
    return join([*w, *(v if scheme.previous else []), *(f"s{p}" for p in range(step.signs))])


def _paths(program: PathProgram, scheme: Scheme, hoist: Hoist) -> tuple[str, dict[str, Any]]:
    d = len(program.state)
    group = max(2, sharing(d))
    step = scheme.emit(program, hoist)
    shared = common(hoist, d)
    c, constants = [f"c{j}" for j in range(d)], shared["constants"]
    x = [f"x{j}" for j in range(d)]
    more = _remembered(d, group) if scheme.previous else {}
    steps = [*more.get("steps", []), *(f"w{m}_{j} *= r{m}" for m in range(group) for j in range(d))]
    for m in range(group):
        w = [f"w{m}_{j}" for j in range(d)]
        signs = [f"s{m}_{p}" for p in range(step.signs)]
        last = [f"v{m}_{j}" for j in range(d) if scheme.previous]
        steps += [f"{join(x)}, = advance({join([*x, *w, *last, *signs])}, h{m}, e{m}, {constants})"]
        steps += [f"{name} = bounded({name})" for name in x]
        if m % 2:
            both = [f"w{m - 1}_{j} + w{m}_{j}" for j in range(d)]
            last = [f"o{m}_{j}" for j in range(d) if scheme.previous]
            signs = [f"s{m - 1}_{p}" for p in range(step.signs)]
            drawn = join([*c, *both, *last, *signs])
            steps += [f"{join(c)}, = advance({drawn}, h{m - 1} + h{m}, e{m - 1}, {constants})"]
            steps += [f"{name} = bounded({name})" for name in c]
    blocks: dict[str, Any] = {
        "group": str(group),
        "noise": noise_names(scheme, step, d),
        "allocate": [f"{name}{j} = np.empty(lanes)" for name in "pq" for j in range(d)],
        "load": [f"p{j}[i] = x[row, {j}]" for j in range(d)]
        + [f"q{j}[i] = coarse[row, {j}]" for j in range(d)],
        "sizes": [f"h{m} = dt[k + {m}]" for m in range(group)]
        + [f"r{m} = math.sqrt(2.0 * h{m})" for m in range(group)]
        + [f"e{m} = rates[k + {m}]" for m in range(group)],
        "take": [f"x{j} = p{j}[i]" for j in range(d)] + [f"c{j} = q{j}[i]" for j in range(d)],
        "draw": increments(d, group) + sign_lines(group, step.signs),
        "put": [f"p{j}[i] = x{j}" for j in range(d)] + [f"q{j}[i] = c{j}" for j in range(d)],
        "store": [f"x[row, {j}] = p{j}[i]" for j in range(d)]
        + [f"coarse[row, {j}] = q{j}[i]" for j in range(d)],
    }
    blocks = {name: block + more.get(name, []) if name in more else block for name, block in blocks.items()}
    return step.template, shared | step.blocks | blocks | {"steps": steps}


@lru_cache(maxsize=128)
def path_kernel(program: PathProgram, scheme: Scheme = SCHEMES[DEFAULT]) -> Kernel:
    """Kernel of `run_paths`."""
    scheme.check(program)
    varying = (*program.state, LEARNING_RATE) if program.scheduled else program.state
    hoist = Hoist(varying)
    template, blocks = _paths(program, scheme, hoist)
    return build(template + _template.PATHS, blocks, hoist, program, "paths")


def _passage(step: Step, hoist: Hoist, d: int, merge: int) -> dict[str, Any]:
    group = max(1, sharing(d) // merge)
    shared = common(hoist, d)
    x, constants = [f"x{j}" for j in range(d)], shared["constants"]
    steps, careful = [], []
    for r in range(group):
        w = [" + ".join(f"w{m}_{j}" for m in range(r * merge, (r + 1) * merge)) for j in range(d)]
        noise = [f"v{j} = ({sum_}) * root" for j, sum_ in enumerate(w)]
        noise += [
            f"{join(x)}, = advance({join(x)}, {join([f'v{j}' for j in range(d)])}, h, 0.0, {constants})"
        ]
        noise += [f"{name} = bounded({name})" for name in x]
        noise += [f"after, width = edge({join(x)}, 0.0, {constants})"]
        steps += [
            *noise,
            "risky = risky | may_cross(before, after, spread * h)",
            "before, spread = after, width",
        ]
        lost = " or ".join(f"{name} != {name}" for name in x)
        careful += [f"if step + {r} < last and time == math.inf:"]
        careful += [f"    {line}" for line in noise]
        careful += [f"    if {lost}:"]
        careful += [f"        {join(x)}, = {join(['math.nan'] * d)},", f"        time = h * (step + {r} + 1)"]
        place = f"seed, particle, step + {r}"
        careful += [f"    elif crosses(before, after, spread * h, {place}):"]
        careful += [f"        part = crossing_fraction(before, after, spread * h, {place})"]
        careful += [f"        time = h * (step + {r} + part)"]
        careful += ["    before, spread = after, width"]
    return (
        shared
        | step.blocks
        | {
            "merge": str(merge),
            "group": str(group),
            "noise": join([f"w{j}" for j in range(d)]),
            "allocate": [f"{name}{j} = np.empty(lanes)" for name in "pq" for j in range(d)],
            "load": [f"p{j}[i] = x[row, {j}]" for j in range(d)],
            "take": [f"x{j} = p{j}[i]" for j in range(d)],
            "draw": increments(d, group * merge),
            "steps": steps,
            "careful_steps": careful,
            "put": [f"q{j}[i] = x{j}" for j in range(d)],
            "advance_lane": [f"p{j}[i] = q{j}[i]" for j in range(d)],
            "store": [f"x[row, {j}] = p{j}[i]" for j in range(d)],
        }
    )


@lru_cache(maxsize=128)
def path_passage_kernel(program: PathProgram, scheme: Scheme, merge: int) -> Kernel:
    """Kernel of `first_passage_paths` in steps of `merge` increments."""
    if program.level is None or program.scheduled:
        raise ValueError("first passage needs a program with a level function and a constant learning rate")
    check_crossing(scheme)
    scheme.check(program)
    hoist, state, level = Hoist(program.state), program.state, program.level
    slope = sympy.Matrix([real_form(level.diff(s)) for s in state])
    spread = (slope.T * program.diffusion * slope)[0]
    edge = [hoist(level), hoist(spread)]
    step = scheme.emit(program, hoist)
    blocks = _passage(step, hoist, len(state), merge)
    lines, (value, width) = lines_of(edge, named(hoist, x=state))
    blocks |= {"edge": lines, "edge_level": value, "edge_spread": width}
    template = step.template + _template.EDGE + _template.PATH_PASSAGE
    return build(template, blocks, hoist, program, "passage")
