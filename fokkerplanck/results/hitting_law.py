"""The law of the place where a process leaves a region."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from fokkerplanck.estimate import Estimate, combine_status
from fokkerplanck.grid import Axis, Grid, Level, pointwise
from fokkerplanck.results.density import Density
from fokkerplanck.results.diagnostics import Diagnostics
from fokkerplanck.results.field import MATTERS, OPEN_ENDS

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

Array = NDArray[np.float64]
Region = str | Callable[..., Any]

SAMPLES = {1: 16, 2: 6}  # points along each edge of a piece at which a region is looked at
HAT = 3.0  # cells over which the crowding of exits is averaged, to each side
NEGLIGIBLE = 1e-6  # share of a probability whose order does not matter


@dataclass(frozen=True)
class HittingLaw:
    r"""Law of the place :math:`X_\tau` at which a process that starts at a point leaves a region.

    A diffusion leaves through the edge of the region, or through an absorbing end of the box: for Brownian
    motion this is the harmonic measure of the edge. A chain in steps leaves by a jump: its places are the
    cells beyond the edge where the first step outside lands.

    Parameters
    ----------
    start : mapping
        The starting point.
    grid : Grid
        The cells of the operator.
    points : (k, d)
        Places where the process can leave.
    probabilities : (k,)
        The chance of each; they sum up to 1.
    spread : (k, s, d)
        Edges of the piece about each place that it stands for: none in one dimension, one along the edge of
        the region in two; for a chain those of the cell.
    coarse : HittingLaw, optional
        The twin on a coarser grid: every answer is found on both and differenced.
    shadow : HittingLaw, optional
        The coarse twin with absorbing ends in place of open ones; what they take is missing.

    Examples
    --------
    Brownian motion that starts at (1/2, 0) leaves the unit disc with a mean of its start; through the right
    half with the probability 1/2 + (2/pi) atan(1/2):

    >>> import fokkerplanck as fp
    >>> sde = fp.SDE(variables=("x", "y"), drift=["0", "0"], diffusion="1")
    >>> gen = sde.generator(fp.Grid(x=(-1.2, 1.2, 64), y=(-1.2, 1.2, 64)))
    >>> law = gen.hitting_law("x**2 + y**2 < 1", x0=(0.5, 0))
    >>> round(law.mean("x").value, 6), round(law.probability("x > 0").value, 2)
    (0.5, 0.8)
    """

    start: Mapping[str, float]
    grid: Grid
    points: Array
    probabilities: Array
    spread: Array
    method: str = ""
    order: int = 2
    coarse: HittingLaw | None = None
    shadow: HittingLaw | None = None
    constants: Mapping[str, float] = field(default_factory=dict)
    status: str = "ok"
    assumptions: tuple[str, ...] = ()

    def mean(self, expression: str | Callable[..., Any], unit: str = "") -> Estimate:
        """Mean of a formula such as ``"y**2"``, or of a function that takes one array a coordinate."""
        f = pointwise(expression, self.grid.names, self.constants)

        def average(law: HittingLaw) -> float:
            return float(f(law.points) @ law.probabilities)

        scale = float(np.abs(f(self.points)) @ self.probabilities)
        return self._refined(average, scale).with_(unit=unit)

    def probability(self, region: Region) -> Estimate:
        """Probability to leave where `region` is true, such as ``"y > 0"``.

        Where the edge of `region` cuts the places of exit, its error is the largest difference of the two
        grids that is seen if that edge is moved by up to half a cell, and the value is not extrapolated.
        """
        level = pointwise(region, self.grid.names, self.constants, region=True)

        def chance(law: HittingLaw, at: Level = level) -> float:
            return float(law._share(at) @ law.probabilities)

        found = self._refined(chance, chance(self), positive=True)
        if self.coarse is None or not any(law._cut(level) for law in (self, self.coarse)):
            return found.with_(value=min(found.value, 1.0))
        half = np.diag(0.5 * self.coarse.grid.spacing)
        moved = [partial(_moved, level, shift) for shift in (0.0 * half[0], *half, *-half)]
        disc = max(abs(chance(self, at) - chance(self.coarse, at)) for at in moved)
        return found.with_(value=chance(self), disc=disc)

    def density(self, name: str) -> Density:
        """Density of one coordinate of the place, on the cells of its axis."""
        axis = self.grid[name]
        coarse = None if self.coarse is None else self.coarse.density(name)
        values = self._masses(self.grid.names.index(name), axis) / axis.spacing
        # Places fall into cells as they may: no order is clean.
        facts = (0, self.constants, self.status, Diagnostics(), self.assumptions)
        return Density(Grid.from_axes([axis]), values, self.method, coarse, *facts)

    def crowding(self) -> Array:
        """Probability about each place (k,), a unit of length of the edge in two dimensions, of length,
        area or volume where places are cells; over a few cells, to be drawn."""
        size = np.sqrt(np.linalg.det(self.spread @ np.swapaxes(self.spread, 1, 2)))
        if self.spread.shape[1] == self.grid.ndim:
            return np.asarray(self.probabilities / size)
        # Links of several directions end on the same edge: what lies near is added up, weighted by a hat.
        tree = cKDTree(self.points / self.grid.spacing)
        near = tree.sparse_distance_matrix(tree, HAT, output_type="coo_matrix")
        near.data = 1.0 - near.data / HAT
        # The pieces say how long a cell is along the edge.
        unit = size / np.linalg.norm(self.spread / self.grid.spacing, axis=2).prod(axis=1)
        return np.asarray(near @ self.probabilities / (HAT * unit))

    def to_xarray(self) -> xarray.Dataset:
        """Return the places and their probabilities."""
        import xarray

        columns = {n: ("place", self.points[:, k]) for k, n in enumerate(self.grid.names)}
        attrs = {"method": self.method, "status": self.status} | {f"x0_{k}": v for k, v in self.start.items()}
        return xarray.Dataset({"probability": ("place", self.probabilities)}, columns, attrs)

    def plot(self, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw the probability of each place in one dimension, the density of exits on the edge in two."""
        from fokkerplanck import plotting

        return plotting.draw_hitting_law(self, ax=ax, **options)

    def _refined(
        self, functional: Callable[[HittingLaw], float], scale: float, positive: bool = False
    ) -> Estimate:
        """Evaluate a functional on both grids; `scale` is what a change by the open ends is compared with."""
        fine = functional(self)
        common: dict[str, Any] = {"method": self.method, "assumptions": self.assumptions}
        if self.coarse is None:
            return Estimate(fine, status=self.status, **common)
        twin, status = functional(self.coarse), self.status
        if self.shadow is not None:
            change = abs(functional(self.shadow) - twin)
            if change > MATTERS * scale:
                status = combine_status([status, OPEN_ENDS.format(change)])
        ratio = self.grid.ratio(self.coarse.grid)
        facts = {"positive": positive, "status": status, **common}
        return Estimate.from_refinement(fine, twin, self.order, ratio, **facts)

    def _share(self, level: Level) -> Array:
        """How much (k,) of the piece about each place lies where a level is positive."""
        edges = self.spread.shape[1]
        count = SAMPLES.get(edges, 1)
        places = (np.arange(count) + 0.5) / count - 0.5
        share = np.zeros(len(self.points))
        for offset in itertools.product(places, repeat=edges):
            x = self.points + np.einsum("s,ksd->kd", offset, self.spread)
            halves = [0.5 * self.spread[:, s] / count for s in range(edges)]
            rise = sum((np.abs(level(x + e) - level(x - e)) for e in halves), np.zeros(len(x))) / 2
            # Each part of the piece is itself cut by a plane.
            share += np.clip(0.5 + 0.5 * level(x) / np.maximum(rise, 1e-300), 0.0, 1.0)
        return np.asarray(share / count**edges)

    def _cut(self, level: Level) -> bool:
        """Whether the edge of a region cuts a place that matters."""
        share = self._share(level)
        cut = (share > 0.0) & (share < 1.0)
        return bool(self.probabilities[cut].sum() > NEGLIGIBLE * (share @ self.probabilities))

    def _masses(self, k: int, axis: Axis) -> Array:
        """Probabilities (cells,) that the coordinate k lies in each cell of an axis, the pieces laid flat."""
        half = 0.5 * np.abs(self.spread[:, :, k]).sum(axis=1)
        low, width = self.points[:, k] - half, np.maximum(2 * half, 1e-9 * axis.spacing)
        period = axis.high - axis.low
        images = (-period, 0.0, period) if axis.periodic else (0.0,)
        below = np.zeros(axis.cells + 1)
        for shift in images:
            for i, face in enumerate(axis.faces):
                below[i] += np.clip((face - low - shift) / width, 0.0, 1.0) @ self.probabilities
        if not axis.periodic:  # what sticks out of the box belongs to its last cells
            below[0], below[-1] = 0.0, self.probabilities.sum()
        return np.diff(below)


def _moved(level: Level, shift: Array, x: Array) -> Array:
    return level(x + shift)
