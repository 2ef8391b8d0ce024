r"""The potential of a law without current: :math:`p = e^{-U}`, :math:`b = -D\nabla U + \nabla\cdot D`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray
from sympy.matrices.exceptions import NonInvertibleMatrixError

from fokkerplanck.codegen import numpy_function
from fokkerplanck.coefficients import divergence
from fokkerplanck.grid import Grid

Array = NDArray[np.float64]

NODES, WEIGHTS = np.polynomial.legendre.leggauss(6)
FEW = 16  # cells an axis of the grid that is looked at first
CURL = 1e-9  # relative size up to which a curl, or a rise over a period, is rounding


class Potential:
    """U of a drift and a diffusion tensor, on any grid, where there is one."""

    def __init__(
        self,
        variables: Sequence[sympy.Symbol],
        drift: sympy.Matrix,
        diffusion: sympy.Matrix,
        parameters: Mapping[sympy.Symbol, float],
    ):
        self._variables = tuple(variables)
        self._drift, self._diffusion = drift, diffusion
        self._parameters = dict(parameters)

    @cached_property
    def gradient(self) -> sympy.Matrix:
        r""":math:`D^{-1}(\nabla\cdot D - b)`: the gradient of U, where it is one."""
        return self._diffusion.LUsolve(divergence(self._diffusion, self._variables) - self._drift)

    @cached_property
    def _compiled(self) -> Any:
        g, v = self.gradient, self._variables
        curl = [g[i].diff(v[j]) - g[j].diff(v[i]) for i in range(len(v)) for j in range(i)]
        slopes = [g[i].diff(x) for i in range(len(v)) for x in v]
        return numpy_function([*g, *curl, *slopes], [*v, *self._parameters])

    def _evaluate(self, points: Array) -> tuple[Array, ...]:
        """Gradient, curl and slopes at points (n, d), a tuple of columns."""
        columns: tuple[Array, ...] = self._compiled(*points.T, *self._parameters.values())
        return columns

    def on(self, grid: Grid) -> Array | None:
        """U at the cell centres (n,), 0 at its lowest; None if the law carries a current.

        The curl is checked at every cell; U is then the line integral of its gradient along grid lines,
        so nothing needs to be integrated in closed form.
        """
        d = grid.ndim
        few = Grid.from_axes(replace(a, cells=min(a.cells, FEW)) for a in grid.axes)
        try:
            # Most currents show on a few cells.
            if not (self._is_closed(few) and self._is_closed(grid)):
                return None
        except NonInvertibleMatrixError:  # a direction in which no noise acts
            return None
        u = np.zeros(grid.shape)
        for k, axis in enumerate(grid.axes):
            # Along axis k, through the first cell of every later axis.
            rise = self._rise(grid, k)
            if axis.periodic and np.abs(rise.sum(axis=-1)).max() > CURL * max(1.0, np.abs(rise).max()):
                return None
            steps = np.cumsum(rise[..., :-1], axis=-1)
            path = np.concatenate([np.zeros((*steps.shape[:-1], 1)), steps], axis=-1)
            u += path.reshape(path.shape + (1,) * (d - 1 - k))
        flat = u.ravel()
        return flat - flat.min() if np.isfinite(flat).all() else None

    def _is_closed(self, grid: Grid) -> bool:
        """Whether all that would be the gradient of U is finite and has no curl."""
        d = grid.ndim
        values = np.stack(self._evaluate(grid.points()), axis=-1)
        pairs = d * (d - 1) // 2
        curl, slopes = values[:, d : d + pairs], np.abs(values[:, d + pairs :])
        closed = np.abs(curl).max(initial=0.0) <= CURL * max(slopes.max(), 1e-300)
        return bool(np.isfinite(values).all() and closed)

    def _rise(self, grid: Grid, k: int) -> Array:
        """Rise of U from each centre to the next along axis k, (shape[:k], cells)."""
        axes = grid.axes
        h = axes[k].spacing
        nodes = axes[k].centres[:, None] + 0.5 * h * (1 + NODES)
        mesh = np.meshgrid(*(a.centres for a in axes[:k]), nodes.ravel(), indexing="ij")
        rest = [np.full(mesh[0].shape, a.centres[0]) for a in axes[k + 1 :]]
        points = np.stack([m.ravel() for m in (*mesh, *rest)], axis=1)
        shape = (*(a.cells for a in axes[:k]), axes[k].cells, len(NODES))
        return np.asarray(self._evaluate(points)[k]).reshape(shape) @ (0.5 * h * WEIGHTS)


__all__ = ["Potential"]
