"""The workloads, as formulas: every peer is given the same ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

Array = NDArray[np.float64]
Function = Callable[..., list[Any]]  # one argument a coordinate; a value a component
Sizes = tuple[int, ...]  # cells an axis


@dataclass(frozen=True)
class Problem:
    r"""One question about :math:`dX = b\,dt + \sqrt{2D}\,dW` (Itô), and who is asked it on which grids.

    Walls reflect, except that the high end of the first axis absorbs when an exit time is asked for.
    Nothing of weight reaches a wall that reflects, so no-flux and open ends are the same problem.
    """

    name: str
    title: str
    task: str  # the function of a peer that does it: "stationary", "evolution" or "exit_time"
    variables: tuple[str, ...]
    drift: tuple[str, ...]
    diffusion: tuple[tuple[str, ...], ...]
    box: tuple[tuple[float, float], ...]
    place: tuple[float, ...]  # where there is mass; an exit time is asked from here
    peers: Mapping[str, Sizes]
    where: Mapping[str, str] = field(default_factory=dict)
    start: str = "1"  # density at time 0, up to a factor
    until: float = 0.0
    judge: int = 64  # cells an axis of the grid on which masses are compared: divides all sizes
    truth: Sizes = (256, 512, 1024)  # grids from which the converged answer is extrapolated

    @property
    def size(self) -> int:
        """The finest grid that we and somebody else are asked for: where times are compared."""
        others = {n for peer, sizes in self.peers.items() if peer != "ours" for n in sizes}
        return max(others.intersection(self.peers["ours"]))

    def sizes(self, peer: str) -> Sizes:
        """Grids that a peer is asked for."""
        return self.truth if peer == "truth" else self.peers[peer]

    def spacing(self, n: int) -> Array:
        """Widths of a cell."""
        return np.array([(high - low) / n for low, high in self.box])

    def centres(self, n: int) -> list[Array]:
        """Cell centres along each axis."""
        return [low + (np.arange(n) + 0.5) * (high - low) / n for low, high in self.box]

    def faces(self, n: int) -> list[Array]:
        """Cell faces along each axis."""
        return [np.linspace(low, high, n + 1) for low, high in self.box]

    def starting_masses(self, n: int) -> Array:
        """Masses of the cells at time 0, (n, ..., n)."""
        (values,) = self.compile([self.parse(self.start)])(*np.meshgrid(*self.centres(n), indexing="ij"))
        return np.asarray(values / values.sum())

    def pool(self, answer: Array | float) -> Array:
        """Masses on the grid of the judge, row by row; a number is left as it is."""
        answer = np.asarray(answer)
        for axis, n in enumerate(answer.shape):
            answer = np.add.reduceat(answer, np.arange(0, n, n // self.judge), axis=axis)
        return answer.ravel()

    # -- coefficients, for those who want them as functions ------------------------------------

    @cached_property
    def b(self) -> Function:
        """Drift."""
        return self.compile([self.parse(c) for c in self.drift])

    @cached_property
    def d(self) -> Function:
        """Diffusion tensor, row by row."""
        return self.compile([self.parse(c) for row in self.diffusion for c in row])

    @cached_property
    def divergence(self) -> Function:
        """Divergence of the diffusion tensor: what turns Itô's form into a flux."""
        return self.compile(self.divergence_formulas)

    @property
    def divergence_formulas(self) -> list[sympy.Expr]:
        """Formulas of `divergence`."""
        names = sympy.symbols(self.variables)
        rows = [[self.parse(c) for c in row] for row in self.diffusion]
        return [sympy.Add(*(c.diff(x) for c, x in zip(row, names, strict=True))) for row in rows]

    def parse(self, text: str) -> sympy.Expr:
        """Sympy's reading of a formula, abbreviations written out."""
        return sympy.sympify(text).subs({k: sympy.sympify(v) for k, v in self.where.items()})

    def compile(self, formulas: list[sympy.Expr], module: Any = np) -> Function:
        """Functions of arrays, or of whatever else knows + - * / and powers, and has its exp in a module."""
        names = sympy.symbols(self.variables)
        compiled = sympy.lambdify(names, formulas, [{"exp": module.exp}, "numpy"], cse=True)

        def function(*x: Any) -> list[Any]:
            zero = 0 * sum(x)  # a constant takes the shape of its arguments
            return [value + zero for value in compiled(*x)]

        return function


