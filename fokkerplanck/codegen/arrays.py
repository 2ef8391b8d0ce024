"""From sympy expressions to functions of NumPy arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from fokkerplanck.codegen.printer import NUMPY, emit

Array = NDArray[np.float64]


def _heaviside(x: Any) -> Any:
    return np.heaviside(x, 0.5)


def numpy_function(
    expressions: Sequence[sympy.Expr], arguments: Sequence[sympy.Symbol]
) -> Callable[..., tuple[Array, ...]]:
    """A function of arrays, one an argument, that returns the value of each expression as an array.

    Sub-expressions common to all expressions are computed once. Every result is float64 and has the
    broadcast shape of the arguments; undefined values come back as nan or inf without a warning.

    >>> x, k = sympy.symbols("x k", real=True)
    >>> numpy_function([k * x**2, sympy.Integer(1)], [x, k])([1.0, 2.0], 3.0)
    (array([ 3., 12.]), array([1., 1.]))
    """
    return _numpy_function(tuple(sympy.sympify(e) for e in expressions), tuple(arguments))


@lru_cache(maxsize=512)
def _numpy_function(
    expressions: tuple[sympy.Expr, ...], arguments: tuple[sympy.Symbol, ...]
) -> Callable[..., tuple[Array, ...]]:
    called = [f"a{i}" for i in range(len(arguments))]
    lines, results = emit(expressions, dict(zip(arguments, called, strict=True)), NUMPY, "t")
    body = "".join(f"    {line}\n" for line in lines)
    source = f"def f({', '.join(called)}):\n{body}    return ({''.join(r + ', ' for r in results)})\n"
    namespace: dict[str, Any] = {"np": np, "heaviside": _heaviside}
    exec(compile(source, "<expressions>", "exec"), namespace)
    compiled = namespace["f"]

    def evaluate(*values: Any) -> tuple[Array, ...]:
        if len(values) != len(arguments):
            raise ValueError(f"got {len(values)} arrays, expected one for each of {arguments}")
        arrays = [np.asarray(v, dtype=np.float64) for v in values]
        shape = np.broadcast_shapes(*(a.shape for a in arrays))
        with np.errstate(all="ignore"):
            results = compiled(*arrays)
        return tuple(_own(np.asarray(r, dtype=np.float64), shape, arrays) for r in results)

    return evaluate


def _own(result: Array, shape: tuple[int, ...], arguments: list[Array]) -> Array:
    """The result in full shape, never a view of an argument or a read-only broadcast."""
    if result.shape != shape or any(result is a for a in arguments):
        return np.array(np.broadcast_to(result, shape), order="C")
    return result
