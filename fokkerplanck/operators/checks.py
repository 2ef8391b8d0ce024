"""What coefficients must satisfy, looked at cell by cell while they are at hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fokkerplanck._kernels import tilt
from fokkerplanck._kernels.tensors import extreme_eigenvalues
from fokkerplanck.grid import Grid
from fokkerplanck.operators.lattice import Lattice
from fokkerplanck.operators.selling import Directions

Array = NDArray[np.float64]
Index = NDArray[np.int32]
Coefficients = Callable[[Array], tuple[Array, Array]]  # points (n, d) -> drift (n, d), diffusion (n, d, d)

# Smallest over largest eigenvalue of D, in units of the cells, below which D counts as singular.
SINGULAR = 1e-10
NEGATIVE = 1e-10  # and below minus which it counts as indefinite
EVERYWHERE = 0.9  # share of the cells from which on a law is of clean order


class Survey:
    """What is seen of the coefficients on all cells: `smallest` (n,) and `singular` (n,) of D, and counts."""

    def __init__(self, grid: Grid):
        self._grid = grid
        self._spacing = tuple(grid.spacing.tolist())
        self.smallest = np.empty(grid.size)
        self.singular = np.zeros(grid.size, dtype=bool)
        self._bounded = self._upwind = self._far_out = 0
        self.widens = False  # whether D was widened somewhere to shorten links

    def look(self, cells: Index, drift: Array, diffusion: Array) -> None:
        """Refuse coefficients that are not finite and diffusion that is not positive semidefinite."""
        low, high = np.empty(cells.size), np.empty(cells.size)
        arrays = (np.ascontiguousarray(drift), np.ascontiguousarray(diffusion))
        extreme_eigenvalues(*arrays, self._spacing, low, high)
        if np.isnan(low).any():
            where = self._name(cells[int(np.argmax(np.isnan(low)))])
            raise ValueError(f"drift or diffusion is not finite at {where}; move the box away from it")
        worst = int(np.argmin(low / np.maximum(high, 1e-300)))
        if low[worst] < -NEGATIVE * max(high[worst], 1e-300):
            raise ValueError(
                f"the diffusion tensor is not positive semidefinite at {self._name(cells[worst])}: "
                f"its smallest eigenvalue is {np.linalg.eigvalsh(diffusion[worst])[0]:.3g}"
            )
        self.smallest[cells] = low
        self.singular[cells] = low <= SINGULAR * high

    def count(self, links: Directions, cells: Index) -> None:
        """Note what links cells have."""
        kind = links.kind
        self.widens |= bool((kind & tilt.BOUNDED).any())
        self._bounded += int(np.count_nonzero((kind & tilt.BOUNDED > 0) & ~self.singular[cells]))
        self._upwind += int(np.count_nonzero((kind & tilt.UPWIND > 0) | self.singular[cells]))
        self._far_out += self._leaving_far(links, cells)

    def _leaving_far(self, links: Directions, cells: Index) -> int:
        """Number of links through a wall that reflects, along which two cells or more lie across it."""
        number = 0
        for k, axis in enumerate(self._grid.axes):
            place = np.unravel_index(cells, self._grid.shape)[k]
            for end, before in zip(axis.ends, (place, axis.cells - 1 - place), strict=True):
                if end == "reflecting":
                    across = np.abs(links.offset[:, :, k]) > np.maximum(before, 1)[:, None]
                    number += int(np.count_nonzero(across & (links.weight > 0)))
        return number

    def order(self, vanishes: bool) -> int:
        """Order of the scheme in the cell width, 0 where it is not clean.

        0: noise that vanishes on a surface only, offsets that had to be bounded though D is regular, or a
        wall that drops links which no link along it stands for. 1: upwinding nearly everywhere. Else 2.
        """
        if self._upwind >= EVERYWHERE * self._grid.size and not self._far_out:
            return 1
        if vanishes or self.singular.any() or self._bounded or self._far_out:
            return 0
        return 2

    def _name(self, cell: int) -> str:
        return name_of(self._grid, Lattice.of(self._grid).points(np.array([cell]))[0])


def check_periodic(grid: Grid, coefficients: Coefficients) -> None:
    """Drift and diffusion must match at the two ends of a periodic axis."""
    lattice = Lattice.of(grid)
    for k, axis in enumerate(grid.axes):
        if not axis.periodic:
            continue
        layer = np.arange(grid.size).reshape(grid.shape).take(0, axis=k).ravel()
        low, high = lattice.points(layer), lattice.points(layer)
        low[:, k], high[:, k] = axis.low, axis.high
        for name, a, b in zip(("drift", "diffusion"), coefficients(low), coefficients(high), strict=True):
            mismatch = float(np.abs(a - b).max())
            if mismatch > 1e-8 * max(1e-300, float(np.abs(a).max())):
                raise ValueError(
                    f"{axis.name} is periodic, but the {name} differs at its two ends, {axis.low:.4g} and "
                    f"{axis.high:.4g}, by {mismatch:.3g}; make the box one period long or the end open"
                )


def name_of(grid: Grid, point: Array) -> str:
    """A point in words."""
    return ", ".join(f"{n} = {x:.4g}" for n, x in zip(grid.names, point, strict=True))
