"""Stochastic differential equations: drift and diffusion as formulas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import sympy
from numpy.typing import ArrayLike, NDArray

from fokkerplanck import formula, sampling
from fokkerplanck.codegen import numpy_function
from fokkerplanck.formula import LEARNING_RATE
from fokkerplanck.grid import Grid, is_whole
from fokkerplanck.operators import Generator
from fokkerplanck.results import Ensemble
from fokkerplanck.sampling.seeds import seed_of
from fokkerplanck.schedules import Schedule

Array = NDArray[np.float64]

# Itô drift = b + a div D.
INTERPRETATIONS = {
    "ito": sympy.Integer(0),
    "stratonovich": sympy.Rational(1, 2),
    "anti-ito": sympy.Integer(1),
}
SUBSTEPS = 16  # time steps a learning rate: at one, Gaussian paths would be SGD itself
NODES, WEIGHTS = np.polynomial.legendre.leggauss(6)


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
        if isinstance(variables, str):
            raise ValueError(f"variables is a sequence of names, such as ('x',); got the text {variables!r}")
        names = tuple(variables)
        numbers = {
            k: formula.parse_number(v, what=f"constant {k!r}") for k, v in dict(constants or {}).items()
        }
        if len(set(names)) != len(names) or not names:
            raise ValueError(f"variables must be different names, at least one; got {names}")
        if twice := set(names) & set(numbers):
            raise ValueError(
                f"constants holds {', '.join(sorted(twice))}, which is a variable too: rename one of the two"
            )
        if interpretation not in INTERPRETATIONS:
            raise ValueError(
                f"interpretation is {interpretation!r}; take one of {', '.join(INTERPRETATIONS)}"
            )
        if (diffusion is None) == (noise is None):
            raise ValueError(
                "give either diffusion= (D of dX = b dt + sqrt(2 D) dW) or noise= (sigma), not both"
            )
        definitions = formula.resolve(dict(where or {}), (*names, *numbers))
        known = (*names, *numbers, *(s.name for s in definitions))

        def parse(text: Any, what: str) -> sympy.Expr:
            return formula.parse(text, known, what=what).subs(definitions)

        d = len(names)
        if isinstance(drift, str) or len(drift) != d:
            raise ValueError(f"drift needs {d} formulas, one for each of {', '.join(names)}; got {drift!r}")
        self.variables = tuple(formula.symbol(n) for n in names)
        self.parameters = tuple(formula.symbol(n) for n in numbers)
        self.parameter_values = np.array(list(numbers.values()), dtype=float)
        b = sympy.Matrix(d, 1, [parse(f, f"drift of {n}") for f, n in zip(drift, names, strict=True)])
        share = INTERPRETATIONS[interpretation]
        if noise is not None:
            sigma = _rectangle(noise, d, parse)
            self.diffusion = (sigma * sigma.T) / 2
            # In the sigma-form a = 1/2 gives sigma_kj d_k sigma_ij / 2, and anti-Itô twice that.
            extra = [
                sum(
                    sigma[k, j] * sigma[i, j].diff(x)
                    for j in range(sigma.cols)
                    for k, x in enumerate(self.variables)
                )
                for i in range(d)
            ]
            self.drift = b + share * sympy.Matrix(d, 1, extra)
        else:
            self.diffusion = _tensor(diffusion, d, parse)
            self.drift = b + share * divergence(self.diffusion, self.variables)
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

    # -- the potential, where there is one --------------------------------------------------------

    @cached_property
    def potential_gradient(self) -> sympy.Matrix:
        r""":math:`D^{-1}(\nabla\cdot D - b)`: the gradient of U with :math:`p = e^{-U}`, where it is one."""
        return self.diffusion.LUsolve(divergence(self.diffusion, self.variables) - self.drift)

    @cached_property
    def _gradient_and_curl(self) -> Any:
        g, v = self.potential_gradient, self.variables
        curl = [g[i].diff(v[j]) - g[j].diff(v[i]) for i in range(len(v)) for j in range(i)]
        slopes = [g[i].diff(x) for i in range(len(v)) for x in v]
        return numpy_function([*g, *curl, *slopes], [*v, *self.parameters])

    def potential(self, grid: Grid) -> Array | None:
        """U at the cell centres (n,) with ``p = exp(-U)``; None if the law carries a current.

        The curl is checked at every cell; U is then the line integral of its gradient along grid lines,
        so nothing needs to be integrated in closed form.
        """
        d = len(self.variables)
        values = np.stack(self._gradient_and_curl(*grid.points().T, *self.parameter_values), axis=-1)
        pairs = d * (d - 1) // 2
        curl, slopes = values[:, d : d + pairs], np.abs(values[:, d + pairs :])
        if not np.isfinite(values).all() or (
            np.abs(curl).max(initial=0.0) > 1e-9 * max(slopes.max(), 1e-300)
        ):
            return None
        u = np.zeros(grid.shape)
        for k, axis in enumerate(grid.axes):
            # Along axis k, through the first cell of every later axis.
            rise = self._line(grid, k)
            if axis.periodic and np.abs(rise.sum(axis=-1)).max() > 1e-9 * max(1.0, np.abs(rise).max()):
                return None
            steps = np.cumsum(rise[..., :-1], axis=-1)
            path = np.concatenate([np.zeros((*steps.shape[:-1], 1)), steps], axis=-1)
            u += path.reshape(path.shape + (1,) * (d - 1 - k))
        flat = u.ravel()
        return flat - flat.min() if np.isfinite(flat).all() else None

    def _line(self, grid: Grid, k: int) -> Array:
        """Rise of U from each centre to the next along axis k, (shape[:k], cells)."""
        axes = grid.axes
        h = axes[k].spacing
        nodes = axes[k].centres[:, None] + 0.5 * h * (1 + NODES)
        mesh = np.meshgrid(*(a.centres for a in axes[:k]), nodes.ravel(), indexing="ij")
        rest = [np.full(mesh[0].shape, a.centres[0]) for a in axes[k + 1 :]]
        points = [m.ravel() for m in (*mesh, *rest)]
        slope = self._gradient_and_curl(*points, *self.parameter_values)[k]
        shape = (*(a.cells for a in axes[:k]), axes[k].cells, len(NODES))
        return np.asarray(slope).reshape(shape) @ (0.5 * h * WEIGHTS)

    # -- levels -----------------------------------------------------------------------------------

    def generator(self, grid: Grid) -> Generator:
        """Build the Fokker–Planck generator on a grid whose axes are the variables."""
        self._require_constant("a generator")
        if grid.names != self.names:
            raise ValueError(
                f"the grid has axes {', '.join(grid.names)}, the SDE variables {', '.join(self.names)}"
            )
        return Generator(grid, self.coefficients, self.potential, self.constants)

    def simulate(
        self,
        n: int,
        t: float,
        x0: Any,
        rng: Any = None,
        dt: float | None = None,
        progress: Any = None,
    ) -> Ensemble:
        """Simulate `n` independent paths to time `t` by Euler–Maruyama, with a coupled run at twice the step.

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
        """
        start = starting_points(x0, n, self.names)
        check_time("t", t)
        self._check_step(dt)
        self._check_noise(start)
        seed = seed_of(rng)
        program = self.path_program()
        if dt is None and self.schedule is None:
            dt = sampling.settle(
                program,
                start,
                t,
                self.step_length(start, t),
                self.parameter_values,
                seed,
                lambda points: self._resolving(float(self._speed(points).mean()), t),
            )
        steps, rates = self._time_steps(start, t, dt)
        run = sampling.run_paths(
            program,
            start,
            steps,
            len(steps),
            self.parameter_values,
            seed,
            rates=rates,
            progress=progress,
        )
        return Ensemble(
            self.names,
            run.final,
            run.diverged,
            run.coarse,
            "SDE paths",
            float(t),
            "time",
            seed,
            self.constants,
        )

    def first_passage(
        self,
        region: str,
        n: int,
        x0: Any,
        max_time: float,
        rng: Any = None,
        dt: float | None = None,
        progress: Any = None,
    ) -> sampling.Passage:
        """Times at which `n` paths first leave a region, seen also between steps (Brownian bridge).

        Beside them, in ``.coarse``, those of the same paths at twice the step: weak order one, so that twice
        the fine mean less the coarse one is free of the step bias to that order.
        """
        self._require_constant("a mean exit time")
        start = starting_points(x0, n, self.names)
        check_time("max_time", max_time)
        self._check_step(dt)
        self._check_noise(start)
        seed, values, program = seed_of(rng), self.parameter_values, self.path_program(region)
        step = self.step_length(start, max_time) if dt is None else float(dt)
        if dt is None and self.schedule is None:
            step = sampling.settle_passage(program, start, max_time, step, values, seed)
        steps = 2 * int(np.ceil(max_time / step / 2))

        def run(merge: int, done: float, share: float) -> sampling.Passage:
            report = None if progress is None else lambda part: progress(done + share * part)
            return sampling.first_passage_paths(
                program, start, step, steps, values, seed, merge=merge, progress=report
            )

        fine = run(1, 0.0, 0.5)
        return replace(fine, coarse=run(2, 0.5, 0.5))

    def path_program(self, region: str | None = None) -> sampling.PathProgram:
        """Return the compiled step program of this SDE, with the level of a region to leave."""
        names = (*self.names, *(p.name for p in self.parameters if p not in self.variables))
        level = None if region is None else formula.parse_region(region, names)
        return sampling.PathProgram(self.variables, tuple(self.drift), self.diffusion, self.parameters, level)

    def step_length(self, start: Array, t: float) -> float:
        """Return a default time step: never the learning rate itself, at which Gaussian paths are SGD."""
        return self._resolving(float(self._speed(start[:64]).max()), t)

    def _speed(self, points: Array) -> Array:
        """Largest entry of the drift's Jacobian at each point, 0 where there is none."""
        jacobian = self.drift.jacobian(self.variables)
        entries = numpy_function(list(jacobian), [*self.variables, *self.parameters])
        values = np.abs(np.stack(entries(*points.T, *self.parameter_values)))
        return np.asarray(np.where(np.isfinite(values), values, 0.0).max(axis=0), dtype=float)

    def _resolving(self, speed: float, t: float) -> float:
        natural = min(t / 50, 0.02 / speed) if speed > 0 else t / 200
        if self.schedule is None or not self.schedule.is_constant:
            return natural
        return min(natural, self.schedule.constant / SUBSTEPS)

    def _check_noise(self, start: Array) -> None:
        """Refuse starting points at which the diffusion tensor is no covariance."""
        points = start[:1] if (start == start[0]).all() else start
        scheduled = [] if LEARNING_RATE in self.parameters or self.schedule is None else [LEARNING_RATE]
        rates = [] if self.schedule is None else list(self.schedule.rates(len(scheduled)))
        d = len(self.variables)
        entries = numpy_function(list(self.diffusion), [*self.variables, *self.parameters, *scheduled])
        values = np.stack(entries(*points.T, *self.parameter_values, *rates), axis=-1).reshape(-1, d, d)

        def name(k: int) -> str:
            return ", ".join(f"{n} = {v:.4g}" for n, v in zip(self.names, points[k], strict=True))

        finite = np.isfinite(values).all(axis=(1, 2))
        if not finite.all():
            raise ValueError(
                f"the diffusion tensor is not finite at {name(int(np.argmin(finite)))}; start elsewhere"
            )
        lowest, highest = np.linalg.eigvalsh(values)[:, [0, -1]].T
        bad = lowest < -1e-10 * np.maximum(highest, 1e-300)
        if bad.any():
            k = int(np.argmax(bad))
            raise ValueError(
                f"the diffusion tensor is not positive semidefinite at {name(k)}: its smallest eigenvalue is "
                f"{lowest[k]:.3g}; start elsewhere, or mend the formula"
            )

    def _check_step(self, dt: float | None) -> None:
        """Refuse a step so long that the paths are, or nearly are, the chain itself."""
        if dt is None:
            return
        if not 0 < dt < np.inf:
            raise ValueError(f"dt is {dt!r}: give a finite step > 0, or leave it out")
        if self.schedule is None or not self.schedule.is_constant:
            return
        longest = self.schedule.constant / SUBSTEPS
        if dt > longest * (1 + 1e-9):
            raise ValueError(
                f"dt is {dt:g}, and the learning rate behind this SDE is {self.schedule.constant:g}: at dt = "
                f"lr paths are SGD itself, and their agreement with it says nothing; give dt <= {longest:g}, "
                "or leave it out"
            )

    def _time_steps(self, start: Array, t: float, dt: float | None) -> tuple[Array, Array | None]:
        """Lengths of the time steps to t, an even number, and with a schedule the learning rate of each."""
        if self.schedule is None or self.schedule.is_constant:
            step = self.step_length(start, t) if dt is None else float(dt)
            count = max(2, 2 * int(np.ceil(t / step / 2)))
            return np.full(count, t / count), None
        if dt is not None:
            raise ValueError(
                f"dt follows the learning-rate schedule (a {SUBSTEPS}th of each rate); leave it out"
            )
        count = min(64, self.schedule.steps or 64)
        while self.schedule.times(count)[-1] < t * (1 - 1e-12):
            count = (
                min(2 * count, self.schedule.steps or 2 * count) if count != self.schedule.steps else count
            )
            if count == self.schedule.steps and self.schedule.times(count)[-1] < t * (1 - 1e-12):
                raise ValueError(
                    f"the schedule ends at time {self.schedule.times(count)[-1]:g}, before t = {t:g}"
                )
        ends = self.schedule.times(count)
        used = int(np.searchsorted(ends, t * (1 - 1e-12))) + 1
        rates = self.schedule.rates(used)
        lengths = rates.copy()
        lengths[-1] -= max(0.0, float(ends[used - 1]) - t)
        return np.repeat(lengths / SUBSTEPS, SUBSTEPS), np.repeat(rates, SUBSTEPS)

    def _require_constant(self, what: str) -> None:
        if self.schedule is not None and not self.schedule.is_constant:
            raise ValueError(
                f"{what} needs one learning rate, and this schedule changes it; give SGD a number as lr"
            )

    def auto_grid(
        self, cells: int | None = None, x0: Mapping[str, float] | None = None, **ranges: Any
    ) -> Grid:
        """Find a box that holds all but about 1e-10 of the stationary mass; see `Grid.auto`."""
        from fokkerplanck.operators.auto import find_box

        unknown = set(ranges) - set(self.names)
        if unknown:
            strange, known = ", ".join(sorted(unknown)), ", ".join(self.names)
            raise ValueError(f"Grid.auto got ranges for {strange}; the variables are {known}")
        return find_box(self.generator, self.names, ranges, dict(x0 or {}), cells or 256)

    def __repr__(self) -> str:
        return f"SDE({', '.join(self.names)}; drift={list(self.drift)}, diffusion={self.diffusion.tolist()})"


