"""From a program and a score to the compiled kernel of its excursions."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import sympy

from fokkerplanck.codegen import real_form
from fokkerplanck.sampling import _splitting_template as _template
from fokkerplanck.sampling._chain_template import GRADIENT
from fokkerplanck.sampling.emit import Hoist, Kernel, build, common, fill, join, lines_of, named, sharing
from fokkerplanck.sampling.emit_chain import _affine, _Draws, _each_sample
from fokkerplanck.sampling.emit_path import increments
from fokkerplanck.sampling.program import ChainProgram, PathProgram
from fokkerplanck.sampling.schemes import DEFAULT, find

Lines = list[str]

# How an excursion ends.
FELL, LEFT, CLIMBED, DIVERGED = 1.0, 2.0, 3.0, 4.0
TABLED = 3  # most dimensions of a score on a grid


Program = PathProgram | ChainProgram


def _look(
    program: Program,
    hoist: Hoist,
    score: sympy.Expr | None,
    tabled: bool,
    *more: sympy.Expr,
) -> dict[str, Any]:
    """Lines that find the level, what else is asked, and the score: minus the level by default."""
    d, level = len(program.state), sympy.sympify(program.level)
    shown = [hoist(e) for e in (level, *more, -level if score is None else score)]
    lines, results = lines_of(shown, named(hoist, x=program.state))
    if tabled:
        results[-1] = f"lookup_{d}({join([f'x{j}' for j in range(d)])}, table, axes)"
    return {"look": lines, "looked": join(results)}


def _head(d: int, tabled: bool) -> str:
    lookup = f"from fokkerplanck._kernels.table import lookup_{d}\n" if tabled else ""
    return f"\nfrom fokkerplanck._kernels.lanes import MOST\n{lookup}\nSPAN = {_template.SPAN}\n"


def _move(d: int) -> Lines:
    return [f"x{j} = n{j} if alive else x{j}" for j in range(d)]


def _judge(r: int, d: int, leaves: str) -> Lines:
    """Lines that say whether and how an excursion ends with a step; `leaves`: seen at its end."""
    lost = " | ".join(f"(x{j} != x{j})" for j in range(d))
    return [
        "m = score if alive & (score > m) else m",
        f"ending = {FELL} if score <= low else 0.0",
        f"ending = {CLIMBED} if score > aim else ending",
        *([f"ending = {LEFT} if {leaves} else ending"] if leaves else []),
        f"ending = {DIVERGED} if {lost} else ending",
        "ending = ending if alive else 0.0",
        f"t = step + {r} + 1.0 if ending > 0.0 else t",
        "c = ending if ending > 0.0 else c",
    ]


@lru_cache(maxsize=128)
def chain_excursions(program: ChainProgram, score: sympy.Expr | None, tabled: bool) -> Kernel:
    """Kernel of excursions of a chain: nothing happens between its steps."""
    d = len(program.state)
    samples = [s for draw in program.draws for s in draw.symbols]
    hoist = Hoist((*program.state, *samples))
    gradient = [hoist(g) for g in program.gradient]
    _look(program, hoist, score, tabled)
    draws = _Draws(program, hoist, {s: f"s{j}" for j, s in enumerate(samples)})
    scheme = _affine if program.affine else _each_sample
    scheme(draws, [], "")  # finds the constants of the draws, before they are named
    looking = _look(program, hoist, score, tabled)
    lines, results = lines_of(gradient, named(hoist, x=program.state, s=samples))
    shared = common(hoist, d)
    state, constants = [f"x{j}" for j in range(d)], shared["constants"]
    group, draw, gradients, each = scheme(draws, state, constants)
    steps: Lines = []
    for r in range(group):
        steps += ["alive = c == 0.0", *([gradients[r]] if gradients[r] else [])]
        steps += [f"n{j} = bounded(x{j} - lr * g{j})" for j in range(d)] + _move(d)
        steps += [f"level, score = look({join(state)}, table, axes, {constants})"]
        steps += _judge(r, d, "level <= 0.0")
    arrays = [f"y{j} = np.empty(lanes)" for j in range(d)]
    arrays += [] if program.affine else [f"m{j} = np.empty(lanes)" for j in range(d)]
    blocks: dict[str, Any] = (
        shared
        | looking
        | {
            "samples": join([f"s{j}" for j in range(len(samples))] or ["_none"]),
            "gradient": lines,
            "gradients": join(results),
            "model": "lr, batch, data",
            "set_up": [
                "inv_batch = 1.0 / batch",
                "root_batch = math.sqrt(inv_batch)",
                "n_rows = data.shape[0]",
            ],
            "allocate": arrays,
            "prepare": draws.arrays(),
            "group": str(group),
            "before": [*draws.before(), *each],
            "load": [f"y{j}[i] = x[row, {j}]" for j in range(d)],
            "take": [f"x{j} = y{j}[i]" for j in range(d)],
            "draw": draw,
            "steps": steps,
            "put": [f"y{j}[i] = x{j}" for j in range(d)],
            "after": [],
            "store": [f"x[row, {j}] = y{j}[i]" for j in range(d)],
        }
    )
    template = _head(d, tabled) + GRADIENT + _template.LOOK + _template.RUN
    return build(template, blocks, hoist, program, "chain_excursions")


def order_of(program: PathProgram) -> int:
    """Weak order of the steps of `path_excursions`."""
    return 1 if program.diffusion.free_symbols & set(program.state) else 2


@lru_cache(maxsize=128)
def path_excursions(program: PathProgram, score: sympy.Expr | None, tabled: bool) -> Kernel:
    """Kernel of excursions of paths, which may leave the region between two steps.

    Steps by Euler-Maruyama; where D is constant by Heun's method, of weak order 2: the mean of a point and
    of what two Euler steps with the same noise make of it.
    """
    d = len(program.state)
    group = sharing(d)
    hoist, level = Hoist(program.state), sympy.sympify(program.level)
    slope = sympy.Matrix([real_form(level.diff(s)) for s in program.state])
    spread = (slope.T * program.diffusion * slope)[0]
    _look(program, hoist, score, tabled, spread)  # finds the constants, before they are named
    step = find(DEFAULT).emit(program, hoist)
    looking = _look(program, hoist, score, tabled, spread)
    shared = common(hoist, d)
    constants = shared["constants"]
    x, n = [f"x{j}" for j in range(d)], [f"n{j}" for j in range(d)]
    looked = f"look({join(x)}, table, axes, {constants})"
    steps, careful = [f"before, spread, score = {looked}", "risky = False"], []
    for r in range(group):
        w = [f"w{r}_{j}" for j in range(d)]
        move = [f"{name} *= root" for name in w]
        move += [f"{join(n)}, = advance({join([*x, *w])}, h, 0.0, {constants})"]
        if order_of(program) == 2:
            move += [f"{join(n)}, = advance({join([*n, *w])}, h, 0.0, {constants})"]
            move += [f"n{j} = 0.5 * (x{j} + n{j})" for j in range(d)]
        move += [f"n{j} = bounded(n{j})" for j in range(d)]
        steps += [
            *move,
            "alive = c == 0.0",
            *_move(d),
            f"level, width, score = {looked}",
            "risky = risky | (alive & may_cross(before, level, spread * h))",
            *_judge(r, d, ""),
            "before, spread = level, width",
        ]
        place = f"seed, particle, step + {r}"
        careful += [f"if step + {r} < stop and time == math.inf:"]  # it was alive when the step began
        careful += [f"    {line}" for line in (*move, *(f"x{j} = n{j}" for j in range(d)))]
        careful += [f"    level, width, score = {looked}"]
        careful += [f"    if crosses(before, level, spread * h, {place}):"]
        careful += [f"        time = step + {r} + crossing_fraction(before, level, spread * h, {place})"]
        careful += ["    before, spread = level, width"]
    steps += ["doubt[i] = risky"]
    blocks: dict[str, Any] = (
        shared
        | step.blocks
        | looking
        | {
            "noise": join([f"w{j}" for j in range(d)]),
            "model": "h",
            "set_up": ["root = math.sqrt(2.0 * h)"],
            "careful": careful,
            "allocate": [f"{name}{j} = np.empty(lanes)" for name in "yq" for j in range(d)]
            + ["doubt = np.empty(lanes, np.bool_)"],
            "prepare": [],
            "group": str(group),
            "before": ["moment = step"],
            "load": [f"y{j}[i] = x[row, {j}]" for j in range(d)],
            "take": [f"x{j} = y{j}[i]" for j in range(d)],
            "draw": increments(d, group),
            "steps": steps,
            "put": [f"q{j}[i] = x{j}" for j in range(d)],
            "after": fill(
                _template.AGAIN.strip("\n"),
                **shared,
                left_region=str(LEFT),
                take=[f"x{j} = y{j}[i]" for j in range(d)],
                accept=[f"y{j}[i] = q{j}[i]" for j in range(d)],
            ).splitlines(),
            "store": [f"x[row, {j}] = y{j}[i]" for j in range(d)],
        }
    )
    template = _head(d, tabled) + step.template + _template.LOOK + _template.CROSSING + _template.RUN
    return build(template, blocks, hoist, program, "path_excursions")
