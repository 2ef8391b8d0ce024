"""Numbers of the slow variable's one-dimensional law: values, validity, passage times, slopes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar

from fokkerplanck.codegen import numpy_function
from fokkerplanck.estimate import Estimate
from fokkerplanck.formula import BATCH, LEARNING_RATE, derivative
from fokkerplanck.loss import Loss
from fokkerplanck.theory.floor import Floor
from fokkerplanck.theory.passage import OVERSHOOT, mean_passage_time

Array = NDArray[np.float64]
SEPARATED = 0.1  # slow rate over fast rate up to which the adiabatic theory is quoted


@dataclass(frozen=True)
class SlowLaw:
    """Numbers behind :class:`fokkerplanck.theory.EffectiveLoss`, which holds the expressions."""

    loss: Loss
    lr: float
    batch: int
    floor: Floor
    finite: bool = True

    # The expressions, in the slow variable, the constants, eta and B.
    @property
    def curvature(self) -> Any:
        raise NotImplementedError

    @property
    def damping(self) -> Any:
        raise NotImplementedError

    @property
    def drift(self) -> Any:
        raise NotImplementedError

    @property
    def slow_diffusion(self) -> Any:
        raise NotImplementedError

    @property
    def reasons(self) -> Mapping[str, str]:
        raise NotImplementedError

    @property
    def assumptions(self) -> tuple[str, ...]:
        raise NotImplementedError

    @property
    def slow(self) -> Any:
        """The slow variable's symbol."""
        return self.floor.slow

    def zeros(self, what: str) -> tuple[float, ...]:
        """Points of -10 < x < 10, where the theory holds, at which a non-negative expression touches 0."""
        scan = np.linspace(-10, 10, 2003)
        holds = (self.evaluate("curvature", scan) > 0) & (
            self.evaluate(self.damping * self.curvature, scan) < 1
        )
        values = np.where(holds, np.nan_to_num(self.evaluate(what, scan), nan=np.inf), np.inf)
        finite = values[np.isfinite(values)]
        scale = float(np.median(np.abs(finite))) if finite.size else 0.0
        found = []
        for k in range(1, len(scan) - 1):
            if values[k] <= min(values[k - 1], values[k + 1]) and values[k] < 1e-3 * scale:
                best = minimize_scalar(
                    lambda s: float(self.evaluate(what, s)),
                    bounds=(scan[k - 1], scan[k + 1]),
                    method="bounded",
                    options={"xatol": 1e-12},
                )
                if abs(best.fun) < 1e-12 * scale:
                    found.append(round(float(best.x), 6) + 0.0)
        return tuple(dict.fromkeys(found))

    def evaluate(self, what: Any, x: ArrayLike) -> Array:
        """An attribute by name, or an expression in x, at points x of any shape, numbers put in."""
        expr = getattr(self, what) if isinstance(what, str) else sympy.sympify(what)
        points = np.asarray(x, dtype=np.float64)
        if expr is None:
            raise ValueError(f"{what}: {self.reasons[what]}")
        integrals = tuple(expr.atoms(sympy.Integral))
        dummies = tuple(sympy.Dummy(real=True) for _ in integrals)
        function = numpy_function(
            [expr.xreplace(dict(zip(integrals, dummies, strict=True)))], (*self._symbols, *dummies)
        )
        values = [self._quadrature(i, points) for i in integrals]
        return np.asarray(function(points, *self._numbers, *values)[0])

    @property
    def _symbols(self) -> tuple[Any, ...]:
        return (self.slow, LEARNING_RATE, BATCH, *self.loss.parameters)

    @property
    def _numbers(self) -> tuple[float, ...]:
        return (self.lr, float(self.batch), *self.loss.parameter_values)

    def _quadrature(self, integral: Any, points: Array) -> Array:
        """An integral from 0 to x, by Gauss-Legendre between the sorted points."""
        inner = integral.limits[0][0]
        function = numpy_function([integral.function], (inner, *self._symbols[1:]))
        ends, back = np.unique(np.append(points.ravel(), 0.0), return_inverse=True)
        nodes, weights = np.polynomial.legendre.leggauss(20)
        starts, half = ends[:-1], np.diff(ends) / 2
        at = starts[:, None] + half[:, None] * (1 + nodes)
        pieces = half * (function(at, *self._numbers)[0] @ weights)
        running = np.concatenate([[0.0], np.cumsum(pieces)])
        values = running - running[np.searchsorted(ends, 0.0)]
        return np.asarray(values[back][:-1].reshape(points.shape))

    def validity(self, x: ArrayLike) -> str:
        """``"ok"``, or the sentence that says where in x the theory does not hold."""
        points = np.atleast_1d(np.asarray(x, dtype=np.float64))
        curvature = self.evaluate("curvature", points)
        if np.any(~(curvature > 0)):
            at = points[np.flatnonzero(~(curvature > 0))[0]]
            return f"not valid here: the curvature across is not positive at {self.slow} = {at:.4g}"
        load = 2 * self.evaluate(self.damping * self.curvature, points)
        if np.any(load >= 2):
            worst = int(np.argmax(load))
            name = "eta lambda (1 + Var h/lambda^2)" if self.finite else "eta Var h/lambda"
            return (
                f"not valid here: {name} = {load[worst]:.3g} at {self.slow} = {points[worst]:.4g}, and "
                "from 2 on the "
                "law across the valley has no finite variance: it oscillates or runs away"
            )
        separation = self.separation(points)
        if np.any(separation > SEPARATED):
            worst = int(np.argmax(separation))
            return (
                f"not valid here: the slow rate is {separation[worst]:.2g} of the rate across the valley at "
                f"{self.slow} = {points[worst]:.4g}, so they are not separated"
            )
        return "ok"

    def separation(self, x: ArrayLike) -> Array:
        """Slow rate over fast rate: (|V''| + |V' lambda'/lambda| + D_x (lambda'/lambda)^2)/(lambda (1 - "
        "...))."""
        stretch = derivative(self.curvature, self.slow) / self.curvature
        slow = sympy.Abs(derivative(self.drift, self.slow)) + sympy.Abs(self.drift * stretch)
        fast = self.curvature * (1 - self.damping * self.curvature)
        return np.abs(self.evaluate((slow + self.slow_diffusion * stretch**2) / fast, x))

    def passage_time(
        self,
        x0: float,
        edge: float | tuple[float, float],
        reflecting: float | None = None,
        edge_shift: bool = False,
    ) -> Estimate:
        """Mean time of the slow variable from x0 to the edge, in units of t (divide by lr for steps).

        Parameters
        ----------
        x0 : float
            Start.
        edge : float or (float, float)
            Where the passage ends; two edges end it at either.
        reflecting : float, optional
            The other end, with one edge; a line of symmetry counts as reflecting.
        edge_shift : bool
            Move the edge outwards by the mean overshoot of the discrete chain,
            ``0.5826 sqrt(2 D_x eta)`` with D_x at the edge.
        """
        pair = isinstance(edge, tuple | list)
        if pair == (reflecting is not None):
            raise ValueError("reflecting: give it with one edge, and give no reflecting end with two")
        ends = sorted(edge) if isinstance(edge, tuple | list) else sorted((edge, float(reflecting or 0.0)))
        absorbing = (True, True) if pair else (ends[0] == edge, ends[1] == edge)
        if edge_shift:
            shift = OVERSHOOT * np.sqrt(2 * self.lr * np.abs(self.evaluate("slow_diffusion", np.array(ends))))
            ends = [ends[0] - shift[0] * absorbing[0], ends[1] + shift[1] * absorbing[1]]
        function = numpy_function([self.drift, self.slow_diffusion], self._symbols)

        def coefficients(x: Array) -> tuple[Array, Array]:
            drift, diffusion = function(x, *self._numbers)
            return drift, diffusion

        level = "finite learning rate" if self.finite else "small learning rate"
        said = self.assumptions
        if edge_shift:
            said += ("The edge is moved out by the mean overshoot of one step, 0.5826 sqrt(2 D_x eta).",)
        result = mean_passage_time(
            coefficients,
            float(x0),
            ends[0],
            ends[1],
            absorbing=absorbing,
            method=f"1-D adiabatic law, {level}",
            assumptions=said,
        )
        between = np.linspace(ends[0], ends[1], 201)
        gap = float(np.max(self.separation(between)))
        status = result.status if result.status != "ok" else self.validity(between)
        return result.with_(status=status, model=gap * abs(result.value))

    def log_slopes(self, x: ArrayLike, weighted: bool = True) -> tuple[float, float]:
        """Least-squares slopes of ln p and of ln P(x, y*) against ln F over the points x, weighted by p "
        "or not."""
        points = np.asarray(x, dtype=np.float64)
        log_p = np.log(self.evaluate("marginal", points))
        log_joint = log_p - np.log(self.evaluate("second_moment", points)) / 2
        log_flatness = np.log(self.evaluate("flatness", points))
        weights = np.exp(log_p - log_p.max()) if weighted else np.ones_like(points)
        centred = log_flatness - np.average(log_flatness, weights=weights)
        spread = np.sum(weights * centred**2)
        return float(np.sum(weights * centred * log_p) / spread), float(
            np.sum(weights * centred * log_joint) / spread
        )
