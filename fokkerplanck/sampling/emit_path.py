"""From a path program to its compiled kernels."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import sympy

from fokkerplanck.codegen import real_form
from fokkerplanck.formula import LEARNING_RATE
from fokkerplanck.sampling import _template
from fokkerplanck.sampling.emit import Hoist, Kernel, build, common, join, lines_of, named, normals
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


def _path_blocks(program: PathProgram, hoist: Hoist) -> dict[str, Any]:
    d = len(program.state)
    advance = _advance(program, hoist)
    w, v, c = ([f"{letter}{j}" for j in range(d)] for letter in "wvc")
    shared = common(hoist, d)
    return (
        shared
        | advance
        | {
            "noise": join(w),
            "sums": join(v),
            "coarse_state": join(c),
            "coarse_bounded": shared["bounded"].replace("abs(x", "abs(c"),
            "load_coarse": [f"c{j} = coarse[i, {j}]" for j in range(d)],
            "store_coarse": [f"coarse[i, {j}] = c{j}" for j in range(d)],
            "lose_coarse": [f"c{j} = math.nan" for j in range(d)],
            "zero_sums": [f"v{j} = 0.0" for j in range(d)],
            "add_sums": [f"v{j} += w{j}" for j in range(d)],
            "increments": normals(d, w, "root", "moment", "PATH"),
        }
    )


@lru_cache(maxsize=128)
def path_kernel(program: PathProgram) -> Kernel:
    """Kernel of `run_paths`."""
    varying = (*program.state, LEARNING_RATE) if program.scheduled else program.state
    hoist = Hoist(varying)
    blocks = _path_blocks(program, hoist)
    return build(_template.ADVANCE + _template.PATHS, blocks, hoist, program, "paths")


@lru_cache(maxsize=128)
def path_passage_kernel(program: PathProgram) -> Kernel:
    """Kernel of `first_passage_paths`."""
    if program.level is None or program.scheduled:
        raise ValueError("first passage needs a program with a level function and a constant learning rate")
    hoist, state, level = Hoist(program.state), program.state, program.level
    slope = sympy.Matrix([real_form(level.diff(s)) for s in state])
    spread = (slope.T * program.diffusion * slope)[0]
    edge = [hoist(level), hoist(spread)]
    blocks = _path_blocks(program, hoist)
    lines, (value, width) = lines_of(edge, named(hoist, x=state))
    blocks |= {"edge": lines, "edge_level": value, "edge_spread": width}
    template = _template.ADVANCE + _template.EDGE + _template.PATH_PASSAGE
    return build(template, blocks, hoist, program, "passage")
