"""From a chain program to its compiled kernel."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sympy

from fokkerplanck.sampling import _chain_template as _template
from fokkerplanck.sampling.emit import (
    Hoist,
    Kernel,
    build,
    common,
    fill,
    join,
    lines_of,
    named,
    normals,
    sharing,
)
from fokkerplanck.sampling.program import ChainProgram, Draw

Lines = list[str]


@dataclass(frozen=True)
class _Draws:
    """How the samples of a program are drawn: normals in the lane, everything else before it, in arrays."""

    program: ChainProgram
    hoist: Hoist
    names: dict[sympy.Symbol, str]

    def of(self, *kinds: str) -> list[tuple[sympy.Symbol, Draw]]:
        """Symbols of some kinds of draws."""
        return [(s, d) for d in self.program.draws if d.kind in kinds for s in d.symbols]

    @property
    def together(self) -> int:
        """Steps (or, of a gradient that is not affine, samples) whose normals share random blocks."""
        normal = len(self.of("normal"))
        return 1 if self.of("rademacher", "uniform", "data") else sharing(normal)

    def arrays(self) -> Lines:
        """Places for what is drawn before the lane."""
        others = self.of("rademacher", "uniform", "data") if self.program.affine else []
        lines = [f"a_{self.names[s]} = np.empty(lanes)" for s, _ in others]
        return lines + (self._rows_arrays() if self.of("data") else [])

    def _rows_arrays(self) -> Lines:
        lines = ["rows = np.empty((batch, lanes), np.int64)"]
        if self.program.sampling == "epoch":
            lines += ["order = np.empty((lanes, n_rows), np.int64)", "epoch = -1"]
        return lines

    def before(self) -> Lines:
        """Rows of the batch, and for an affine gradient the means of all that is not normal."""
        lines = []
        if self.of("data"):
            lines += {
                "iid": ["batches.independent_rows(rows, n_rows, ids, seed, step)"],
                "without-replacement": ["batches.distinct_rows(rows, n_rows, ids, seed, step)"],
                "epoch": ["epoch = batches.epoch_rows(rows, order, epoch, ids, seed, step)"],
                "given": ["batches.given_rows(rows, table, first, count, offset + k)"],
            }[self.program.sampling]
        if self.program.affine:
            for number, (s, d) in enumerate(self.of("rademacher", "uniform")):
                lines += [f"{d.kind}_means(a_{self.names[s]}, ids, seed, step, {_place(number)}, batch)"]
            for column, (s, _) in enumerate(self.of("data")):
                lines += [f"batches.column_means(a_{self.names[s]}, rows, data, {column})"]
        return lines

    def normals(self, step: str, base: str, rounds: int, scale: str) -> Lines:
        """Standard normals ``z{round}_{number}`` of some rounds, made to what the program says of them."""
        drawn = self.of("normal")
        names = [f"z{r}_{q}" for r in range(rounds) for q in range(len(drawn))]
        lines = normals(len(names), names, scale, step, base)
        for r in range(rounds):
            for q, (_, d) in enumerate(drawn):
                mean, std = (self.text(p) for p in d.parameters)
                lines += [f"z{r}_{q} = {mean} + {std} * z{r}_{q}"]
        return lines

    def values(self, r: int, others: dict[sympy.Symbol, str]) -> Iterable[str]:
        """Texts of all samples in round r, in the order of the gradient's arguments."""
        number = {s: q for q, (s, _) in enumerate(self.of("normal"))}
        return [f"z{r}_{number[s]}" if s in number else others[s] for s in self.names] or ["0.0"]

    def atoms(self) -> tuple[Lines, dict[sympy.Symbol, str]]:
        """Lines that read the means drawn before the lane, and their names."""
        lines, found = [], {}
        for s, d in self.of("rademacher", "uniform", "data"):
            found[s] = self.names[s]
            lines += [f"{self.names[s]} = a_{self.names[s]}[i]", *self._stretched(s, d)]
        return lines, found

    def one(self) -> tuple[Lines, dict[sympy.Symbol, str]]:
        """Lines that draw one sample of what is not normal, and the names."""
        lines, found = [], {}
        for number, (s, d) in enumerate(self.of("rademacher", "uniform")):
            found[s] = self.names[s]
            lines += [f"{found[s]} = {d.kind}_mean(seed, particle, step, {_place(number)} + b, 1)"]
            lines += self._stretched(s, d)
        for column, (s, _) in enumerate(self.of("data")):
            found[s] = self.names[s]
            lines += [f"{found[s]} = data[rows[b, i], {column}]"]
        return lines, found

    def _stretched(self, s: sympy.Symbol, d: Draw) -> Lines:
        if d.kind != "uniform":
            return []
        low, width = self.text(d.parameters[0]), self.text(d.parameters[1] - d.parameters[0])
        return [f"{self.names[s]} = {low} + {width} * {self.names[s]}"]

    def text(self, expression: sympy.Expr) -> str:
        """A draw's parameter, which is a number or a constant of the kernel."""
        _, (text,) = lines_of([self.hoist(expression)], named(self.hoist))
        return text


def _place(number: int) -> str:
    return f"LANE + ({number} << 20)"


def _affine(draws: _Draws, state: Lines, constants: str) -> tuple[int, Lines, Lines, Lines]:
    """Steps of a group, lines that draw them, lines that find the gradient of each, and no samples alone."""
    group = draws.together
    step = f"step // {group}" if group > 1 else "step"
    draw = draws.normals(step, "SAMPLE", group, "root_batch")
    lines, others = draws.atoms()
    gradients = []
    g = [f"g{j}" for j in range(len(state))]
    for r in range(group):
        gradients += [f"{join(g)}, = gradient({join([*state, *draws.values(r, others)])}, {constants})"]
    return group, draw + lines, gradients, []


