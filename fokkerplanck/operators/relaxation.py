"""Relaxation of a Markov operator: slowest modes, and the law before extinction."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from fokkerplanck.estimate import Estimate, combine_status, quietly
from fokkerplanck.grid import Level
from fokkerplanck.operators.restriction import restriction
from fokkerplanck.results import Density, Diagnostics, Spectrum
from fokkerplanck.results.diagnostics import widening
from fokkerplanck.results.field import MATTERS
from fokkerplanck.solvers.extinction import before_extinction

if TYPE_CHECKING:
    from fokkerplanck.operators.markov import MarkovOperator

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]

SPARE = 4  # modes of the coarse twin beyond those of the fine grid, among which partners are looked for


def quasi_stationary(op: MarkovOperator, level: Level | None) -> tuple[Density, Estimate]:
    """Law of the survivors in ``level > 0`` and the rate at which they leave it."""

    def solve(op: MarkovOperator | None) -> tuple[float, Density] | None:
        if op is None:
            return None
        r = restriction(op, level)
        rate, p = before_extinction(r.chain)
        values = np.nan_to_num(op._scatter(r.cells, p)) / op.grid.cell_volume
        share = op._widened_share
        widened = None if share is None else float((share * values).sum()) * op.grid.cell_volume
        info = Diagnostics(smallest=float(values.min()), m_matrix=op.is_m_matrix, widened=widened)
        return op._exact_rate(rate), op._density(values, None, widening(widened or 0.0), info)

    def certain(op: MarkovOperator) -> tuple[float, Density]:
        return cast("tuple[float, Density]", solve(op))

    rate, density = certain(op)
    if op.coarse is None:
        return density, Estimate(rate, status=density.status, **_common(op))
    rate_twin, twin = certain(op.coarse)
    walled, wider = solve(op._shadow), quietly(lambda: solve(op._wider))
    third = quietly(lambda: solve(op._coarsest))
    status, cut = density.status, 0.0 if walled is None else abs(walled[0] - rate_twin)
    if cut > MATTERS * rate_twin:
        sentence = f"the open ends of the box matter: absorbing there changes the rate by {cut:.2g}"
        status = combine_status([status, sentence])
    density = replace(
        density,
        status=status,
        coarse=twin if third is None else replace(twin, coarse=third[1]),
        wider=None if wider is None else wider[1],
    )
    numbers = (rate, rate_twin, None if third is None else third[0])
    others = (cut, 0.0 if wider is None else abs(wider[0] - rate_twin))
    return density, _refined(op, numbers, others, status, positive=True)


def slowest(op: MarkovOperator, k: int) -> Spectrum:
    """Return the `k` slowest rates of relaxation, with frequencies and modes; pairs are kept whole."""
    modes = op._modes(k).first(k)
    found, count = modes.rates, len(modes.rates) + SPARE

    def solve(op: MarkovOperator | None, like: Complex) -> Complex | None:
        return None if op is None else _partners(like, op._modes(count).rates)

    twins = solve(op.coarse, found)
    status = widening(_widened(op))
    if twins is None:
        rates, frequencies = (
            tuple(Estimate(float(x), status=status, **_common(op)) for x in part)
            for part in (found.real, found.imag)
        )
    else:
        like = twins
        thirds = quietly(lambda: solve(op._coarsest, like))
        wider = quietly(lambda: solve(op._wider, like))
        walled = solve(op._shadow, like)
        change = 0.0 if walled is None else float(np.abs(walled - twins).max())
        if change > MATTERS * float(np.abs(twins).max()):
            sentence = f"the open ends of the box matter: absorbing there changes a rate by {change:.2g}"
            status = combine_status([status, sentence])

        def refined(i: int, part: str) -> Estimate:
            def of(rates: Complex | None) -> float | None:
                return None if rates is None else float(getattr(rates[i], part))

            fine, twin = float(getattr(found[i], part)), float(getattr(like[i], part))
            others = [0.0 if x is None else abs(x - twin) for x in (of(walled), of(wider))]
            decays = part == "real"
            return _refined(op, (fine, twin, of(thirds)), (others[0], others[1]), status, decays)

        rates, frequencies = (tuple(refined(i, part) for i in range(len(found))) for part in ("real", "imag"))
    # Largest modulus 1, and real there: the phase of a mode means nothing.
    peaks = np.take_along_axis(modes.functions, np.abs(modes.functions).argmax(axis=0)[None], axis=0)
    return Spectrum(op.grid, rates, frequencies, (modes.functions / peaks).T.reshape((-1, *op.grid.shape)))


def _refined(
    op: MarkovOperator,
    numbers: tuple[float, float, float | None],
    others: tuple[float, float],
    status: str,
    positive: bool,
) -> Estimate:
    """A rate from its numbers on three grids, and what absorbing ends and a wider D change on the second."""
    fine, twin, third = numbers
    ratio = 2.0 if op.coarse is None else op.grid.ratio(op.coarse.grid)
    facts = (op.order, ratio, positive, third)
    found = Estimate.from_refinement(fine, twin, *facts, status=status, **_common(op))
    cut, blurred = others
    return found.with_(disc=max(found.disc, blurred) + cut)


def _widened(op: MarkovOperator) -> float:
    """Share of all spreading that widening D adds, mean over the stationary law, or over the cells."""
    share = op._widened_share
    if share is None:
        return 0.0
    return float(share.mean() if op.killing.any() else share.ravel() @ op._law.masses)


def _partners(rates: Complex, others: Complex) -> Complex:
    """For each rate the one of another grid that stands for it: together the nearest, none taken twice."""
    distance = np.abs(rates[:, None] - others) / (np.abs(rates)[:, None] + np.abs(others) + 1e-300)
    rows, columns = linear_sum_assignment(distance)
    partners = rates.copy()
    partners[rows] = others[columns]
    return partners


def _common(op: MarkovOperator) -> dict[str, Any]:
    return {"unit": f"1/{op.unit}", "method": op.method, "assumptions": op.assumptions}
