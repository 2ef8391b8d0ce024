"""Laws of chains whose wells hardly exchange mass: what iterations would lose to rounding is eliminated."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

import fokkerplanck as fp

Array = NDArray[np.float64]


def eliminated(p: Array, order: NDArray[np.int64]) -> Array:
    """Stationary masses of a transition matrix by Grassmann, Taksar and Heyman: no subtraction. The first of
    the order is eliminated last."""
    a = p[order][:, order]
    n = len(a)
    for k in range(n - 1, 0, -1):
        a[:k, k] /= a[k, :k].sum()
        a[:k, :k] += np.outer(a[:k, k], a[k, :k])
    masses = np.ones(n)
    for k in range(1, n):
        masses[k] = masses[:k] @ a[:k, k]
    found = np.empty(n)
    found[order] = masses / masses.sum()
    return found


@pytest.mark.parametrize("noise", [1.6, 0.8])
def test_wells_far_below_rounding_are_weighed(noise: float) -> None:
    """Barriers of 8 and 31 times the noise; the wells exchange 1e-5 and 1e-15 of their mass a step. With 200
    cells the plain elimination, entry by entry, has the same masses to ten digits."""
    loss = fp.Loss("(x**2 - 1)**2/2 - 0.02*x - s*x", ("x",), {"s": fp.Normal(0, "q")}, constants={"q": noise})
    operator = fp.SGD(loss, lr=0.05).transition(fp.Grid(x=(-1.9, 1.9, 200)))
    found = operator.stationary()
    from_the_well = np.argsort(np.abs(operator.grid.points()[:, 0] + 1))
    exact = eliminated(operator.rates.links.toarray(), from_the_well)
    assert found.masses == pytest.approx(exact, rel=1e-9, abs=1e-300)
    assert found.status == "ok"


def test_wells_in_the_plane_are_weighed() -> None:
    """A barrier of 40 times the noise: .16806 in the left well on 96² and 128² cells. Iterations from a wrong
    start said 0, or .17 with an error of .8."""
    loss = fp.Loss(
        "(x**2 - 1)**2 + y**2/2 + 0.3*x*y - 0.02*x - s*x - r*y",
        ("x", "y"),
        {"s": fp.Normal(0, 1), "r": fp.Normal(0, 1)},
    )
    operator = fp.SGD(loss, lr=0.05).transition(fp.Grid(x=(-2, 2, 64), y=(-1.6, 1.6, 64)))
    share = operator.stationary().probability("x < 0")
    assert abs(share.value - 0.16806) < 1e-4
    assert share.disc < 1e-4
