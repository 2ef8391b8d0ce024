"""Problems with exact solutions, shared by the tests."""

from __future__ import annotations

import numpy as np
import sympy
from numpy.typing import NDArray

import fokkerplanck as fp

Array = NDArray[np.float64]

X, Y = sympy.symbols("x y", real=True)


def ornstein_uhlenbeck() -> fp.SDE:
    return fp.SDE(variables=("x",), drift=["-x"], diffusion="1")


def double_well(noise: float = 0.1) -> fp.SDE:
    return fp.SDE(variables=("x",), drift=["x - x**3"], diffusion="D", constants={"D": noise})


def well(x: Array) -> Array:
    """Potential of the double well."""
    return np.asarray(x**4 / 4 - x**2 / 2)


def rotated(noise: float, a: float) -> fp.SDE:
    """b = -(1 + aJ) grad V: the law of a = 0, with a current that speeds up exchange."""
    return fp.SDE(
        variables=("x", "y"),
        drift=["-(x**3 - x) + a*y", "-y - a*(x**3 - x)"],
        diffusion="D",
        constants={"D": noise, "a": a},
    )


def valley(kappa: float, delta: float = 0.05, **errors: float) -> fp.SDE:
    """The SDE of the degenerate valley; `errors` multiply D_xx or D_yy, to see whether a test notices."""
    return fp.SDE(
        variables=("x", "y"),
        drift=["lam*sin(x)*y**2/4", "-lam*y"],
        diffusion=["fx*delta/kappa", "fy*delta"],
        where={"lam": "20*exp(0.5*cos(x))"},
        constants={"kappa": kappa, "delta": delta, "fx": errors.get("fx", 1.0), "fy": errors.get("fy", 1.0)},
    )


def flatness(x: Array) -> Array:
    return np.asarray((20 * np.exp(0.5 * np.cos(x))) ** -0.5)


def recipe(potential: sympy.Expr, diffusion: sympy.Matrix, skew: sympy.Expr) -> fp.SDE:
    """Complete recipe of Ma, Chen and Fox (2015): the law is exp(-U) for any D and skew Q."""
    q = sympy.Matrix([[0, skew], [-skew, 0]])
    m = diffusion + q
    grad = sympy.Matrix([potential.diff(X), potential.diff(Y)])
    div = sympy.Matrix([sum(m[i, j].diff(v) for j, v in enumerate((X, Y))) for i in range(2)])
    return fp.SDE.from_expressions((X, Y), div - m * grad, diffusion, {})


def log_slope(x: Array, p: Array, weighted: bool = False) -> float:
    """Slope of ln p against ln F over cells with p > 1e-12 of the largest."""
    keep = p > 1e-12 * p.max()
    u, v = np.log(flatness(x[keep])), np.log(p[keep])
    w = p[keep] / p[keep].sum() if weighted else np.full(keep.sum(), 1 / keep.sum())
    return float((w * (u - w @ u)) @ v / (w @ (u - w @ u) ** 2))


def slopes(density: fp.Density, weighted: bool = False) -> tuple[fp.Estimate, fp.Estimate]:
    """Slopes of the marginal and of P(x, 0), both against ln F; the weight is the marginal."""

    def marginal(d: fp.Density) -> float:
        return log_slope(d.grid["x"].centres, d.marginal("x").values, weighted)

    def floor(d: fp.Density) -> float:
        x, p, m = d.grid["x"].centres, d.slice(y=0.0), d.marginal("x").values
        if not weighted:
            return log_slope(x, p)
        u, v, w = np.log(flatness(x)), np.log(p), m / m.sum()
        return float((w * (u - w @ u)) @ v / (w @ (u - w @ u) ** 2))

    return density.estimate(marginal), density.estimate(floor)
