"""Scores of splitting: formulas and functions on a grid; what is refused.

Bounds of 4.4 standard errors from 20 to 40 repeats: false alarms below 4e-4 each, with fixed seeds.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import RegularGridInterpolator

import fokkerplanck as fp
from fokkerplanck._kernels.table import lookup_points
from fokkerplanck.rare import _score
from fokkerplanck.results import Field
from fokkerplanck.sampling import ChainProgram, loops
from fokkerplanck.sampling.excursions import Table, chain_walk
from fokkerplanck.theory.passage import mean_passage_time
from tests.programs import DATA, ROWS

FAR = 4.4
REGION = "x < edge"
LINE = fp.Grid(x=(-2, 1.6, 300))


def well(barrier: float, edge: float = 0.9) -> fp.SDE:
    """A double well with its barrier in units of the noise; one program, and so one kernel, for all."""
    constants = {"D": 0.25 / barrier, "edge": edge}
    return fp.SDE(variables=("x",), drift=["x - x**3"], diffusion="D", constants=constants)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_tables_between_their_cells(d: int) -> None:
    rng = np.random.default_rng(d)
    grid = fp.Grid(**{name: (-1.0, 1.0 + k, 5 + k) for k, name in enumerate("xyz"[:d])})
    values = rng.normal(size=grid.shape)
    table = _score(Field(grid, values), grid.names, ())
    assert isinstance(table, Table)
    points = rng.uniform([a.low for a in grid.axes], [a.high for a in grid.axes], (200, d))
    centres = [a.centres for a in grid.axes]
    held = np.clip(points, [c[0] for c in centres], [c[-1] for c in centres])  # level beyond them
    expected = RegularGridInterpolator(centres, values)(held)
    np.testing.assert_allclose(lookup_points(points, table.values, table.axes), expected, atol=1e-13)


def test_tables_around_a_circle() -> None:
    grid = fp.Grid(x=(0, 1, 8), boundary={"x": "periodic"})
    table = _score(Field(grid, np.arange(8.0)), ("x",), ())
    points = np.array([[0.0], [1.0], [-0.5], [0.5], [1 / 16], [-7 / 16], [1 + 3 / 16]])
    found = lookup_points(points, table.values, table.axes)
    np.testing.assert_allclose(found, [3.5, 3.5, 3.5, 3.5, 0.0, 4.0, 1.0], atol=1e-13)


@pytest.mark.parametrize("score", ["committor", "exit time", "x**3 + 3*x"])
def test_any_score_gives_the_same_time(score: str) -> None:
    generator = well(15).generator(LINE)
    times = generator.exit_time(REGION)
    exact = times.at(x=-1)
    given = {"committor": generator.committor("x < -1", "x > edge"), "exit time": times}.get(score, score)
    found = well(15).escape(REGION, (-1,), n=8000, rng=2, score=given)
    assert found.ok
    assert found.stat < 0.1 * exact.value
    assert abs(found.value - exact.value) < FAR * found.stat + found.disc + exact.disc


def test_a_score_that_misleads_costs_accuracy_and_says_so() -> None:
    """Against the way out: walkers die out, or the error grows, and the status tells."""
    found = well(15).escape(REGION, (-1,), n=2000, rng=2, score="cos(9*x)")
    assert "died out" in found.status


def test_what_is_refused() -> None:
    sgd = fp.SGD(fp.Loss("x**2/2 - s*x", ("x",), {"s": fp.Normal(0, 0.1)}), lr=0.1)
    for arguments, message in (
        ({"n": 100}, "n is 100: splitting takes at least 20 walkers a repeat, here 400"),
        ({"repeats": 2}, "repeats is 2: give a whole number of at least 5"),
        ({"score": "sqrt(x)"}, "score is not finite"),
        ({"score": "y"}, "unknown name 'y'"),
        ({"score": Field(fp.Grid(u=(0, 1, 4)), np.zeros(4))}, "score has axes u, the variables are x"),
    ):
        with pytest.raises(ValueError, match=message.replace("(", r"\(")):
            sgd.escape("x < 1", (0,), "splitting", rng=0, **arguments)
    with pytest.raises(ValueError, match="score is for method='splitting'"):
        sgd.escape("x < 1", (0,), "simulation", score="x")
    epoch = ChainProgram(
        DATA.state, DATA.gradient, DATA.draws, True, sampling="epoch", level=1 - DATA.state[0]
    )
    with pytest.raises(ValueError, match="its steps depend on each other"):
        chain_walk(epoch, None, 0.1, 3, np.zeros(0), 0, ROWS)


def test_outcomes_that_are_no_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    near = well(15, edge=-0.9).escape(REGION, (-1,), n=400, rng=0)
    assert np.isnan(near.value)
    assert "before their law had settled: leaving is not rare here" in near.status
    monkeypatch.setattr(loops, "PATIENCE", 4)
    other = well(5, edge=2.2).escape(REGION, (-1,), rng=0)
    assert "they stay somewhere else in the region, such as another well" in other.status
    assert well(15).escape(REGION, (1.2,), rng=0).value == 0.0


def test_the_step_is_found_where_the_start_has_no_slope() -> None:
    """A quartic well, flat at the start and steep at the edge, at a barrier of 15 times the noise."""
    D = 1.2**4 / 4 / 15
    sde = fp.SDE(variables=("x",), drift=["-x**3"], diffusion="D", constants={"D": D})
    exact = mean_passage_time(
        lambda x: (-(x**3), np.full_like(x, D)), 0.0, -1.2, 1.2, absorbing=(True, True)
    ).value
    found = sde.escape("abs(x) < 1.2", (0,), n=8000, rng=3)
    assert found.ok
    assert found.error < 0.15 * exact
    assert abs(found.value - exact) < FAR * found.stat + found.disc
