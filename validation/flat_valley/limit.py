"""The SDE limit on a converged grid: how the law follows the flatness."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

import fokkerplanck as fp
from fokkerplanck.operators import Generator
from validation.claim import CONFIRMED, FAILED, Claim, Finding
from validation.flat_valley.system import Valley, valley
from validation.judging import DETERMINISTIC, all_of, exact

Array = NDArray[np.float64]
# Slopes of ln p (Fourier-Hermite, ten digits) and of ln P(x, 0) against ln F.
LIMIT = {2: (1.999602, 0.9990), 4: (3.998090, 2.9972)}


def claims() -> Iterator[Claim]:
    """The slopes at each kappa, and at equal noise in both directions."""
    for kappa, values in LIMIT.items():
        yield _limit(kappa, *values)
    yield _blind()
    yield _isotropic()


def log_slope(x: Array, log_p: Array, keep: NDArray[np.bool_]) -> float:
    """Unweighted least squares of ln p on ln F = -cos(x)/4 + const, over the cells kept."""
    return float(np.polyfit(-np.cos(x[keep]) / 4, log_p[keep], 1)[0])


def density_slopes(p: fp.Density) -> tuple[float, float]:
    """Slopes of ln p(x) and ln P(x, 0), extrapolated from the grid and its coarse twin."""

    def slope(q: fp.Density, joint: bool) -> float:
        x, marginal = q.grid["x"].centres, q.marginal("x").values
        values = q.slice(y=0.0) if joint else marginal
        return log_slope(x, np.log(values), values > 1e-12 * values.max())

    return p.estimate(lambda q: slope(q, False)).value, p.estimate(lambda q: slope(q, True)).value


def _limit(kappa: int, marginal: float, joint: float) -> Claim:
    def test() -> Finding:
        found = density_slopes(valley(kappa).sgd.sde().generator(valley(kappa).grid).stationary())
        return all_of(
            {"ln p": exact(found[0], marginal, 3e-4), "ln P(x,0)": exact(found[1], joint, 3e-4, digits=5)}
        )

    return Claim(
        f"limit-{kappa}",
        f"In the SDE limit p ~ F^kappa and P(x, 0) ~ F^(kappa - 1), up to the separation of time scales: "
        f"kappa = {kappa}",
        f"slopes {marginal:.6f} and {joint:.4f}; the asymptotes {kappa} and {kappa - 1} would fail",
        "stationary density of the SDE, 256 x 256 cells, unweighted least squares against ln F",
        "both slopes within 3e-4",
        DETERMINISTIC,
        test,
    )


def _blind() -> Claim:
    batches = (5, 20, 80)

    def test() -> Finding:
        laws = {b: valley(4, 0.01, b).sgd.sde().generator(valley(4).grid).stationary() for b in batches}
        parts = {f"batch {b}": exact(density_slopes(p)[0], 4.0, 0.005, digits=5) for b, p in laws.items()}
        return all_of(parts)

    return Claim(
        "marginal-blind",
        "The law along the valley does not show how strong the noise is: at every batch p ~ F^kappa",
        f"slope of ln p against ln F 4 at batch {', '.join(map(str, batches))}; in proportion to the "
        "noise, a "
        "factor 16, if the strength of the regularizer could be seen there",
        "stationary density of the SDE, 256 x 256 cells, lr .01, kappa 4",
        "each within .005 for the separation of time scales",
        DETERMINISTIC,
        test,
    )


def _isotropic() -> Claim:
    def test() -> Finding:
        v = valley(1)
        sde = v.sgd.sde()
        slope, _ = density_slopes(sde.generator(v.grid).stationary())
        # No use is made of the known potential here: it would make the answer exact by construction.
        p = Generator(v.grid, sde.coefficients, None, sde.constants).stationary()
        size, error = _correction(v, p)
        ok = abs(slope - 1) <= 1e-6 and size <= error
        text = f"slope off by {slope - 1:+.0e}; L_SGD/Delta is 0 within its error {error:.1e}"
        numbers = (fp.Estimate(slope), fp.Estimate(size, disc=error))
        return Finding(
            f"slope {slope:.7f}; |L_SGD|/Delta {size:.1e}", CONFIRMED if ok else FAILED, text, numbers
        )

    return Claim(
        "isotropic",
        "With equal noise in both directions (kappa = 1) there is no joint correction, yet p ~ F",
        "slope of ln p 1 (not 0), L_SGD = 0",
        "stationary density of the SDE, 256 x 256 cells; L_SGD without use of the potential",
        "slope within 1e-6; mean |ln P + L/Delta| below its own grid error",
        DETERMINISTIC,
        test,
    )


def _correction(v: Valley, p: fp.Density) -> tuple[float, float]:
    """Mean of |L_SGD|/Delta over the law, and its error from the coarse twin."""
    delta = v.sgd.lr * 10.0**2 / (2 * v.sgd.batch)

    def size(q: fp.Density) -> float:
        x, y = q.grid.points().T
        correction = np.log(q.values.ravel()) + 10 * np.exp(0.5 * np.cos(x)) * y**2 / delta
        return float(q.masses @ np.abs(correction - q.masses @ correction))

    fine = size(p)
    # Second order: the twin, at twice the spacing, is four times as far off.
    return fine, fine if p.coarse is None else (size(p.coarse) - fine)
