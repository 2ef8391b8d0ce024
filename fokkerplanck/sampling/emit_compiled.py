"""The kernel of a chain whose gradient is a compiled function."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import sympy

from fokkerplanck.codegen import load_module, numpy_function, scalar_source
from fokkerplanck.sampling import _template
from fokkerplanck.sampling.emit import Kernel, fill
from fokkerplanck.sampling.program import CompiledProgram

# The level of a region at a point.
EDGE_AT = """

@lane
def edge(x):
    $take
    $edge
    return $level
"""


@lru_cache(maxsize=128)
def compiled_kernel(program: CompiledProgram) -> Kernel:
    """A kernel that is called like that of a generated chain."""
    from fokkerplanck._kernels import descent

    numbers = {
        "iid": descent.IID,
        "without-replacement": descent.WITHOUT_REPLACEMENT,
        "epoch": descent.EPOCH,
        "given": descent.GIVEN,
    }
    sampling, none = numbers[program.sampling], np.zeros((1, 1, 1), np.int64)
    level = sympy.S.One if program.level is None else program.level
    used = [(s, f"x{j}", j) for j, s in enumerate(program.state) if level.has(s)]
    source = "" if program.level is None else _edge(level, used)
    edge = load_module(source, "region").edge if source else descent.nowhere
    evaluate = numpy_function([level], [s for s, _, _ in used])

    def run(
        x: Any, time: Any, particles: Any, lr: Any, batch: int, data: Any, constants: Any, *rest: Any
    ) -> None:
        seed, first_step, *given = rest
        momentum, decay = (float(c) for c in constants)
        descent.descend(
            *(program.function, edge, x, time, particles, lr, batch, data),
            *(momentum, program.nesterov, decay, sampling, seed, first_step),
            *(given or (none, 0)),
        )

    def outside(x: Any, values: Any) -> Any:
        return np.broadcast_to(~(evaluate(*(x[:, j] for _, _, j in used))[0] > 0.0), len(x))

    return Kernel(run=run, constants=np.asarray, outside=outside, source=source, block=1)


def _edge(level: sympy.Expr, used: list[tuple[sympy.Symbol, str, int]]) -> str:
    lines, (value,) = scalar_source([level], [s for s, _, _ in used], [name for _, name, _ in used])
    take = [f"{name} = x[{j}]" for _, name, j in used]
    return _template.HEADER + fill(EDGE_AT, take=take, edge=lines, level=value)
