"""Reactive currents where detailed balance does not hold: a rotating drift."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import simpson

import fokkerplanck as fp
from tests.exact import rotated, well

Array = NDArray[np.float64]


def rotated_rate(noise: float, a: float, edge: float, nodes: int = 60, modes: int = 30) -> float:
    """From x < -edge to x > edge, by Chebyshev in x and Hermite in y.

    The committor backwards is the one forwards at -x, so that on x = 0 the current needs only the latter.
    """
    k = np.arange(nodes + 1)
    x = np.cos(np.pi * k / nodes)
    c = np.where((k == 0) | (k == nodes), 2.0, 1.0) * (-1.0) ** k
    d = np.outer(c, 1 / c) / (x[:, None] - x + np.eye(nodes + 1))
    d = (d - np.diag(d.sum(axis=1))) / edge
    x = x * edge
    slope, n1 = x**3 - x, nodes + 1
    full, right = np.zeros((n1 * modes, n1 * modes)), np.zeros(n1 * modes)
    for n in range(modes):
        rows = slice(n * n1, (n + 1) * n1)
        full[rows, rows] = noise * d @ d - slope[:, None] * d - n * np.eye(n1)
        if n > 0:
            full[rows, (n - 1) * n1 : n * n1] = a * np.sqrt(noise * n) * d
        if n < modes - 1:
            up = a * np.sqrt(noise * (n + 1)) * d - a * np.sqrt((n + 1) / noise) * np.diag(slope)
            full[rows, (n + 1) * n1 : (n + 2) * n1] = up
        for end in (n * n1, n * n1 + nodes):
            full[end] = 0.0
            full[end, end] = 1.0
    right[0] = 1.0
    q = np.linalg.solve(full, right).reshape(modes, n1)
    t, w = np.polynomial.hermite_e.hermegauss(3 * modes)
    h = np.ones((modes, len(t)))
    h[1] = t
    for n in range(1, modes - 1):
        h[n + 1] = (t * h[n] - np.sqrt(n) * h[n - 1]) / np.sqrt(n + 1)
    value, derivative = q[:, nodes // 2] @ h, (d @ q.T)[nodes // 2] @ h
    s = np.linspace(-2.5, 2.5, 100_001)
    held = np.exp(well(s).min() / noise) / simpson(np.exp((well(s).min() - well(s)) / noise), x=s)
    flow = value**2 * a * np.sqrt(noise) * t + 2 * value * noise * derivative
    return float(held * (w / w.sum()) @ flow)


@pytest.mark.parametrize(("a", "bound"), [(0.0, 1e-5), (1.0, 3e-5), (-1.0, 3e-5), (3.0, 4e-3)])
def test_rotation_without_detailed_balance(a: float, bound: float) -> None:
    rate = rotated_rate(0.1, a, 0.8)
    assert rate > 1.2 * rotated_rate(0.1, 0.0, 0.8) or a == 0
    gen = rotated(0.1, a).generator(fp.Grid(x=(-2.3, 2.3, 128), y=(-2.1, 2.1, 128)))
    paths = gen.reactive_current("x < -0.8", "x > 0.8")
    assert abs(paths.rate.value / rate - 1) < bound
    assert abs(paths.rate.value - rate) < paths.rate.error < 0.05 * rate
    assert paths.info["arriving"] == pytest.approx(paths.totals.rate, rel=3e-7)  # as far as the law is solved
    # Through every line x = const between the regions goes the same current: links here follow the axes.
    x, dy = paths.grid["x"].centres, paths.grid["y"].spacing
    through = paths.values[np.abs(x) < 0.75, :, 0].sum(axis=1) * dy
    np.testing.assert_allclose(through, paths.totals.rate, rtol=3e-7)
    # One that was in the source last is so half of the time, by symmetry.
    assert paths.totals.from_source == pytest.approx(0.5, abs=1e-6)


def test_rotation_is_second_order() -> None:
    rate, cells = rotated_rate(0.1, 1.0, 0.8), (50, 83, 130)
    found = []
    for n in cells:
        gen = rotated(0.1, 1.0).generator(fp.Grid(x=(-2.3, 2.31, n), y=(-2.1, 2.1, n)))
        found.append(gen.reactive_current("x < -0.8", "x > 0.8").totals.rate / rate - 1)
    assert -2.15 < np.polyfit(np.log(cells), np.log(found), 1)[0] < -1.85


def test_rotation_over_a_high_barrier() -> None:
    """A barrier of 25, without a potential to lean on: a rate of 2e-12. The grid adds so much diffusion that
    its own rate is twice as large; the logarithm is still of clean second order."""
    rate = rotated_rate(0.01, 1.0, 0.8)
    assert 2.1e-12 < rate < 2.2e-12
    gen = rotated(0.01, 1.0).generator(fp.Grid(x=(-1.8, 1.8, 200), y=(-1.2, 1.2, 200)))
    got = gen.reactive_current("x < -0.8", "x > 0.8").rate
    assert abs(got.value / rate - 1) < 0.02
    assert abs(got.value - rate) < got.error < 0.5 * rate
