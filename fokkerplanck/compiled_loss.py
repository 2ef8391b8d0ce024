"""A loss of which only the gradient of one sample is known, as a compiled function: for small networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck import formula
from fokkerplanck.laws import Data

Array = NDArray[np.float64]
Gradient = Callable[[Array, Array, Array], None]


class CompiledLoss:
    """The gradient of one sample's loss as a function, where a formula would be too long.

    Chains are simulated with it (`SGD.simulate`, `SGD.first_passage`, with all samplings, momentum, weight
    decay and given batches), one particle at a time, in up to hundreds of dimensions. Whatever needs a
    formula (SDE, transition operator, theory) says so.

    Parameters
    ----------
    gradient : function ``gradient(theta, row, out)``
        Writes the gradient at ``theta`` (d,) for the sample ``row`` (columns,) into ``out`` (d,): sets every
        entry, returns nothing and changes neither of the others. Compiled by `numba.njit` already, or a
        plain function in what Numba can compile.
    variables : sequence of str
        Names of the d trained parameters.
    data : Data or array (rows, columns)
        The samples.

    Raises
    ------
    ValueError
        A gradient that Numba cannot compile, or that leaves entries of ``out`` as they were; names that are
        not allowed or not different; data that are not finite.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> def gradient(theta, row, out):
    ...     residual = theta[0] * row[0] + theta[1] - row[1]
    ...     out[0] = residual * row[0]
    ...     out[1] = residual
    >>> loss = CompiledLoss(gradient, ("slope", "height"), [[0.0, 1.0], [1.0, 3.0], [2.0, 5.0]])
    >>> run = fp.SGD(loss, lr=0.2, momentum=0.5).simulate(2, 1000, (0, 0), rng=0)
    >>> run.final.round(6).tolist()
    [[2.0, 1.0], [2.0, 1.0]]
    """

    def __init__(self, gradient: Gradient, variables: Sequence[str], data: Data | ArrayLike) -> None:
        self.names: tuple[str, ...] = (variables,) if isinstance(variables, str) else tuple(variables)
        for name in self.names:
            formula.check_name(name, "variables")
        if len(set(self.names)) != len(self.names) or not self.names:
            raise ValueError(f"variables must be different names, at least one; got {self.names}")
        self.variables: tuple[Any, ...] = tuple(formula.symbol(n) for n in self.names)
        self.data: Array = (data if isinstance(data, Data) else Data(data)).rows
        self.constants: Mapping[str, float] = {}
        self.function: Any = _compiled(gradient, len(self.names), self.data[0])

    def __repr__(self) -> str:
        rows, columns = self.data.shape
        name = getattr(self.function, "__name__", "gradient")
        return f"CompiledLoss({name}, {len(self.names)} variables, {rows} rows of {columns} columns)"

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"{name!r} needs a formula: a CompiledLoss knows the gradient of one sample and no more; "
            "write the loss as a Loss"
        )


def _compiled(gradient: Any, d: int, row: Array) -> Any:
    """The gradient as Numba calls it, tried once."""
    import numba

    if not callable(gradient):
        raise ValueError(f"gradient is {gradient!r}; expected a function gradient(theta, row, out)")
    function = gradient if hasattr(gradient, "py_func") else numba.njit(error_model="numpy")(gradient)
    found = [np.full(d, filler) for filler in (np.nan, 0.0)]
    try:
        for out in found:
            function(np.full(d, 0.5), row.copy(), out)
    except Exception as error:  # whatever Numba, or the function itself, has to say
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise ValueError(
            f"gradient(theta, row, out) does not run, with theta and out of {d} and row of {len(row)} "
            f"entries: {said[0]}"
        ) from error
    left = np.flatnonzero(~((found[0] == found[1]) | np.isnan(found[0]) & np.isnan(found[1])))
    if left.size:
        raise ValueError(
            f"gradient must set every entry of out, and out[{left[0]}] depends on what stood there before: "
            "write out[j] = ..., not out[j] += ..."
        )
    return function
