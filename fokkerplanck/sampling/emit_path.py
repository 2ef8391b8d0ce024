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

Entries = dict[tuple[int, int], str]  # code of the nonzero lower entries of a matrix


def cholesky_lines(entries: Entries, d: int) -> tuple[list[str], Entries]:
    """Lines that compute the Cholesky factor of a semidefinite matrix, and its entries."""
    lines: list[str] = []
    factor: Entries = {}
    for j in range(d):
        for i in range(j, d):
            inner = [f"l{i}_{m} * l{j}_{m}" for m in range(j) if (i, m) in factor and (j, m) in factor]
            if (i, j) not in entries and not inner:
                continue
            value = " - ".join([entries.get((i, j), "0.0"), *inner])
            if i == j:
                lines.append(f"l{j}_{j} = pivot_root({value}, {entries.get((j, j), '0.0')})")
            elif (j, j) in factor:
                lines.append(f"l{i}_{j} = quotient({value}, l{j}_{j})")
            else:  # an off-diagonal entry over a zero on the diagonal: not semidefinite
                lines.append(f"l{i}_{j} = math.nan")
            factor[i, j] = f"l{i}_{j}"
    return lines, factor


def _advance(program: PathProgram, hoist: Hoist) -> dict[str, Any]:
    d = len(program.state)
    lower = [(i, j) for i in range(d) for j in range(i + 1) if program.diffusion[i, j] != 0]
    expressions = [hoist(e) for e in (*program.drift, *(program.diffusion[ij] for ij in lower))]
    names = named(hoist, x=program.state) | ({LEARNING_RATE: "rate"} if program.scheduled else {})
    lines, results = lines_of(expressions, names)
    more, factor = cholesky_lines(dict(zip(lower, results[d:], strict=True)), d)
    noise = [[f"{factor[i, j]} * w{j}" for j in range(i + 1) if (i, j) in factor] for i in range(d)]
    advanced = [" + ".join([f"x{i} + h * {results[i]}", *noise[i]]) for i in range(d)]
    return {"advance": lines + more, "advanced": join(advanced)}


def increments(d: int, moments: int) -> list[str]:
    """Lines that draw standard normals ``w{moment}_{coordinate}`` of some moments, from a whole block on."""
    together = sharing(d)
    lines = []
    for k in range(0, moments, together):
        names = [f"w{m}_{j}" for m in range(k, k + together) for j in range(d)]
        lines += normals(len(names), names, "", f"moment // {together} + {k // together}", "PATH")
    return lines


def _paths(program: PathProgram, hoist: Hoist) -> dict[str, Any]:
    d = len(program.state)
    group = max(2, sharing(d))
    blocks = _advance(program, hoist)
    shared = common(hoist, d)
    c, constants = [f"c{j}" for j in range(d)], shared["constants"]
    x = [f"x{j}" for j in range(d)]
    steps = [f"w{m}_{j} *= r{m}" for m in range(group) for j in range(d)]
    for m in range(group):
        w = [f"w{m}_{j}" for j in range(d)]
        steps += [f"{join(x)}, = advance({join([*x, *w])}, h{m}, e{m}, {constants})"]
        steps += [f"{name} = bounded({name})" for name in x]
        if m % 2:
            both = [f"w{m - 1}_{j} + w{m}_{j}" for j in range(d)]
            steps += [f"{join(c)}, = advance({join([*c, *both])}, h{m - 1} + h{m}, e{m - 1}, {constants})"]
            steps += [f"{name} = bounded({name})" for name in c]
    return (
        shared
        | blocks
        | {
            "group": str(group),
            "noise": join([f"w{j}" for j in range(d)]),
            "allocate": [f"{name}{j} = np.empty(lanes)" for name in "pq" for j in range(d)],
            "load": [f"p{j}[i] = x[row, {j}]" for j in range(d)]
            + [f"q{j}[i] = coarse[row, {j}]" for j in range(d)],
            "sizes": [f"h{m} = dt[k + {m}]" for m in range(group)]
            + [f"r{m} = math.sqrt(2.0 * h{m})" for m in range(group)]
            + [f"e{m} = rates[k + {m}]" for m in range(group)],
            "take": [f"x{j} = p{j}[i]" for j in range(d)] + [f"c{j} = q{j}[i]" for j in range(d)],
            "draw": increments(d, group),
            "steps": steps,
            "put": [f"p{j}[i] = x{j}" for j in range(d)] + [f"q{j}[i] = c{j}" for j in range(d)],
            "store": [f"x[row, {j}] = p{j}[i]" for j in range(d)]
            + [f"coarse[row, {j}] = q{j}[i]" for j in range(d)],
        }
    )


@lru_cache(maxsize=128)
def path_kernel(program: PathProgram) -> Kernel:
    """Kernel of `run_paths`."""
    varying = (*program.state, LEARNING_RATE) if program.scheduled else program.state
    hoist = Hoist(varying)
    return build(_template.ADVANCE + _template.PATHS, _paths(program, hoist), hoist, program, "paths")


def _passage(program: PathProgram, hoist: Hoist, merge: int) -> dict[str, Any]:
    d = len(program.state)
    group = max(1, sharing(d) // merge)
    blocks = _advance(program, hoist)
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
        | blocks
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
def path_passage_kernel(program: PathProgram, merge: int) -> Kernel:
    """Kernel of `first_passage_paths` in steps of `merge` increments."""
    if program.level is None or program.scheduled:
        raise ValueError("first passage needs a program with a level function and a constant learning rate")
    hoist, state, level = Hoist(program.state), program.state, program.level
    slope = sympy.Matrix([real_form(level.diff(s)) for s in state])
    spread = (slope.T * program.diffusion * slope)[0]
    edge = [hoist(level), hoist(spread)]
    blocks = _passage(program, hoist, merge)
    lines, (value, width) = lines_of(edge, named(hoist, x=state))
    blocks |= {"edge": lines, "edge_level": value, "edge_spread": width}
    template = _template.ADVANCE + _template.EDGE + _template.PATH_PASSAGE
    return build(template, blocks, hoist, program, "passage")
