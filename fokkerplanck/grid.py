"""Named axes, boundaries and regions: where a density lives."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck import formula
from fokkerplanck.codegen import numpy_function

BOUNDARIES = ("open", "reflecting", "absorbing", "periodic")

Array = NDArray[np.float64]
Level = Callable[[Array], Array]  # points (n, d) -> (n,), positive inside


@dataclass(frozen=True)
class Axis:
    """One axis of cells: ``low`` and ``high`` are the outer faces of the first and last cell."""

    name: str
    low: float
    high: float
    cells: int
    ends: tuple[str, str] = ("open", "open")

    @property
    def spacing(self) -> float:
        """Width of a cell."""
        return (self.high - self.low) / self.cells

    @property
    def periodic(self) -> bool:
        """Whether the two ends are the same point."""
        return self.ends[0] == "periodic"

    @cached_property
    def centres(self) -> Array:
        """Cell centres (cells,)."""
        return self.low + (np.arange(self.cells, dtype=float) + 0.5) * self.spacing

    @cached_property
    def faces(self) -> Array:
        """Cell faces (cells + 1,)."""
        return np.linspace(self.low, self.high, self.cells + 1)


class Grid:
    """A box of cells with named axes.

    Parameters
    ----------
    boundary : mapping or str, optional
        For each axis (or one for all) ``"open"`` (default: the box stands for all of space),
        ``"reflecting"`` (a real wall), ``"absorbing"``, ``"periodic"``, or a pair (low, high).
    **axes : (low, high, cells)
        An axis a keyword; the ends are numbers or formulas such as ``"-pi"``.

    Raises
    ------
    ValueError
        If an axis is not (low, high, cells) with low < high and at least 4 cells, or a boundary
        is unknown or only half periodic.

    Examples
    --------
    >>> Grid(x=("-pi", "pi", 8), y=(-1, 1, 4), boundary={"x": "periodic"}).shape
    (8, 4)
    """

    axes: tuple[Axis, ...]

    def __init__(self, *, boundary: Mapping[str, Any] | str | None = None, **axes: tuple[Any, Any, int]):
        if not axes:
            raise ValueError("a grid needs at least one axis, such as x=(-1, 1, 256)")
        ends = _boundaries(boundary, tuple(axes))
        self.axes = tuple(_axis(name, spec, ends[name]) for name, spec in axes.items())

    @classmethod
    def from_axes(cls, axes: Iterable[Axis]) -> Grid:
        """Build a grid from finished axes."""
        grid = cls.__new__(cls)
        grid.axes = tuple(axes)
        return grid

    @classmethod
    def auto(
        cls,
        source: Any,
        region: str | Callable[..., Any] | None = None,
        x0: Any = None,
        rtol: float = 1e-3,
        cells: int | None = None,
        **ranges: Any,
    ) -> Grid:
        """Choose a box and a spacing for an SDE or an SGD (see there for what its steps ask for).

        The box holds all but 1e-10 of the stationary mass, or where tails are too fat for one even grid all
        but a millionth. With a `region` to leave it holds where the process goes from `x0` before it leaves,
        so that the mean exit time does not depend on the box; and the law, where there is one to hold.

        Cells are as few as meet `rtol`, as predicted from the errors that smaller grids quote: of that time,
        or else of the law in L1 and its first two moments (`x0` is then where the search begins); or as
        many an axis as `cells` says. Known `ranges` stay: ``x=("-pi", "pi", "periodic")``.

        Raises
        ------
        ValueError
            If no box holds the law, or the way out; or if `rtol` takes more cells than a grid may have.

        Examples
        --------
        >>> import fokkerplanck as fp
        >>> sde = fp.SDE(variables=("x",), drift=["-x"], diffusion="1")
        >>> t = sde.generator(fp.Grid.auto(sde, "x < 1", (0,), rtol=1e-3)).exit_time("x < 1").at(x=0)
        >>> t.error < 1e-3 * t.value, t.status
        (True, 'ok')
        """
        if not hasattr(source, "auto_grid"):
            raise ValueError(f"Grid.auto takes an SDE or an SGD, got {type(source).__name__}")
        return source.auto_grid(region=region, x0=x0, rtol=rtol, cells=cells, **ranges)  # type: ignore

    @property
    def names(self) -> tuple[str, ...]:
        """Axis names in order."""
        return tuple(a.name for a in self.axes)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.axes)

    @property
    def shape(self) -> tuple[int, ...]:
        """Cells an axis."""
        return tuple(a.cells for a in self.axes)

    @property
    def size(self) -> int:
        """Number of cells."""
        return math.prod(self.shape)

    @property
    def spacing(self) -> Array:
        """Cell widths (d,)."""
        return np.array([a.spacing for a in self.axes])

    @property
    def cell_volume(self) -> float:
        """Volume of a cell."""
        return float(np.prod(self.spacing))

    @property
    def periodic(self) -> tuple[bool, ...]:
        """Which axes are periodic."""
        return tuple(a.periodic for a in self.axes)

    def __getitem__(self, name: str) -> Axis:
        """Return the axis of that name."""
        for a in self.axes:
            if a.name == name:
                return a
        raise ValueError(f"the grid has no axis {name!r}; it has {', '.join(self.names)}")

    def points(self) -> Array:
        """Cell centres, (size, d), the last axis fastest."""
        mesh = np.meshgrid(*(a.centres for a in self.axes), indexing="ij")
        return np.stack([m.ravel() for m in mesh], axis=1)

    def positions(self) -> NDArray[np.int64]:
        """Cell numbers along each axis, (size, d), in the order of `points`."""
        return np.stack(np.unravel_index(np.arange(self.size), self.shape), axis=1)

    def coarsen(self, share: float = 0.5) -> Grid:
        """Return a coarse twin: the same box with a `share` of the cells an axis."""
        return Grid.from_axes(replace(a, cells=max(4, math.ceil(a.cells * share))) for a in self.axes)

    def ratio(self, coarse: Grid) -> float:
        """How much wider the cells of a coarser grid of the same box are, geometric mean."""
        pairs = zip(self.axes, coarse.axes, strict=True)
        return float(np.prod([b.spacing / a.spacing for a, b in pairs]) ** (1 / self.ndim))

    def require_inside(self, points: Array) -> None:
        """Refuse points (n, d) outside the box, but along periodic axes."""
        for k, a in enumerate(self.axes):
            bad = points[:, k][(points[:, k] < a.low) | (points[:, k] > a.high)]
            if bad.size and not a.periodic:
                raise ValueError(
                    f"{a.name} = {bad[0]:g} lies outside the grid, which runs from {a.low:g} to {a.high:g}"
                )

    def wrap(self, points: Array) -> Array:
        """Bring points (n, d) back into the box along periodic axes; other axes are left alone."""
        out = np.array(points, dtype=float)
        for k, a in enumerate(self.axes):
            if a.periodic:
                out[..., k] = a.low + np.mod(out[..., k] - a.low, a.high - a.low)
        return out

    def __repr__(self) -> str:
        def text(a: Axis) -> str:
            ends = a.ends[0] if a.ends[0] == a.ends[1] else a.ends
            return f"{a.name}=({a.low:.6g}, {a.high:.6g}, {a.cells}, {ends})"

        return f"Grid({', '.join(map(text, self.axes))})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Grid) and self.axes == other.axes

    def __hash__(self) -> int:
        return hash(self.axes)


def is_whole(value: Any, least: int) -> bool:
    """Whether something is a whole number of at least `least`: not text, None or a truth value."""
    if isinstance(value, bool | np.bool_ | str | bytes):
        return False
    try:
        return bool(int(value) == value and value >= least)
    except (TypeError, ValueError, OverflowError):
        return False


def pointwise(
    expression: Any, names: Iterable[str], constants: Mapping[str, float] | None = None, region: bool = False
) -> Level:
    """Compile a formula (or a region, to its level) of the coordinates into ``points (n, d) -> (n,)``.

    A callable is taken as it is: it gets one array a coordinate.
    """
    names, constants = tuple(names), dict(constants or {})
    if callable(expression):
        return lambda points: np.asarray(expression(*np.moveaxis(points, -1, 0)), dtype=float)
    known = (*names, *(c for c in constants if c not in names))
    parsed = formula.parse_region(expression, known) if region else formula.parse(expression, known)
    compiled = numpy_function([parsed], [formula.symbol(n) for n in known])
    values = [float(constants[c]) for c in known[len(names) :]]
    return lambda points: compiled(*np.moveaxis(points, -1, 0), *values)[0]


def inside(level: Level, grid: Grid, what: str = "region") -> NDArray[np.bool_]:
    """Which cell centres (size,) lie inside; refuses an empty region and one that is the whole box."""
    values = level(grid.points())
    if not np.isfinite(values).all():
        raise ValueError(f"the {what} is undefined (not finite) somewhere in the box {grid!r}")
    mask: NDArray[np.bool_] = values > 0
    if not mask.any():
        raise ValueError(
            f"the {what} is empty: no cell of {grid!r} lies inside it; check its sign and the box"
        )
    if mask.all() and not any("absorbing" in a.ends for a in grid.axes):
        raise ValueError(
            f"the {what} is the whole box {grid!r}: there is no edge to leave through; widen the box"
        )
    return mask


def _axis(name: str, spec: Any, ends: tuple[str, str]) -> Axis:
    formula.check_name(name)
    try:
        low, high, cells = spec
    except (TypeError, ValueError):
        raise ValueError(
            f"axis {name!r} must be (low, high, cells), such as (-1, 1, 256); got {spec!r}"
        ) from None
    a, b = (formula.parse_number(v, what=f"end of axis {name!r}") for v in (low, high))
    if not a < b:
        raise ValueError(f"axis {name!r} runs from {a:g} to {b:g}: low must lie below high")
    if not is_whole(cells, 4):
        raise ValueError(f"axis {name!r} has {cells!r} cells: give a whole number of at least 4")
    return Axis(name, a, b, int(cells), ends)


def _boundaries(
    boundary: Mapping[str, Any] | str | None, names: tuple[str, ...]
) -> dict[str, tuple[str, str]]:
    if boundary is None or isinstance(boundary, str):
        boundary = dict.fromkeys(names, boundary or "open")
    for key in boundary:
        if key not in names:
            raise ValueError(f"boundary names the axis {key!r}, but the grid has {', '.join(names)}")
    out = {}
    for name in names:
        given = boundary.get(name, "open")
        pair = (given, given) if isinstance(given, str) else tuple(given)
        if len(pair) != 2 or any(p not in BOUNDARIES for p in pair):
            raise ValueError(
                f"boundary of {name!r} is {given!r}: take one of {', '.join(BOUNDARIES)}, or a pair"
            )
        if (pair[0] == "periodic") != (pair[1] == "periodic"):
            raise ValueError(f"boundary of {name!r} is {given!r}: both ends are periodic or neither is")
        out[name] = (str(pair[0]), str(pair[1]))
    return out