# The stationary law of SGD in a valley of changing sharpness k(x), at label noise and weight decay.
SHARPNESS = {"k": "1/5 + 1/(1 + x**2)", "g": "-2*x/(1 + x**2)**2"}
VALLEY: dict[str, Any] = {
    "variables": ("x", "y"),
    "where": SHARPNESS,
    "drift": ("-g/2*(y**2 + 1) - x/10", "-k*y - y/10"),
    "box": ((-4, 4), (-3, 3)),
    "place": (1.5, 0),
}
DIAGONAL = (("(g**2*(y**2 + 1/2) + 1/10)/10", "0"), ("0", "(k**2 + 1/10)/10"))
FULL = (("(g**2*(y**2 + 1/2) + 1/10)/10", "g*k*y/10"), ("g*k*y/10", "(k**2 + 1/10)/10"))

UP_TO_512, UP_TO_256 = (64, 128, 256, 512), (64, 128, 256)

PROBLEMS = [
    Problem(
        name="diagonal",
        title="Stationary law of a valley, diagonal tensor",
        task="stationary",
        diffusion=DIAGONAL,
        peers={
            "ours": (64, 128, 256, 512, 1024),
            "pyfvtool": UP_TO_512,
            "fipy": UP_TO_512,
            "scikit_fem": UP_TO_512,
            "ngsolve": UP_TO_512,
            "ngsolve_fourth": UP_TO_512,
            "fplanck": UP_TO_512,
        },
        **VALLEY,
    ),
    Problem(
        name="full",
        title="Stationary law of a valley, full tensor",
        task="stationary",
        diffusion=FULL,
        peers={
            "ours": (64, 128, 256, 512, 1024),
            "scikit_fem": UP_TO_512,
            "ngsolve": UP_TO_512,
            "ngsolve_fourth": UP_TO_512,
            "fipy": UP_TO_512,
        },
        **VALLEY,
    ),
    Problem(
        name="evolution",
        title="Evolution in a valley from a Gaussian to t = 20, diagonal tensor",
        task="evolution",
        diffusion=DIAGONAL,
        start="exp(-((x - 1)**2 + (y - 1)**2)/(2*(3/10)**2))",
        until=20.0,
        peers={
            "ours": (64, 128, 256, 512),
            "scikit_fem": UP_TO_256,
            "ngsolve": UP_TO_256,
            "ngsolve_fourth": UP_TO_256,
            "fplanck": UP_TO_256,
            "pyfvtool": UP_TO_256,
            "fipy": UP_TO_256,
            "py_pde": UP_TO_256,
        },
        truth=(128, 256, 512),
        **VALLEY,
    ),
    Problem(
        name="exit",
        title="Mean exit time over a barrier, full tensor, drift with a curl",
        task="exit_time",
        variables=("x", "y"),
        drift=("-x*(x**2 - 1) + 3/10*(y - 3/10*x) - y/5", "-(y - 3/10*x) + x/5"),
        diffusion=(("2/25", "3/100"), ("3/100", "3/25")),
        box=((-2.5, 1), (-2.5, 2.5)),
        place=(-1, 0),
        peers={
            "ours": (64, 128, 256, 512, 1024),
            "scikit_fem": UP_TO_256,
            "ngsolve": UP_TO_256,
            "ngsolve_fourth": UP_TO_256,
        },
    ),
    Problem(
        name="three",
        title="Stationary law of a valley with two steep directions",
        task="stationary",
        variables=("x", "y", "z"),
        where=SHARPNESS,
        drift=("-g/2*(y**2 + z**2 + 1) - x/10", "-k*y - y/10", "-k*z - z/10"),
        diffusion=(
            ("(g**2*(y**2 + z**2 + 1/2) + 1/10)/10", "0", "0"),
            ("0", "(k**2 + 1/10)/10", "0"),
            ("0", "0", "(k**2 + 1/10)/10"),
        ),
        box=((-4, 4), (-3, 3), (-3, 3)),
        place=(1.5, 0, 0),
        peers={"ours": (32, 64, 128), "pyamg": (32, 64), "scikit_fem": (16, 32)},
        judge=16,
        truth=(32, 64, 128),
    ),
]