def divergence(tensor: sympy.Matrix, variables: Sequence[sympy.Symbol]) -> sympy.Matrix:
    """Row divergence of a tensor, (d, 1)."""
    rows = [sum(tensor[i, j].diff(x) for j, x in enumerate(variables)) for i in range(tensor.rows)]
    return sympy.Matrix(len(rows), 1, rows)


def check_time(name: str, t: Any) -> None:
    """Refuse what is no finite time after the start."""
    if isinstance(t, str | bool) or t is None or not 0 < t < np.inf:
        raise ValueError(f"{name} is {t!r}: give a finite time > 0")


def starting_points(x0: Any, n: int, names: Sequence[str]) -> Array:
    """(n, d) starting points from one point, a mapping by name, or n points."""
    if not is_whole(n, 1):
        raise ValueError(f"n is {n!r}: give a whole number of replicas, at least 1")
    if isinstance(x0, Mapping):
        if set(x0) != set(names):
            raise ValueError(f"x0 names {', '.join(map(str, x0))}; the variables are {', '.join(names)}")
        x0 = [x0[k] for k in names]
    x = np.asarray(x0, dtype=float)
    if x.ndim <= 1:
        x = np.broadcast_to(x.reshape(1, -1), (int(n), x.size))
    if x.shape != (n, len(names)):
        raise ValueError(
            f"x0 has shape {np.shape(x0)}: give one point ({len(names)},) or {n} points ({n}, {len(names)})"
        )
    if not np.isfinite(x).all():
        raise ValueError("x0 holds values that are not finite")
    return np.array(x)


