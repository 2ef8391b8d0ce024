"""Steps of the schemes as functions of arrays, from the very text that is compiled; and problems for them.

Nothing is compiled here. Laws are found without sampling: normal numbers are Gauss-Hermite nodes, random
signs are both signs.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

import fokkerplanck as fp
from fokkerplanck.sampling.emit import Hoist, common, fill
from fokkerplanck.sampling.emit_path import noise_names
from fokkerplanck.sampling.schemes import Scheme
from tests.exact import X, Y, recipe

Array = NDArray[np.float64]


def _root(pivot: Any, diagonal: Any) -> Any:
    pivot, diagonal = np.broadcast_arrays(pivot, diagonal)
    singular = np.where(pivot >= -1e-8 * np.abs(diagonal), 0.0, np.nan)
    return np.where(pivot > 1e-13 * diagonal, np.sqrt(np.abs(pivot)), singular)


def _quotient(a: Any, b: Any) -> Any:
    return np.where(np.equal(b, 0.0), 0.0, a / np.where(np.equal(b, 0.0), 1.0, b))


NAMES: dict[str, Any] = {
    "lane": lambda f: f,
    "math": SimpleNamespace(sqrt=np.sqrt, nan=np.nan),
    "elementary": np,
    "abs": np.abs,
    "sign": np.sign,
    "pivot_root": _root,
    "quotient": _quotient,
    "where": np.where,
}


@dataclass(frozen=True)
class Stepper:
    """One step: ``(x, w, h)`` with the increments w of variance 2h, those before `v`, and signs `s`."""

    advance: Callable[..., tuple[Any, ...]]
    constants: tuple[float, ...]
    signs: int
    previous: bool
    d: int

    def __call__(self, x: Array, w: Array, h: float, v: Array | None = None, s: Array | None = None) -> Array:
        """From (d, ...) to (d, ...)."""
        more = [*(v if self.previous and v is not None else ()), *(s if self.signs and s is not None else ())]
        return np.array(np.broadcast_arrays(*self.advance(*x, *w, *more, h, 0.0, *self.constants), w[0])[:-1])

    def path(self, x0: Array, z: Array, h: float, s: Array) -> Array:
        """End of paths (d, n) on normal numbers (steps + 1, d, n), of which the first is that before."""
        x = np.broadcast_to(np.reshape(x0, (self.d, 1)), z[0].shape)
        w = np.sqrt(2 * h) * z
        for k in range(len(z) - 1):
            x = self(x, w[k + 1], h, w[k], s[k, : self.signs])
        return x


def stepper(scheme: Scheme, sde: fp.SDE, wrong: tuple[str, str] | None = None) -> Stepper:
    """The step of a scheme; `wrong`: a piece of its text, which must be there, and what to put instead."""
    program = sde.path_program()
    scheme.check(program)
    hoist, d = Hoist(program.state), len(program.state)
    step = scheme.emit(program, hoist)
    blocks = common(hoist, d) | step.blocks | {"noise": noise_names(scheme, step, d)}
    text = fill(step.template, **blocks)
    if wrong is not None:
        assert wrong[0] in text, text
        text = text.replace(*wrong)
    names = dict(NAMES)
    exec(compile(text, scheme.name, "exec"), names)
    constants = tuple(hoist.function(program.parameters)(sde.parameter_values))
    return Stepper(names["advance"], constants, step.signs, scheme.previous, d)


def accepts(scheme: Scheme, sde: fp.SDE) -> bool:
    return not scheme.refusal(sde.path_program())


# -- problems --------------------------------------------------------------------------------------

# Linear, with a full D and a current; its law is known at all times.
RATES = np.array([[1.0, 0.7], [-0.4, 1.5]])
TENSOR = np.array([[0.8, 0.3], [0.3, 0.5]])
LINEAR = fp.SDE(
    variables=("x", "y"),
    drift=["-x - 0.7*y", "0.4*x - 1.5*y"],
    diffusion=TENSOR.tolist(),
)
# Geometric Brownian motion, dX = m X dt + s X dW.
GROWTH, SPREAD = 0.3, 0.5
GEOMETRIC = fp.SDE(
    variables=("x",), drift=["m*x"], diffusion="s**2*x**2/2", constants={"m": GROWTH, "s": SPREAD}
)
# Full D that changes in space, and a current (complete recipe).
FULL = recipe(
    X**2 / 2 + Y**2 / 2 + X * Y / 4,
    sympy.Matrix(
        [[1 + X**2 / 4, X * Y / 5 + sympy.Rational(3, 10)], [X * Y / 5 + sympy.Rational(3, 10), 1 + Y**2 / 3]]
    ),
    X * Y / 2 + 1,
)
# Noise that does not commute at all: y gathers what x has been.
CROSSED = fp.SDE(variables=("x", "y"), drift=["-x", "-y"], diffusion=["1", "1 + 4*x**2"])
# A double well with constant D.
WELL = fp.SDE(variables=("x",), drift=["x - x**3"], diffusion="0.4")


# -- laws without sampling -------------------------------------------------------------------------


def generator(sde: fp.SDE, f: sympy.Expr) -> sympy.Expr:
    """L f = b . grad f + D : grad grad f."""
    x = sde.variables
    first = sum(b * f.diff(s) for b, s in zip(sde.drift, x, strict=True))
    second = sum(sde.diffusion[i, j] * f.diff(x[i], x[j]) for i in range(len(x)) for j in range(len(x)))
    return sympy.expand(first + second)


def monomials(sde: fp.SDE, degree: int) -> list[sympy.Expr]:
    """All of degree 1 to `degree`."""
    powers = itertools.product(range(degree + 1), repeat=len(sde.variables))
    chosen = [p for p in powers if 0 < sum(p) <= degree]
    return [sympy.prod([v**k for v, k in zip(sde.variables, p, strict=True)]) for p in chosen]


@lru_cache(maxsize=32)
def expansion(sde: fp.SDE, at: tuple[float, ...], order: int) -> tuple[list[sympy.Expr], Array]:
    """Monomials f up to the degree 2 order + 1, and L^k f / k! at a point, k to `order`."""
    values = dict(zip(sde.parameters, sde.parameter_values.tolist(), strict=True))
    values |= dict(zip(sde.variables, at, strict=True))
    functions, rows = monomials(sde, 2 * order + 1), []
    for f in functions:
        derivatives = [f]
        for _ in range(order):
            derivatives.append(generator(sde, derivatives[-1]))
        rows.append([float(g.subs(values)) / math.factorial(k) for k, g in enumerate(derivatives)])
    return functions, np.array(rows)


def local_errors(step: Stepper, sde: fp.SDE, at: tuple[float, ...], h: float, order: int) -> Array:
    """E f(X_h) - sum_k h^k L^k f / k!, k to `order`, for monomials f of degree 1 to 2 order + 1.

    They are O(h^(order + 1)) for a scheme of that weak order, and only for one.
    """
    z, weight = np.polynomial.hermite_e.hermegauss(14)
    d, signs = step.d, list(itertools.product((-1.0, 1.0), repeat=step.signs))
    grid = np.array(list(itertools.product(z, repeat=d))).T
    mass = np.prod(list(itertools.product(weight / weight.sum(), repeat=d)), axis=1)
    start = np.broadcast_to(np.reshape(at, (d, 1)), grid.shape)
    ends = [step(start, np.sqrt(2 * h) * grid, h, s=np.array(s)) for s in signs]
    functions, terms = expansion(sde, at, order)
    compiled = sympy.lambdify(sde.variables, functions)
    means = np.mean([[mass @ f for f in compiled(*end)] for end in ends], axis=0)
    return np.asarray(means - terms @ h ** np.arange(order + 1))


def linear_map(step: Stepper, h: float) -> tuple[Array, Array, Array]:
    """F, G, K of X' = F X + G w + K v."""
    d, none = step.d, np.zeros((step.d, step.d))
    signs, unit = np.ones((step.signs, d)), np.eye(d)
    return (
        step(unit, none, h, none, signs),
        step(none, unit, h, none, signs),
        step(none, none, h, unit, signs),
    )


def linear_law(
    step: Stepper, x0: Array, h: float, steps: int, independent: bool = False
) -> tuple[Array, Array]:
    """Mean and covariance after some steps of a linear problem; `independent`: v anew in every step."""
    f, g, k = linear_map(step, h)
    d, noise = step.d, 2 * h
    mean, cov, cross = x0, np.zeros((d, d)), np.zeros((d, d))  # cross: of the state with the last w
    for _ in range(steps):
        mixed = f @ cross @ k.T
        mean = f @ mean
        cov = f @ cov @ f.T + mixed + mixed.T + noise * (k @ k.T + g @ g.T)
        cross = np.zeros((d, d)) if independent else noise * g
    return mean, cov
