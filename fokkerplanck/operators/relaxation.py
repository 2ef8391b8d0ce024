"""Relaxation of a Markov operator: slowest modes, and the law before extinction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.estimate import Estimate
from fokkerplanck.grid import Level
from fokkerplanck.operators.restriction import require_exit
from fokkerplanck.results import Density, Spectrum
from fokkerplanck.results.field import MATTERS
from fokkerplanck.solvers import spectrum

if TYPE_CHECKING:
    from fokkerplanck.operators.markov import MarkovOperator

Array = NDArray[np.float64]


def quasi_stationary(op: MarkovOperator, level: Level | None) -> tuple[Density, Estimate]:
    """Law of the survivors in ``level > 0`` and the rate at which they leave it."""

    def solve(op: MarkovOperator) -> tuple[float, Array]:
        r = op._restriction(level, None, 1)
        require_exit(r)
        rate, p = spectrum.before_extinction(r.links, r.killing.sum(axis=1))
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
    return density, Estimate.from_refinement(rate, rate_coarse, op.order, ratio, status=status, **_common(op))


def slowest(op: MarkovOperator, k: int) -> Spectrum:
    """Return the `k` slowest rates of relaxation, with frequencies and modes."""
    decay, vectors = op._modes(k)
    twins, ratio, status = decay, 2.0, "ok"
    if op.coarse is not None:
        twins = op.coarse._modes(k)[0]
        ratio = op.grid.ratio(op.coarse.grid)
        if op._shadow is not None:
            change = float(np.abs(np.sort(op._shadow._modes(k)[0].real) - np.sort(twins.real)).max())
            if change > MATTERS * float(np.abs(twins.real).max()):
                status = f"the open ends of the box matter: absorbing there changes a rate by {change:.2g}"

    def refined(a: float, b: float) -> Estimate:
        return Estimate.from_refinement(a, b, op.order, ratio, status=status, **_common(op))

    # Pairs conjugate to each other may come in either order on the two grids.
    rates = tuple(refined(a.real, b.real) for a, b in zip(decay, twins, strict=True))
    frequencies = tuple(
        refined(a.imag, abs(b.imag) * np.sign(a.imag)) for a, b in zip(decay, twins, strict=True)
    )
    peak = np.abs(vectors).max(axis=0)
    modes = (vectors / peak).T.reshape((-1, *op.grid.shape))
    return Spectrum(op.grid, rates, frequencies, modes)


def _common(op: MarkovOperator) -> dict[str, Any]:
    return {"unit": f"1/{op.unit}", "method": op.method, "assumptions": op.assumptions}
