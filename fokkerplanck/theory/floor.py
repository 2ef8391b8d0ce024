"""Local normal form of a valley: its floor, curvature and noise, from the Loss alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray
from scipy.optimize import brentq

from fokkerplanck.codegen import numpy_function
from fokkerplanck.formula import BATCH, derivative, symbol
from fokkerplanck.loss import Loss
from fokkerplanck.theory.closure import tidy

_PROBES = np.array([-1.37, -0.61, 0.23, 0.89, 1.71])  # no symmetry among them


@dataclass(frozen=True)
class Floor:
    """L = L0(x) + lambda(x) u^2/2 across a straight floor y = y*, and the noise of one step there.

    The chain across, at fixed x, is ``u' = (1 - eta lambda - eta h) u - eta xi`` with
    ``Var h = curvature_noise`` and ``Var xi = noise_across``.
    """

    slow: Any
    fast: Any
    position: Any  # y*
    loss: Any  # L0
    curvature: Any  # lambda
    noise_across: Any  # Sigma_yy on the floor
    noise_along: Any  # Sigma_xx on the floor
    noise_along_growth: Any  # (d/dy)^2 Sigma_xx / 2 on the floor
    curvature_noise: Any  # Var of a step's Hessian L_yy
    quartic: Any  # L_yyyy on the floor: 0 where the valley is exactly quadratic across


def find_floor(loss: Loss, slow: str, sampling: str, floor: Any = None) -> Floor:
    """The floor of the valley along `slow`, refused where there is none or it is not straight."""
    if slow not in loss.names:
        raise ValueError(f"slow: got {slow!r}; expected one of the variables {', '.join(loss.names)}")
    if len(loss.names) != 2:
        raise ValueError(
            f"effective_loss: the loss has {len(loss.names)} variables; one slow and one fast direction "
            "are expected"
        )
    x = symbol(slow)
    y = next(v for v in loss.variables if v != x)
    position = _position(loss, x, y, floor)
    at = {y: position}
    curvature = tidy(loss.hessian[_index(loss, y), _index(loss, y)].subs(at))
    if curvature == 0:
        raise ValueError(
            f"effective_loss: the mean loss has no curvature in {y}; choose another slow variable"
        )
    noise = loss.noise_covariance(BATCH, sampling)
    i, j = _index(loss, x), _index(loss, y)
    sample_curvature = loss.sample_hessian[j, j].subs(at)
    return Floor(
        slow=x,
        fast=y,
        position=position,
        loss=tidy(loss.mean.subs(at)),
        curvature=curvature,
        noise_across=tidy(noise[j, j].subs(at)),
        noise_along=tidy(noise[i, i].subs(at)),
        noise_along_growth=tidy(derivative(derivative(noise[i, i], y), y).subs(at) / 2),
        curvature_noise=tidy(loss.step_covariance([sample_curvature], BATCH, sampling)[0, 0]),
        quartic=tidy(derivative(derivative(loss.hessian[j, j], y), y).subs(at)),
    )


def _index(loss: Loss, variable: Any) -> int:
    return loss.variables.index(variable)


def _position(loss: Loss, x: Any, y: Any, given: Any) -> Any:
    """y* with dL/dy(x, y*) = 0 for every x."""
    slope = loss.gradient[_index(loss, y)]
    if given is not None:
        position = sympy.sympify(given)
        if not _is_zero_everywhere(loss, slope.subs(y, position), x):
            raise ValueError(
                f"floor: dL/d{y} does not vanish along {y} = {given}; it is no floor of the valley"
            )
        return position
    if slope == 0 or not slope.has(y):
        raise ValueError(
            f"effective_loss: the mean loss has no valley in {y}: dL/d{y} = {slope} does not depend on {y}"
        )
    if _is_zero_everywhere(loss, slope.subs(y, 0), x) and _is_stable(loss, x, y, sympy.S.Zero):
        return sympy.S.Zero
    if slope.is_polynomial(y) and sympy.degree(slope, y) == 1:
        linear = sympy.Poly(slope, y)
        position = tidy(-linear.coeff_monomial(1) / linear.coeff_monomial(y))
        if position.has(x):
            raise ValueError(
                f"effective_loss: the valley floor {y} = {position} depends on {x}; the theory needs a "
                "straight "
                f"floor, so write the loss in {x} and {y} - ({position})"
            )
        return position
    found = [p for p in _numeric_positions(loss, slope, x, y) if _is_stable(loss, x, y, p)]
    if len(found) == 1:
        return found[0]
    if found:
        raise ValueError(
            f"effective_loss: there are valley floors at {y} = {', '.join(map(str, found))}; say which "
            "with floor="
        )
    raise ValueError(
        f"effective_loss: no straight valley floor found, {y} with dL/d{y} = 0 for every {x} does not "
        "exist between "
        "-10 and 10; change variables so that the floor is straight, or give it with floor="
    )


def _values(loss: Loss, expr: Any, symbols: tuple[Any, ...], *arrays: Any) -> NDArray[np.float64]:
    function = numpy_function([expr], (*symbols, *loss.parameters))
    return np.asarray(function(*arrays, *loss.constants.values())[0])


def _is_zero_everywhere(loss: Loss, expr: Any, x: Any) -> bool:
    if expr == 0:
        return True
    if np.any(np.abs(_values(loss, expr, (x,), _PROBES)) > 1e-9):
        return False
    return bool(np.all(np.abs(_values(loss, expr, (x,), 3.1 * _PROBES)) < 1e-8))


def _is_stable(loss: Loss, x: Any, y: Any, position: Any) -> bool:
    """Whether the floor is a minimum across, at most probes."""
    j = _index(loss, y)
    curvature = _values(loss, loss.hessian[j, j].subs(y, position), (x,), _PROBES)
    return bool(np.median(np.nan_to_num(curvature, nan=-1.0)) > 0)


def _numeric_positions(loss: Loss, slope: Any, x: Any, y: Any) -> list[Any]:
    """Zeros in y of the slope at one x that are zeros at every other probe too."""
    scan = np.linspace(-10.0, 10.0, 4002)
    values = _values(loss, slope, (x, y), _PROBES[0], scan)
    found = []
    for k in np.flatnonzero(np.sign(values[:-1]) * np.sign(values[1:]) < 0):
        root = brentq(
            lambda s: float(_values(loss, slope, (x, y), _PROBES[0], s)), scan[k], scan[k + 1], xtol=1e-14
        )
        position = sympy.nsimplify(root, tolerance=1e-10, rational=True)
        if _is_zero_everywhere(loss, slope.subs(y, position), x):
            found.append(position)
    return found