def _each_sample(draws: _Draws, state: Lines, constants: str) -> tuple[int, Lines, Lines, Lines]:
    """The same where every sample's gradient is needed."""
    d, together = len(state), draws.together
    blocks = (len(draws.of("normal")) * together + 3) // 4
    lines, others = draws.one()
    draw = draws.normals("step", f"SAMPLE + b // {together} * {max(blocks, 1)}", together, "")
    add = []
    one = [f"p{j}" for j in range(d)]
    for r in range(together):
        add += [f"{join(one)}, = gradient({join([*state, *draws.values(r, others)])}, {constants})"]
        add += [f"m{j}[i] += p{j} * inv_batch if b + {r} < batch else 0.0" for j in range(d)]
    blocks_of = {
        "zero_gradients": [f"m{j}[i] = 0.0" for j in range(d)],
        "samples_a_block": str(together),
        "take_state": [f"x{j} = y{j}[i]" for j in range(d)],
        "draw_one": draw + lines,
        "add_gradients": add,
    }
    each = fill(_template.EACH_SAMPLE.strip("\n"), **blocks_of).splitlines()
    return 1, [f"g{j} = m{j}[i]" for j in range(d)], [""], each


@dataclass(frozen=True)
class _Pull:
    """What a step follows: the gradient g, or with momentum the buffer v, which becomes w."""

    momentum: str  # its name in the kernel; empty without
    nesterov: bool

    def gathered(self, d: int) -> Lines:
        return [f"w{j} = {self.momentum} * v{j} + g{j}" for j in range(d)] if self.momentum else []

    def text(self, j: int) -> str:
        if not self.momentum:
            return f"g{j}"
        return f"(g{j} + {self.momentum} * w{j})" if self.nesterov else f"w{j}"

    def kept(self, d: int, condition: str) -> Lines:
        """Lines that keep the buffer, but not that of a step of no length."""
        return [f"v{j} = w{j} if {condition} else v{j}" for j in range(d)] if self.momentum else []


def _steps(
    group: int, gradients: Lines, d: int, state: Lines, constants: str, leaves: bool, pull: _Pull
) -> Lines:
    """Lines of the steps of a group."""
    lines = []
    for r in range(group):
        lines += [gradients[r]] if gradients[r] else []
        lines += pull.gathered(d)
        lines += [f"n{j} = bounded(x{j} - e{r} * {pull.text(j)})" for j in range(d)]
        if not leaves:
            lines += [f"x{j} = n{j}" for j in range(d)]
            lines += pull.kept(d, f"e{r} > 0.0")
            continue
        lines += ["alive = t == math.inf"]
        lines += [f"x{j} = n{j} if alive else x{j}" for j in range(d)]
        lines += pull.kept(d, f"alive & (e{r} > 0.0)")
        ends = [f"(edge({join(state)}, {constants}) <= 0.0)", *(f"(x{j} != x{j})" for j in range(d))]
        lines += [f"ended = alive & (e{r} > 0.0) & ({' | '.join(ends)})"]
        lines += [f"t = step + {r} + 1.0 if ended else t"]
    return lines


@lru_cache(maxsize=128)
def chain_kernel(program: ChainProgram) -> Kernel:
    """Kernel of `run_chain`, and of `first_passage_chain` where the program has a level."""
    d = len(program.state)
    samples = [s for d in program.draws for s in d.symbols]
    hoist = Hoist((*program.state, *samples))
    gradient = [hoist(g) for g in program.gradient]
    level = [] if program.level is None else [hoist(program.level)]
    draws = _Draws(program, hoist, {s: f"s{j}" for j, s in enumerate(samples)})
    scheme = _affine if program.affine else _each_sample
    scheme(draws, [], "")  # finds the constants of the draws, before they are named
    pull = _Pull("" if program.momentum is None else draws.text(program.momentum), program.nesterov)
    lines, results = lines_of(gradient, named(hoist, x=program.state, s=samples))
    shared = common(hoist, d)
    state = [f"x{j}" for j in range(d)]
    group, draw, gradients, each = scheme(draws, state, shared["constants"])
    moving = [*state, *([f"v{j}" for j in range(d)] if pull.momentum else [])]
    arrays = [f"y{j} = np.empty(lanes)" for j in range(len(moving))]
    arrays += [] if program.affine else [f"m{j} = np.empty(lanes)" for j in range(d)]
    clock = ["t = left[i]"] if level else []
    blocks: dict[str, Any] = shared | {
        "samples": join([f"s{j}" for j in range(len(samples))] or ["_none"]),
        "gradient": lines,
        "gradients": join(results),
        "table": ", table, offset" if program.sampling == "given" else "",
        "allocate": arrays,
        "prepare": draws.arrays(),
        "group": str(group),
        "rates": [f"e{r} = lr[k + {r}]" for r in range(group)],
        "before": draws.before(),
        "each": each,
        "load": [f"y{j}[i] = x[row, {j}]" for j in range(len(moving))],
        "take": [f"{name} = y{j}[i]" for j, name in enumerate(moving)] + clock,
        "draw": draw,
        "steps": _steps(group, gradients, d, state, shared["constants"], bool(level), pull),
        "put": [f"y{j}[i] = {name}" for j, name in enumerate(moving)] + (["left[i] = t"] if level else []),
        "store": [f"x[row, {j}] = y{j}[i]" for j in range(len(moving))],
    }
    template = _template.GRADIENT + _template.CHAIN
    if level:
        lines, (value,) = lines_of(level, named(hoist, x=program.state))
        blocks |= {"edge": lines, "edge_level": value}
        template = _template.LEVEL + template
    return build(template, blocks, hoist, program, "chain")
