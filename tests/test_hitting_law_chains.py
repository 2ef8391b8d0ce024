"""Where chains in discrete time land."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm

import fokkerplanck as fp
from fokkerplanck.operators.transition import Step, TransitionOperator

Array = NDArray[np.float64]


def autoregressive(x: Array) -> Step:
    return Step((-0.2 * x)[:, None, :], np.ones(1), np.full((len(x), 1, 1), 0.09))


def landing(start: float, f: Callable[[Array], Array], nodes: int = 200) -> float:
    """Mean of f where x' = 0.8 x + 0.3 n first lands outside (-1, 1), by Gauss-Legendre nodes."""
    x, w = np.polynomial.legendre.leggauss(nodes)
    # Outside in pieces: what f may jump at are the edges and 1.15.
    out, weight = (
        np.concatenate(parts)
        for parts in zip(
            *((0.5 * (a + b + (b - a) * x), 0.5 * (b - a) * w) for a, b in ((-3, -1), (1, 1.15), (1.15, 3))),
            strict=True,
        )
    )

    def outside(origin: Array) -> Array:
        return np.asarray(norm.pdf(out, 0.8 * origin[:, None], 0.3) @ (weight * f(out)))

    inner = np.linalg.solve(np.eye(nodes) - norm.pdf(x, 0.8 * x[:, None], 0.3) * w, outside(x))
    origin = np.array([start])
    return float((norm.pdf(x, 0.8 * origin[:, None], 0.3) * w @ inner + outside(origin))[0])


@pytest.mark.parametrize("start", [0.3, 0.97])
def test_where_a_chain_lands(start: float) -> None:
    """The first step outside goes beyond the edge, by about 0.58 of a step."""
    op = TransitionOperator(fp.Grid(x=(-3, 3, 301)), autoregressive)
    law = op.hitting_law("abs(x) < 1", x0={"x": start})
    assert law.probabilities.sum() == pytest.approx(1, abs=1e-10)
    assert law.probabilities.min() > 0
    assert (np.abs(law.points) > 1).all()
    for text, f in (("x", lambda x: x), ("x**2", lambda x: x**2)):
        got, exact = law.mean(text), landing(start, f)
        assert abs(got.value - exact) < got.error + 1e-9 < 2e-3
    for text, g in (("x > 0", lambda x: 1.0 * (x > 0)), ("x > 1.15", lambda x: 1.0 * (x > 1.15))):
        got, exact = law.probability(text), landing(start, g)
        assert abs(got.value - exact) < 1.5 * got.error + 1e-3 * exact
        assert got.error < 0.02 * exact
    assert law.density("x").masses.sum() == pytest.approx(1, abs=1e-10)
    assert law.density("x").masses[np.abs(op.grid["x"].centres) < 0.97].max() == 0.0


def test_a_chain_in_the_plane() -> None:
    """Two independent coordinates; y never matters."""

    def step(x: Array) -> Step:
        return Step((-0.2 * x)[:, None, :], np.ones(1), np.tile(np.diag([0.09, 0.04]), (len(x), 1, 1)))

    op = TransitionOperator(fp.Grid(x=(-2.8, 2.8, 72), y=(-1.6, 1.6, 48)), step)
    law = op.hitting_law("abs(x) < 1", x0={"x": 0.3, "y": 0.1})
    exact = landing(0.3, lambda x: x**2)
    got = law.mean("x**2")
    assert abs(got.value - exact) < got.error + 1e-3 < 0.03
    assert got.status == "ok"
    assert "density of exits" in law.plot().figure.axes[1].get_ylabel()
    assert law.crowding() @ np.linalg.det(law.spread) == pytest.approx(1, abs=1e-9)


# -- the valley, results, refusals ----------------------------------------------------------------------
