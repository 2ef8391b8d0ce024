"""Relaxation of a Markov operator: slowest modes, and the law before extinction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from fokkerplanck.estimate import Estimate
from fokkerplanck.grid import Level
from fokkerplanck.operators.restriction import restriction
from fokkerplanck.results import Density, Spectrum
from fokkerplanck.results.field import MATTERS
from fokkerplanck.solvers.extinction import before_extinction

if TYPE_CHECKING:
    from fokkerplanck.operators.markov import MarkovOperator

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]

SPARE = 4  # modes of the coarse twin beyond those of the fine grid, among which partners are looked for


def quasi_stationary(op: MarkovOperator, level: Level | None) -> tuple[Density, Estimate]:
    """Law of the survivors in ``level > 0`` and the rate at which they leave it."""

    def solve(op: MarkovOperator) -> tuple[float, Array]:
        r = restriction(op, level)
        rate, p = before_extinction(r.chain)
        return op._exact_rate(rate), np.nan_to_num(op._scatter(r.cells, p)) / op.grid.cell_volume

    rate, values = solve(op)
    if op.coarse is None:
        return op._density(values, None), Estimate(rate, **_common(op))
    rate_coarse, values_coarse = solve(op.coarse)
    status = "ok"
    if op._shadow is not None:
        change = abs(solve(op._shadow)[0] - rate_coarse)
        if change > MATTERS * rate_coarse:
            status = f"the open ends of the box matter: absorbing there changes the rate by {change:.2g}"
    density = op._density(values, op.coarse._density(values_coarse, None), status)
    ratio = op.grid.ratio(op.coarse.grid)
    facts = {"positive": True, "status": status, **_common(op)}
    return density, Estimate.from_refinement(rate, rate_coarse, op.order, ratio, **facts)


def slowest(op: MarkovOperator, k: int) -> Spectrum:
    """Return the `k` slowest rates of relaxation, with frequencies and modes; pairs are kept whole."""
    modes = op._modes(k).first(k)
    found, twins, ratio, status = modes.rates, modes.rates, 2.0, "ok"
    if op.coarse is not None:
        twins = _partners(found, op.coarse._modes(len(found) + SPARE).rates)
        ratio = op.grid.ratio(op.coarse.grid)
        if op._shadow is not None:
            walled = _partners(twins, op._shadow._modes(len(found) + SPARE).rates)
            change = float(np.abs(walled - twins).max())
            if change > MATTERS * float(np.abs(twins).max()):
                status = f"the open ends of the box matter: absorbing there changes a rate by {change:.2g}"

    def refined(a: float, b: float, positive: bool = False) -> Estimate:
        facts = {"positive": positive, "status": status, **_common(op)}
        return Estimate.from_refinement(a, b, op.order, ratio, **facts)

    pairs = list(zip(found, twins, strict=True))
    rates = tuple(refined(a.real, b.real, positive=True) for a, b in pairs)
    frequencies = tuple(refined(a.imag, b.imag) for a, b in pairs)
    # Largest modulus 1, and real there: the phase of a mode means nothing.
    peaks = np.take_along_axis(modes.functions, np.abs(modes.functions).argmax(axis=0)[None], axis=0)
    return Spectrum(op.grid, rates, frequencies, (modes.functions / peaks).T.reshape((-1, *op.grid.shape)))


def _partners(rates: Complex, others: Complex) -> Complex:
    """For each rate the one of another grid that stands for it: together the nearest, none taken twice."""
    distance = np.abs(rates[:, None] - others) / (np.abs(rates)[:, None] + np.abs(others) + 1e-300)
    rows, columns = linear_sum_assignment(distance)
    partners = rates.copy()
    partners[rows] = others[columns]
    return partners


def _common(op: MarkovOperator) -> dict[str, Any]:
    return {"unit": f"1/{op.unit}", "method": op.method, "assumptions": op.assumptions}
