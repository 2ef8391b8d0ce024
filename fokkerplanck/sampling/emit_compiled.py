"""The kernel of a chain whose gradient is a compiled function."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import sympy
from numpy.typing import NDArray

from fokkerplanck._kernels import descent
from fokkerplanck.codegen import load_module, numpy_function, scalar_source
from fokkerplanck.sampling import _template
from fokkerplanck.sampling.emit import Kernel, fill
from fokkerplanck.sampling.program import CompiledProgram

Array = NDArray[np.float64]
Table = NDArray[np.int64]

# The level of a region at a point.
EDGE_AT = """

@lane
def edge(x):
    $take
    $edge
    return $level
"""


_ROOM = 2**20  # rows drawn at a time


@lru_cache(maxsize=128)
def compiled_kernel(program: CompiledProgram) -> Kernel:
    """A kernel that is called like that of a generated chain."""
    drawn = {"iid": descent.IID, "without-replacement": descent.WITHOUT_REPLACEMENT, "epoch": descent.EPOCH}
    level = sympy.S.One if program.level is None else program.level
    used = [(s, f"x{j}", j) for j, s in enumerate(program.state) if level.has(s)]
    source = "" if program.level is None else _edge(level, used)
    edge = load_module(source, "region").edge if source else descent.nowhere
    evaluate = numpy_function([level], [s for s, _, _ in used])

    def advance(
        x: Array, time: Array, lr: Array, data: Array, constants: Array, table: Table, step: int
    ) -> None:
        momentum, decay = (float(c) for c in constants)
        functions = program.function, edge
        descent.descend(*functions, x, time, lr, data, momentum, program.nesterov, decay, table, step)

    def run(
        x: Array,
        time: Array,
        particles: NDArray[np.int64],
        lr: Array,
        batch: int,
        data: Array,
        constants: Array,
        seed: np.uint64,
        first_step: int,
        table: Table | None = None,
        offset: int = 0,
    ) -> None:
        if table is not None:  # given: steps of no length, before and behind, have no row in it
            steps = np.clip(np.arange(offset, offset + len(lr)), 0, table.shape[1] - 1)
            advance(x, time, lr, data, constants, np.take(table, steps, axis=1), first_step)
            return
        block = max(1, _ROOM // (len(lr) * batch))
        for first in range(0, len(x), block):
            r = slice(first, first + block)
            rows = np.empty((len(x[r]), len(lr), batch), np.int64)
            descent.draw(rows, len(data), drawn[program.sampling], particles[r], seed, first_step)
            advance(x[r], time[r], lr, data, constants, rows, first_step)

    def outside(x: Array, values: Array) -> NDArray[np.bool_]:
        return np.broadcast_to(~(evaluate(*(x[:, j] for _, _, j in used))[0] > 0.0), len(x))

    return Kernel(run=run, constants=np.asarray, outside=outside, source=source, block=1)


def _edge(level: sympy.Expr, used: list[tuple[sympy.Symbol, str, int]]) -> str:
    lines, (value,) = scalar_source([level], [s for s, _, _ in used], [name for _, name, _ in used])
    take = [f"{name} = x[{j}]" for _, name, j in used]
    return _template.HEADER + fill(EDGE_AT, take=take, edge=lines, level=value)