def _tensor(given: Any, d: int, parse: Any) -> sympy.Matrix:
    """D from a scalar, a diagonal or a full matrix of formulas."""
    if given is None or isinstance(given, str | int | float | sympy.Basic):
        entry = parse(given, "diffusion")
        return entry * sympy.eye(d)
    rows = given.tolist() if hasattr(given, "tolist") else list(given)
    if len(rows) != d:
        raise ValueError(
            f"diffusion has {len(rows)} rows for {d} variables: give a scalar, {d} entries, or {d} x {d}"
        )
    if all(isinstance(r, list | tuple) for r in rows):
        if any(len(r) != d for r in rows):
            raise ValueError(f"diffusion must be {d} x {d}; its rows have {[len(r) for r in rows]} entries")
        full = sympy.Matrix(d, d, [parse(e, "diffusion") for r in rows for e in r])
        if sympy.simplify(full - full.T) != sympy.zeros(d):
            raise ValueError("diffusion must be a symmetric tensor; its off-diagonal entries differ")
        return full
    return sympy.diag(*(parse(e, "diffusion") for e in rows))


def _rectangle(given: Any, d: int, parse: Any) -> sympy.Matrix:
    rows = given.tolist() if hasattr(given, "tolist") else [given] if isinstance(given, str) else list(given)
    rows = [r if isinstance(r, list | tuple) else [r] for r in rows]
    if len(rows) != d or len({len(r) for r in rows}) != 1:
        raise ValueError(f"noise must have {d} rows of equal length, one for each variable; got {given!r}")
    return sympy.Matrix(d, len(rows[0]), [parse(e, "noise") for r in rows for e in r])
