"""Slow modes: product spectra, rotation, metastable states, chains in steps."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from numpy.typing import NDArray

import fokkerplanck as fp
from fokkerplanck.operators.transition import Step, TransitionOperator
from tests.exact import X, Y, double_well, ornstein_uhlenbeck
from tests.test_passage import double_well_time

Array = NDArray[np.float64]


def check(spectrum: fp.Spectrum, exact: list[complex], rel: float) -> None:
    """Values within `rel`, and within 3 of their own errors."""
    for k, wanted in enumerate(exact):
        for got, part in ((spectrum.rates[k], wanted.real), (spectrum.frequencies[k], wanted.imag)):
            off = abs(got.value - part)
            assert off < rel * abs(wanted) + 1e-9
            assert off < 3 * got.error + 1e-6 * abs(wanted) + 1e-9


def rotated_product(angle: float, rates: tuple[float, float], noises: tuple[float, float]) -> fp.SDE:
    """Two Ornstein–Uhlenbeck processes on turned axes: D full, spectrum j a + k b."""
    r = sympy.Matrix([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    drift = -r * sympy.diag(*rates) * r.T * sympy.Matrix([X, Y])
    return fp.SDE.from_expressions((X, Y), drift, r * sympy.diag(*noises) * r.T, {})


def test_rotated_product_of_two_diffusions() -> None:
    sde = rotated_product(0.6, (1.0, 2.3), (1.0, 0.4))
    spectrum = sde.generator(fp.Grid(x=(-6, 6, 80), y=(-6, 6, 80))).spectrum(6)
    check(spectrum, [0, 1, 2, 2.3, 3, 3.3], 3e-3)
    # Power: twice the noise changes no rate, twice the drift all.
    wrong = rotated_product(0.6, (2.0, 4.6), (1.0, 0.4)).generator(fp.Grid(x=(-6, 6, 80), y=(-6, 6, 80)))
    assert wrong.spectrum(2).rates[1].value > 1.9


def test_a_rate_of_full_multiplicity() -> None:
    """Isotropic: 1 twice, 2 three times, each mode once."""
    sde = rotated_product(0.0, (1.0, 1.0), (1.0, 1.0))
    spectrum = sde.generator(fp.Grid(x=(-6, 6, 80), y=(-6, 6, 80))).spectrum(6)
    check(spectrum, [0, 1, 1, 2, 2, 2], 3e-3)
    modes = spectrum.modes.reshape(6, -1)
    assert np.linalg.matrix_rank(modes, tol=1e-3) == 6


def test_rates_are_second_order() -> None:
    errors = []
    for n in (48, 96, 192):
        gen = ornstein_uhlenbeck().generator(fp.Grid(x=(-8, 8, n)))
        errors.append(abs(gen._modes(4).first(4).rates[3].real - 3))
    assert np.polyfit(np.log([48, 96, 192]), np.log(errors), 1)[0] < -1.9


@pytest.mark.parametrize("spin", [1.0, 6.0, 40.0])
def test_rotation(spin: float) -> None:
    """Rates j + k, frequencies (j - k) spin: fast rotation hides the slowest pair far up the axis."""
    sde = fp.SDE(variables=("x", "y"), drift=["-x + a*y", "-y - a*x"], diffusion="1", constants={"a": spin})
    box = fp.Grid(x=(-5.5, 5.5, 80), y=(-5.5, 5.5, 80))
    spectrum = sde.generator(box).spectrum(5 if spin < 2 else 2)
    exact: list[complex] = [0, 1 + spin * 1j, 1 - spin * 1j]
    if spin < 2:
        assert len(spectrum.rates) in (5, 6)
        check(spectrum, exact, 2e-3)
    else:
        assert len(spectrum.rates) == 3  # one more than asked: the pair is kept whole
        check(spectrum, exact, 1e-2)


def test_modes_are_scaled_and_drawn() -> None:
    spectrum = ornstein_uhlenbeck().generator(fp.Grid(x=(-8, 8, 96))).spectrum(3)
    np.testing.assert_allclose(np.abs(spectrum.modes).max(axis=1), 1)
    x = spectrum.grid["x"].centres
    middle = np.abs(x) < 3
    mode = spectrum.mode(1).values
    assert np.corrcoef(mode[middle], x[middle])[0, 1] ** 2 > 0.9999
    spectrum.mode(1).plot()
    spectrum.plot()
    table = spectrum.to_xarray()
    assert table["rate"].values[1] == spectrum.rates[1].value
    assert table["mode_real"].dims == ("k", "x")


# -- metastable states ---------------------------------------------------------------------------------


@pytest.mark.parametrize("barrier", [8, 25, 40])
def test_two_wells(barrier: float) -> None:
    """The slow rate is 2/T but for 1/T, T the mean time from the bottom of one well to that of the other."""
    spectrum = double_well(0.25 / barrier).generator(fp.Grid(x=(-1.8, 1.8, 800))).spectrum(4)
    slow = spectrum.rates[1]
    assert slow.value * double_well_time(barrier, -1, 1) == pytest.approx(
        2, rel=1e-4 if barrier > 8 else 2e-3
    )
    assert slow.error < 1e-3 * slow.value
    assert 0.8 < spectrum.rates[2].value < 2.2
    assert spectrum.rates[2].error < 0.01


def test_four_wells() -> None:
    """Independent axes: the slow rates are r, r, 2r, far below all others."""
    sde = fp.SDE(variables=("x", "y"), drift=["x - x**3", "y - y**3"], diffusion="D", constants={"D": 0.02})
    rates = [r.value for r in sde.generator(fp.Grid(x=(-2, 2, 64), y=(-2, 2, 64))).spectrum(5).rates]
    line = double_well(0.02).generator(fp.Grid(x=(-2, 2, 64))).spectrum(3).rates
    one = line[1].value
    assert one < 1e-5
    np.testing.assert_allclose(rates, [0, one, one, 2 * one, line[2].value], rtol=1e-6, atol=1e-15)


# -- chains --------------------------------------------------------------------------------------------


def test_a_chain_that_turns() -> None:
    """x' = 0.95 R(1) x + noise: rates -(j + k) ln .95, frequencies j - k; no multiplier is near 1."""
    turn = 0.95 * np.array([[np.cos(1.0), -np.sin(1.0)], [np.sin(1.0), np.cos(1.0)]])

    def step(x: Array) -> Step:
        return Step((x @ turn.T - x)[:, None, :], np.ones(1), np.tile(0.1 * np.eye(2), (len(x), 1, 1)))

    spectrum = TransitionOperator(fp.Grid(x=(-6, 6, 40), y=(-6, 6, 40)), step).spectrum(4)
    one = -np.log(0.95)
    check(spectrum, [0, one + 1j, one - 1j, 2 * one + 2j, 2 * one - 2j], 1e-4)
    assert spectrum.rates[1].unit == "1/steps"
