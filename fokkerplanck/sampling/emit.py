"""Filling the templates: constants taken out of the loop, names, blocks of lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from string import Template
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from fokkerplanck.codegen import load_module, numpy_function, real_form, scalar_source
from fokkerplanck.sampling import _template
from fokkerplanck.sampling.program import ChainProgram, PathProgram

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Kernel:
    """A compiled kernel, and what it needs from the outside."""

    run: Any
    constants: Callable[[Array], Array]  # of the parameters' values
    outside: Callable[[Array, Array], NDArray[np.bool_]]  # of the particles (n, d) and the values
    source: str
    block: int = 256  # rows that it advances together


class Hoist:
    """Collects the parts of formulas that hold no varying symbol; the kernel finds them in an array.

    So they are computed once, and another value of a parameter is not another program.
    """

    def __init__(self, varying: Sequence[sympy.Symbol]) -> None:
        self.varying = tuple(varying)
        self.found: dict[sympy.Expr, sympy.Symbol] = {}
        self.done: dict[sympy.Expr, sympy.Expr] = {}

    def __call__(self, expression: sympy.Expr) -> sympy.Expr:
        expression = real_form(sympy.sympify(expression))
        if expression not in self.done:
            self.done[expression] = self.reduce(expression)
        return self.done[expression]

    def constant(self, expression: sympy.Expr) -> sympy.Symbol:
        return self.found.setdefault(expression, sympy.Dummy("k", real=True))

    def reduce(self, e: sympy.Expr) -> sympy.Expr:
        if not e.free_symbols:
            return e
        if not e.has(*self.varying):
            return self.constant(e)
        if e.is_Add or e.is_Mul:
            fixed, rest = e.as_independent(*self.varying, as_Add=e.is_Add)
            parts = [self(a) for a in e.func.make_args(rest)]
            return e.func(self.constant(fixed) if fixed.free_symbols else fixed, *parts)
        return e.func(*(self(a) for a in e.args)) if e.args else e

    def function(self, parameters: tuple[sympy.Symbol, ...]) -> Callable[[Array], Array]:
        """The constants as a function of the parameters' values; one at least, for Numba."""
        compiled = numpy_function([*self.found] or [sympy.S.Zero], parameters)
        return lambda values: np.array([float(v) for v in compiled(*values)])


def build(
    template: str, blocks: dict[str, Any], hoist: Hoist, program: PathProgram | ChainProgram, stem: str
) -> Kernel:
    """Fill a template and load it."""
    source = _template.HEADER + fill(template, **blocks)
    level = sympy.S.One if program.level is None else program.level
    evaluate = numpy_function([level], [*program.state, *program.parameters])
    return Kernel(
        run=load_module(source, stem).run,
        constants=hoist.function(program.parameters),
        outside=lambda x, values: ~(evaluate(*x.T, *values)[0] > 0.0),
        source=source,
    )


def fill(template: str, **blocks: str | Sequence[str]) -> str:
    """Put text (strings) and indented lines (lists) in the places of a template."""
    words = {name: block for name, block in blocks.items() if isinstance(block, str)}
    lines: list[str] = []
    for line in template.splitlines():
        place = line.strip()[1:]
        if line.strip().startswith("$") and place in blocks and not isinstance(blocks[place], str):
            margin = line[: len(line) - len(line.lstrip())]
            lines += [margin + inner for inner in blocks[place]]
        else:
            lines.append(Template(line).substitute(words))
    return "\n".join(lines) + "\n"


def join(names: Sequence[str]) -> str:
    """A list of names in code."""
    return ", ".join(names)


def constant_names(hoist: Hoist) -> list[str]:
    """Names of the constants of a kernel, one at least; to be asked for once all formulas are hoisted."""
    return [f"k{j}" for j in range(max(len(hoist.found), 1))]


def common(hoist: Hoist, d: int) -> dict[str, Any]:
    """Blocks that every kernel has."""
    x, k = [f"x{j}" for j in range(d)], constant_names(hoist)
    return {
        "state": join(x),
        "constants": join(k),
        "unpack": [f"{name} = constants[{j}]" for j, name in enumerate(k)],
        "load": [f"{name} = x[i, {j}]" for j, name in enumerate(x)],
        "store": [f"x[i, {j}] = {name}" for j, name in enumerate(x)],
        "lose": [f"{name} = math.nan" for name in x],
        "bounded": " and ".join(f"abs({name}) <= LIMIT" for name in x),
    }


def lines_of(
    expressions: Sequence[sympy.Expr], symbols: dict[sympy.Symbol, str]
) -> tuple[list[str], list[str]]:
    """Lines of a kernel that compute the expressions, and the texts of the results."""
    return scalar_source(expressions, list(symbols), list(symbols.values()))


def named(hoist: Hoist, **groups: Sequence[sympy.Symbol]) -> dict[sympy.Symbol, str]:
    """Internal names of the symbols of a kernel, numbered within each group."""
    names = {s: f"{letter}{j}" for letter, group in groups.items() for j, s in enumerate(group)}
    return names | {symbol: f"k{j}" for j, symbol in enumerate(hoist.found.values())}


def normals(count: int, targets: Sequence[str], scale: str, step: str, base: str) -> list[str]:
    """Lines that draw `count` normals, four at a time."""
    lines = []
    for j in range(0, count, 4):
        four = [*targets[j : j + 4], "_", "_", "_"][:4]
        lines.append(f"{join(four)} = normals(seed, particle, {step}, {base} + {j // 4})")
    return lines + [f"{t} *= {scale}" for t in targets if scale]


def sharing(count: int) -> int:
    """How many consecutive draws of `count` normals fill whole random blocks of four; 1 from 4 on."""
    return {1: 4, 2: 2, 3: 4}.get(count, 1)
