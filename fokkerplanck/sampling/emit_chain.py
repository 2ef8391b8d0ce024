"""From a chain program to its compiled kernel."""

from __future__ import annotations

from functools import lru_cache

import sympy

from fokkerplanck.sampling import _template
from fokkerplanck.sampling.emit import Hoist, Kernel, build, common, fill, join, lines_of, named, normals
from fokkerplanck.sampling.program import ChainProgram


def _draw_lines(
    program: ChainProgram, hoist: Hoist, symbols: dict[sympy.Symbol, str]
) -> tuple[list[str], list[str], list[str]]:
    """Lines that prepare a particle, choose the rows of a batch, and draw batch means or one sample."""
    prepare, rows, draw = [], [], []
    normal = [(s, d) for d in program.draws if d.kind == "normal" for s in d.symbols]
    lanes = [(s, d) for d in program.draws if d.kind in ("rademacher", "uniform") for s in d.symbols]
    columns = [s for d in program.draws if d.kind == "data" for s in d.symbols]
    blocks = (len(normal) + 3) // 4
    base = "SAMPLE" if program.affine else f"SAMPLE + b * {max(blocks, 1)}"
    scale = "root_batch" if program.affine else ""
    draw += normals(len(normal), [symbols[s] for s, _ in normal], scale, "step", base)
    for s, d in normal:
        mean, std = (_text(hoist, p) for p in d.parameters)
        draw.append(f"{symbols[s]} = {mean} + {std} * {symbols[s]}")
    for lane, (s, d) in enumerate(lanes):
        kind = "rademacher_mean" if d.kind == "rademacher" else "uniform_mean"
        place, many = f"LANE + ({lane} << 20)", "batch"
        if not program.affine:
            place, many = place + " + b", "1"
        draw.append(f"{symbols[s]} = {kind}(seed, particle, step, {place}, {many})")
        if d.kind == "uniform":
            low, width = _text(hoist, d.parameters[0]), _text(hoist, d.parameters[1] - d.parameters[0])
            draw.append(f"{symbols[s]} = {low} + {width} * {symbols[s]}")
    if columns:
        prepare = ["rows = np.empty(batch, np.int64)"]
        if program.sampling == "iid":
            rows = ["batches.independent(rows, n_rows, seed, particle, step)"]
        else:
            prepare.append("order = np.arange(n_rows)")
            size = "batch" if program.sampling == "without-replacement" else "n_rows"
            prepare.append(f"swaps = np.empty({size}, np.int64)")
            rows = ["batches.distinct(rows, order, swaps, seed, particle, step)"]
        if program.sampling == "epoch":
            prepare.append("current_epoch = -1")
            rows = _template.EPOCH_ROWS.strip("\n").splitlines()
        if program.affine:
            draw += [f"{symbols[s]} = 0.0" for s in columns]
            draw.append("for b in range(batch):")
            draw += [f"    {symbols[s]} += data[rows[b], {c}]" for c, s in enumerate(columns)]
            draw += [f"{symbols[s]} *= inv_batch" for s in columns]
        else:
            draw += [f"{symbols[s]} = data[rows[b], {c}]" for c, s in enumerate(columns)]
    return prepare, rows, draw


def _text(hoist: Hoist, expression: sympy.Expr) -> str:
    """A draw's parameter, which is a number or a constant of the kernel."""
    reduced = hoist(expression)
    _, (text,) = lines_of([reduced], named(hoist))
    return text


@lru_cache(maxsize=128)
def chain_kernel(program: ChainProgram) -> Kernel:
    """Kernel of `run_chain`, and of `first_passage_chain` where the program has a level."""
    d = len(program.state)
    samples = [s for draw in program.draws for s in draw.symbols]
    hoist = Hoist((*program.state, *samples))
    gradient = [hoist(g) for g in program.gradient]
    level = [] if program.level is None else [hoist(program.level)]
    called = {s: f"s{j}" for j, s in enumerate(samples)}
    prepare, rows, draw = _draw_lines(program, hoist, called)
    lines, results = lines_of(gradient, named(hoist, x=program.state, s=samples))
    g, one = ([f"{letter}{j}" for j in range(d)] for letter in "gp")
    blocks = common(hoist, d) | {
        "samples": join(list(called.values()) or ["_none"]),
        "gradient": lines,
        "gradients": join(results),
        "one": join(one),
        "zero_gradients": [f"{name} = 0.0" for name in g],
        "add_gradients": [f"g{j} += p{j} * inv_batch" for j in range(d)],
        "prepare": prepare if samples else ["_none = 0.0"],
        "rows": rows,
        "draw_one": draw,
        "descend": [f"x{j} -= lr[k] * g{j}" for j in range(d)],
        "leave": [],
    }
    each = fill(_template.EACH_SAMPLE.strip("\n"), **blocks)
    mean = [*draw, f"{join(g)}, = gradient({blocks['state']}, {blocks['samples']}, {blocks['constants']})"]
    blocks["draw"] = mean if program.affine else each.splitlines()
    template = _template.GRADIENT + _template.CHAIN
    if level:
        lines, (value,) = lines_of(level, named(hoist, x=program.state))
        blocks |= {"edge": lines, "edge_level": value}
        blocks["leave"] = fill(_template.LEAVE.strip("\n"), **blocks).splitlines()
        template = _template.LEVEL + template
    return build(template, blocks, hoist, program, "chain")
