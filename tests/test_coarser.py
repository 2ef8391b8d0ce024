"""Coarser grids of the same box: how they lie below a fine one, what they foretell, and what they mend."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

import fokkerplanck as fp
from fokkerplanck.operators.refinement import foreseen, overlay, pooled, refined
from fokkerplanck.solvers.coarser import Coarser, VCycle
from fokkerplanck.solvers.incoming import Incoming

Array = NDArray[np.float64]

BOXES = {
    "a line": [fp.Grid(x=(-1, 2, n)) for n in (24, 48)],
    "a cylinder": [fp.Grid(x=(0, 1, n), y=("-pi", "pi", n + 2), boundary={"y": "periodic"}) for n in (8, 16)],
    "cells that do not nest": [fp.Grid(x=(0, 1, n), y=(0, 2, n)) for n in (11, 16)],
    "space": [fp.Grid(x=(0, 1, n), y=(0, 1, n + 1), z=(0, 1, n + 3)) for n in (6, 12)],
}


@pytest.mark.parametrize("box", list(BOXES))
def test_lowering_is_the_transpose_of_lifting(box: str) -> None:
    """So a residual is summed exactly as a correction is spread; and constants stay constants."""
    coarse, fine = BOXES[box]
    over = overlay(coarse, fine)
    rng = np.random.default_rng(0)
    v, w = rng.normal(size=coarse.size), rng.normal(size=fine.size)
    assert over.lift(v) @ w == pytest.approx(v @ over.lower(w), rel=1e-12)
    assert over.lift(np.ones(coarse.size)) == pytest.approx(np.ones(fine.size), abs=1e-14)
    assert over.lower(w).sum() == pytest.approx(w.sum(), abs=1e-12)


def test_lifting_is_exact_for_what_is_linear() -> None:
    coarse, fine = BOXES["cells that do not nest"]
    linear = [g.points() @ [2.0, -3.0] + 1.0 for g in (coarse, fine)]
    assert overlay(coarse, fine).lift(linear[0]) == pytest.approx(linear[1], abs=1e-13)


def test_two_grids_foretell_the_third() -> None:
    """ln p = l + c h^2 on cells of width h: one grid is c (h_1^2 - h_0^2) off, two together to what cubics
    leave. With the order taken for 1 the forecast is wrong."""
    both = {"x": "periodic", "y": "periodic"}
    grids = [fp.Grid(x=("-pi", "pi", n), y=("-pi", "pi", n), boundary=both) for n in (32, 64, 128)]

    def masses(grid: fp.Grid) -> Array:
        x, y = grid.points().T
        h = float(grid.spacing[0])
        p = np.exp(np.sin(x) * np.cos(y) + 3 * h**2 * np.cos(x + y))
        return np.asarray(p / p.sum())

    def off(guess: Array) -> float:
        return float(np.abs(guess / guess.sum() - masses(grids[2])).sum())

    one = off(refined(masses(grids[1]), grids[1], grids[2]))
    pair = masses(grids[1]), grids[1], masses(grids[0]), grids[0], grids[2]
    two, wrong = off(foreseen(*pair, order=2)), off(foreseen(*pair, order=1))
    assert two < 0.01 * one
    assert wrong > 0.2 * one


def test_a_coarser_grid_mends_what_is_smooth() -> None:
    """Wells weighed wrongly, which sweeps hardly see: one correction leaves a nineteenth, by a V-cycle over
    a middle grid as by an exact solution on the next one."""
    sde = fp.SDE(
        variables=("x", "y"),
        drift=["-x*(x*x - 1) - 0.5*y", "-y + 0.2*x"],
        diffusion=[[".1", ".03"], [".03", ".12"]],
    )
    fine, middle, coarse = (sde.generator(fp.Grid(x=(-2.2, 2.2, n), y=(-2, 2, n))) for n in (128, 64, 32))
    exact = fine.stationary("direct").masses
    tilted = exact * (1 + 0.2 * np.tanh(fine.grid.points()[:, 0]))
    tilted /= tilted.sum()
    chain = Incoming.of(fine.rates.links)

    def law(op: fp.operators.Generator) -> Array:
        return op._law.masses

    def mender(op: fp.operators.Generator) -> Coarser:
        factors = op._law.factors
        assert factors is not None
        return Coarser(overlay(op.grid, finer[op.grid.shape]), law(op), factors.mend)

    finer = {coarse.grid.shape: middle.grid, middle.grid.shape: fine.grid}
    below = Coarser(
        overlay(middle.grid, fine.grid),
        law(middle),
        VCycle(Incoming.of(middle.rates.links), law(middle), mender(coarse)),
    )
    before = float(np.abs(tilted - exact).sum())
    for way in (mender(middle), below):
        mended = tilted.copy()
        way.correct(chain, mended)
        mended /= mended.sum()
        assert np.abs(mended - exact).sum() < before / 15
        assert (mended > 0).all()


def test_pooling_keeps_the_mass_of_every_coarse_cell() -> None:
    coarse, fine = BOXES["space"]
    p = np.random.default_rng(1).uniform(size=fine.size)
    pooled_up = pooled(p, fine, coarse)
    assert pooled_up.sum() == pytest.approx(p.sum(), rel=1e-13)
    first = p.reshape(fine.shape)[:2, :2, :2].sum()
    if fine.shape == tuple(2 * n for n in coarse.shape):
        assert pooled_up[0] == pytest.approx(first, rel=1e-13)
