"""Stochastic differential equations: drift and diffusion as formulas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import sympy
from numpy.typing import ArrayLike, NDArray

from fokkerplanck import formula, rare, sampling, stepping, trajectories
from fokkerplanck.codegen import numpy_function
from fokkerplanck.coefficients import divergence, read_coefficients
from fokkerplanck.estimate import Estimate
from fokkerplanck.formula import LEARNING_RATE
from fokkerplanck.grid import Grid
from fokkerplanck.operators import Generator
from fokkerplanck.operators.auto import Question, choose
from fokkerplanck.operators.scheduled import ScheduledGenerator
from fokkerplanck.potential import Potential
from fokkerplanck.recording import Record
from fokkerplanck.results import Ensemble
from fokkerplanck.sampling import schemes
from fokkerplanck.schedules import Schedule
from fokkerplanck.solvers.magnus import Staircase

Array = NDArray[np.float64]


class SDE:
    r""":math:`dX = b\,dt + \sqrt{2D}\,dW`, with a full, state-dependent diffusion tensor.

    Parameters
    ----------
    variables : sequence of str
        The d coordinates.
    drift : sequence of formula
        The d components of b.
    diffusion : formula, sequence of d formulas, or d x d of formulas
        D: scalar, diagonal or full. (For Brownian noise of variance :math:`s^2 dt`, D is :math:`s^2/2`.)
    noise : d x m formulas, optional
        Instead of `diffusion`: :math:`\sigma` of :math:`dX = b\,dt + \sigma\,dW`. The interpretation then
        is that of the sigma-form: Stratonovich adds :math:`\tfrac12 \sigma_{kj}\partial_k\sigma_{ij}`.
    where, constants : mapping
        Abbreviations used by the formulas, and numbers.
    interpretation : {"ito", "stratonovich", "anti-ito"}
        The Itô drift is :math:`b + a\,\nabla\cdot D` with a = 0, 1/2 (D-form), 1.

    Attributes
    ----------
    drift : sympy Matrix (d, 1)
        The Itô drift.
    diffusion : sympy Matrix (d, d)
        D.

    Raises
    ------
    ValueError
        If a formula does not parse, a shape is wrong, or the interpretation is unknown.

    Examples
    --------
    >>> sde = SDE(variables=("x",), drift=["-x"], diffusion="1 + x**2", interpretation="stratonovich")
    >>> sde.drift[0]
    0
    """

    def __init__(
        self,
        *,
        variables: Sequence[str],
        drift: Sequence[Any],
        diffusion: Any = None,
        noise: Any = None,
        where: Mapping[str, Any] | None = None,
        constants: Mapping[str, float] | None = None,
        interpretation: str = "ito",
    ):
        given = read_coefficients(variables, drift, diffusion, noise, where, constants, interpretation)
        self.variables = given.variables
        self.drift, self.diffusion = given.drift, given.diffusion
        self.parameters = tuple(given.parameters)
        self.parameter_values = np.array(list(given.parameters.values()), dtype=float)
        self.schedule: Schedule | None = None
        self.assumptions: tuple[str, ...] = ()

    @classmethod
    def from_expressions(
        cls,
        variables: Sequence[sympy.Symbol],
        drift: sympy.Matrix,
        diffusion: sympy.Matrix,
        parameters: Mapping[sympy.Symbol, float],
        schedule: Schedule | None = None,
        assumptions: Sequence[str] = (),
    ) -> SDE:
        """Build an Itô SDE from finished sympy expressions; `schedule` is that of the chain it stands for.

        With a schedule that is not constant the coefficients hold ``formula.LEARNING_RATE``.
        """
        sde = cls.__new__(cls)
        sde.variables = tuple(variables)
        sde.drift, sde.diffusion = sympy.Matrix(drift), sympy.Matrix(diffusion)
        sde.parameters = tuple(parameters)
        sde.parameter_values = np.array([float(v) for v in parameters.values()])
        sde.schedule = schedule
        sde.assumptions = tuple(assumptions)
        return sde

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the coordinates."""
        return tuple(v.name for v in self.variables)

    @property
    def constants(self) -> dict[str, float]:
        """The numbers by name."""
        return {p.name: float(v) for p, v in zip(self.parameters, self.parameter_values, strict=True)}

    def coefficients(self, points: ArrayLike) -> tuple[Array, Array]:
        """Itô drift (n, d) and diffusion (n, d, d) at points (n, d)."""
        x = np.atleast_2d(np.asarray(points, dtype=float))
        d = len(self.variables)
        values = np.stack(self._compiled(*x.T, *self.parameter_values), axis=-1)
        return values[:, :d], values[:, d:].reshape(-1, d, d)

    @cached_property
    def _compiled(self) -> Any:
        return numpy_function([*self.drift, *self.diffusion], [*self.variables, *self.parameters])

    @cached_property
    def _potential(self) -> Potential:
        numbers = dict(zip(self.parameters, self.parameter_values.tolist(), strict=True))
        return Potential(self.variables, self.drift, self.diffusion, numbers)

    @property
    def potential_gradient(self) -> sympy.Matrix:
        r""":math:`D^{-1}(\nabla\cdot D - b)`: the gradient of U with :math:`p = e^{-U}`, where it is one."""
        return self._potential.gradient

    def potential(self, grid: Grid) -> Array | None:
        """U at the cell centres (n,) with ``p = exp(-U)``; None if the law carries a current."""
        return self._potential.on(grid)

    # -- levels -----------------------------------------------------------------------------------

    def generator(self, grid: Grid) -> Generator:
        """Build the Fokker–Planck generator on a grid whose axes are the variables.

        With a learning-rate schedule it changes in time; then densities evolve, and no more can be asked.
        """
        if grid.names != self.names:
            raise ValueError(
                f"the grid has axes {', '.join(grid.names)}, the SDE variables {', '.join(self.names)}"
            )
        schedule = self.schedule
        if schedule is None or schedule.is_constant:
            return Generator(grid, self.coefficients, self.potential, self.constants)

        def control(t: float) -> Staircase:
            ends = stepping.steps_until(schedule, t)
            return Staircase(ends, schedule.rates(len(ends)))

        first = float(schedule.rates(1)[0])
        return ScheduledGenerator(
            grid, lambda rate: self.at_rate(rate).coefficients, first, control, self.constants
        )

    def at_rate(self, rate: float) -> SDE:
        """Return this SDE with the learning rate held."""
        parameters = dict(zip(self.parameters, self.parameter_values, strict=True)) | {LEARNING_RATE: rate}
        facts = Schedule(rate), self.assumptions
        return SDE.from_expressions(self.variables, self.drift, self.diffusion, parameters, *facts)

    def simulate(
        self,
        n: int,
        t: float,
        x0: Any,
        rng: Any = None,
        dt: float | None = None,
        progress: Any = None,
        scheme: str = schemes.DEFAULT,
        record: Record | None = None,
        checkpoint: str | Path | None = None,
    ) -> Ensemble:
        """Simulate `n` independent paths to time `t`, with a coupled run at twice the step.

        Parameters
        ----------
        n : int
            Number of paths.
        t : float
            Final time.
        x0 : (d,) or (n, d)
            Start.
        rng : None, int, SeedSequence or Generator
            Seed of the streams.
        dt : float, optional
            Step; by default a sixteenth of the learning rate of the chain behind the SDE, which is also the
            longest allowed, or a fiftieth of the fastest local time scale where a trial run of 64 paths goes.
        scheme : str
            ``"euler-maruyama"``, ``"milstein"``, ``"platen"``, ``"leimkuhler-matthews"`` or
            ``"implicit-trapezoid"``; which to take when is a page of the documentation. Means of the result
            are extrapolated by its weak order.
        record : Record, optional
            What to note on the way; found in ``.history``.
        checkpoint : path, optional
            A file that holds where the run stands. Interrupted or killed, the same call goes on from it, to
            the same bits.
        """
        return trajectories.simulate(self, n, t, x0, rng, dt, progress, scheme, record, checkpoint)

    def first_passage(
        self,
        region: str,
        n: int,
        x0: Any,
        max_time: float,
        rng: Any = None,
        dt: float | None = None,
        progress: Any = None,
        scheme: str = schemes.DEFAULT,
        checkpoint: str | Path | None = None,
    ) -> sampling.Passage:
        """Times at which `n` paths first leave a region, seen also between steps (Brownian bridge).

        Beside them, in ``.coarse``, those of the same paths at twice the step: weak order one, so that twice
        the fine mean less the coarse one is free of the step bias to that order. `scheme` is one whose steps
        are pieces of Brownian motion: ``"euler-maruyama"`` or ``"milstein"``. `checkpoint`: see `simulate`.
        """
        return trajectories.first_passage(
            self, region, n, x0, max_time, rng, dt, progress, scheme, checkpoint
        )

    def escape(
        self,
        region: str,
        x0: Any,
        n: int = 4000,
        rng: Any = None,
        dt: float | None = None,
        score: Any = None,
        repeats: int = rare.REPEATS,
    ) -> Estimate:
        """Mean time to leave a region over a barrier, by adaptive multilevel splitting of paths.

        Paths leave between steps too (Brownian bridge). Steps are by Heun's method where D is constant (weak
        order two), else by Euler–Maruyama (one). The bias of the logarithm, from a second run at twice the
        step, is the error of discretization; at order one it is also taken out, which costs accuracy.

        Parameters
        ----------
        region : str
            True inside, such as ``"x < 1"``.
        x0 : sequence or mapping
            Start.
        n, repeats : int
            Walkers in all, and independent repeats that share them, from which the error comes.
        rng : None, int, SeedSequence or Generator
            Seed of the streams.
        dt : float, optional
            Step; by default a twentieth of the local time scale where steps are of order two, else a
            two-hundredth, and at most a sixteenth of the learning rate of the chain behind the SDE.
        score : formula or Field, optional
            What grows along the way out, such as a committor; by default how near the edge is.

        Examples
        --------
        >>> well = SDE(variables=("x",), drift=["x - x**3"], diffusion=0.0125)
        >>> time = well.escape("x < 0.9", x0=(-1,), n=400, rng=0)
        >>> 1e9 < time.value < 4e9
        True
        """
        return rare.of_paths(self, region, x0, n, rng, dt, score, repeats)

    def path_program(self, region: str | None = None) -> sampling.PathProgram:
        """Return the compiled step program of this SDE, with the level of a region to leave."""
        names = (*self.names, *(p.name for p in self.parameters if p not in self.variables))
        level = None if region is None else formula.parse_region(region, names)
        return sampling.PathProgram(self.variables, tuple(self.drift), self.diffusion, self.parameters, level)

    def step_length(self, start: Array, t: float) -> float:
        """Return a default time step: never the learning rate itself, at which Gaussian paths are SGD."""
        return stepping.step_length(self, start, t)

    def auto_grid(
        self,
        region: Any = None,
        x0: Any = None,
        rtol: float = 1e-3,
        cells: int | None = None,
        **ranges: Any,
    ) -> Grid:
        """Find a box and a spacing for the stationary law or an exit time; see `Grid.auto`."""
        stepping.check_constant("an automatic grid", self.schedule)
        start = {} if x0 is None else stepping.named_point(x0, self.names)
        question = Question(region, start, self.constants)
        return choose(self.generator, self.names, ranges, question, rtol, cells)

    def __repr__(self) -> str:
        return f"SDE({', '.join(self.names)}; drift={list(self.drift)}, diffusion={self.diffusion.tolist()})"


__all__ = ["SDE", "divergence"]
