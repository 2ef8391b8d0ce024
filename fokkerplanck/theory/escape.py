r"""Mean escape times by asymptotic laws, each with what it assumes and where it does not hold.

All laws give the mean time to the OTHER well, with diffusion :math:`D = \eta\Sigma/2`, a the minimum, b the
saddle and H second derivatives; a region that ends at the saddle itself is left in half of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.codegen import numpy_function
from fokkerplanck.estimate import Estimate
from fokkerplanck.formula import BATCH, parse_region
from fokkerplanck.loss import Loss
from fokkerplanck.theory.critical import Landscape
from fokkerplanck.theory.inputs import Algorithm, settings

Array = NDArray[np.float64]
LOWEST_BARRIER = 3.0  # in units of the noise: below it no asymptotic law is quoted
_EDGE_LAYERS = 2.5  # a region's edge nearer to the saddle than this many sqrt(D/|H|) is "on" it


@dataclass(frozen=True)
class Barrier:
    """One way out: minimum, saddle, and the Hessians, noise and heights there."""

    minimum: Array
    saddle: Array
    height: float  # L_b - L_a
    hessian_a: Array
    hessian_b: Array
    noise_a: Array  # Sigma of one step
    noise_b: Array
    edge: float  # distance from the saddle to the region's edge beyond it, in sqrt(D/|H|)

    @property
    def growth(self) -> float:
        """|H_b|, the saddle's one negative curvature."""
        return float(-np.linalg.eigvalsh(self.hessian_b)[0])

    @property
    def well_curvature(self) -> float:
        """H_a in the direction of the saddle."""
        way = (self.saddle - self.minimum) / np.linalg.norm(self.saddle - self.minimum)
        return float(way @ self.hessian_a @ way)


@dataclass(frozen=True)
class Problem:
    """An escape: the algorithm, the landscape and the ways out, or the sentence that says there is none."""

    loss: Loss
    lr: float
    batch: int
    landscape: Landscape
    noise: Callable[[Array], Array]
    barriers: tuple[Barrier, ...]
    status: str


# A law: ways out -> (time, exponent, sentence if it does not hold), in units of t.
Law = Callable[[Problem, Barrier], tuple[float, float, str]]


def _pose(sgd: Algorithm, region: Any, x0: Mapping[str, float]) -> Problem:
    """Minimum of the start's well, and the saddles on the way out of the region."""
    loss, lr, batch, sampling = settings(sgd)
    landscape = Landscape.of(loss)
    level_of = numpy_function(
        [parse_region(region, [*loss.names, *loss.constants], "region")], (*loss.variables, *loss.parameters)
    )
    sigma = loss.noise_covariance(BATCH, sampling)

    def level(point: Array) -> float:
        return float(level_of(*point, *loss.parameter_values)[0])

    def noise(point: Array) -> Array:
        return np.asarray(loss.evaluate(sigma, point, {BATCH: float(batch)}))

    def problem(barriers: tuple[Barrier, ...], status: str) -> Problem:
        return Problem(loss, lr, batch, landscape, noise, barriers, status)

    start = np.array([float(x0[n]) for n in loss.names])
    if not level(start) > 0:
        raise ValueError(f"x0: {dict(x0)} lies outside the region {region}; start inside it")
    minimum = landscape.minimum(start)
    if minimum is None or not level(minimum) > 0:
        return problem((), "not valid here: no minimum of the mean loss inside the region below the start")
    hessian_a, noise_a = landscape.hessian(minimum), noise(minimum)
    barriers = []
    for saddle in landscape.saddles(minimum):
        if not level(saddle) > 0:
            continue
        hessian_b, noise_b = landscape.hessian(saddle), noise(saddle)
        edge = _edge_distance(level, minimum, saddle, hessian_b, lr * noise_b / 2)
        if edge is not None:
            height = landscape.value(saddle) - landscape.value(minimum)
            barriers.append(Barrier(minimum, saddle, height, hessian_a, hessian_b, noise_a, noise_b, edge))
    if not barriers:
        return problem((), "not valid here: no saddle between the minimum and the region's edge")
    if min(b.edge for b in barriers) < _EDGE_LAYERS:
        return problem(
            tuple(barriers),
            "not valid here: the region's edge lies on the saddle, where about half the paths turn back; "
            "let the region end well beyond it",
        )
    return problem(tuple(barriers), "ok")


def _edge_distance(
    level: Callable[[Array], float], minimum: Array, saddle: Array, hessian: Array, diffusion: Array
) -> float | None:
    """From the saddle along its unstable direction, away from the minimum; None if the region goes on."""
    values, vectors = np.linalg.eigh(hessian)
    way = vectors[:, 0] * (1.0 if vectors[:, 0] @ (saddle - minimum) > 0 else -1.0)
    layer = np.sqrt(max(float(way @ diffusion @ way), 1e-300) / -values[0])
    reach = np.geomspace(1e-6, 10.0, 2000) * max(float(np.linalg.norm(saddle - minimum)), layer)
    for length in reach:
        if not level(saddle + length * way) > 0:
            return float(length / layer)
    return None


def _answer(sgd: Algorithm, region: Any, x0: Mapping[str, float], law: Law, name: str, said: str) -> Estimate:
    """Rates of all ways out add; the time is quoted in steps."""
    problem = _pose(sgd, region, x0)
    rate, exponents, status = 0.0, [], problem.status
    for barrier in problem.barriers:
        with np.errstate(over="ignore"):
            time, exponent, sentence = law(problem, barrier)
        status = sentence if status == "ok" and sentence else status
        rate += 1 / time
        exponents.append(exponent)
    if not exponents or not rate > 0:
        # A law that does not apply has no time (nan); a barrier of 700 and more has none that is a number.
        if status == "ok":
            status = (
                f"not valid here: the barrier is {min(exponents):.3g} times the noise, beyond all numbers"
            )
        return Estimate(float("nan"), unit="steps", method=name, assumptions=(said,), status=status)
    lowest = min(exponents)
    if status == "ok" and lowest < LOWEST_BARRIER:
        status = (
            f"not valid here: the barrier is {lowest:.2g} times the noise, and asymptotic laws need more "
            "than "
            f"{LOWEST_BARRIER:g}"
        )
    steps = 1 / (rate * problem.lr)
    fastest = float(np.linalg.eigvalsh(problem.barriers[0].hessian_a)[-1])
    gap = 1 / max(lowest, 1e-12) + problem.lr * max(fastest, 0.0) / 2
    return Estimate(
        steps,
        model=gap * steps,
        unit="steps",
        method=name,
        assumptions=(said, "Mean time to the other well, leading order for a high barrier and a small rate."),
        status=status,
    )


def ito(sgd: Algorithm, region: Any, x0: Mapping[str, float]) -> Estimate:
    r"""One-dimensional Ito law, :math:`\tau = 2\pi\sqrt{D_b/(|H_b| H_a D_a)}\exp\int_a^b L'/D`.

    Any D(x) > 0. Kramers' and Mori's laws are cases of it. Derived by Laplace's method from the quadrature.

    >>> from types import SimpleNamespace
    >>> from fokkerplanck.loss import Loss, Normal
    >>> loss = Loss("x**4/4 - x**2/2 - s*x", ("x",), {"s": Normal(0, 1)})
    >>> run = SimpleNamespace(loss=loss, lr=0.1, batch=1, sampling="iid")
    >>> round(ito(run, "x < 1", {"x": -1}).value * 0.1 / (2 * 3.141592653589793 / 2**0.5), 6)  # exp(5)
    148.413159
    """
    return _answer(sgd, region, x0, _ito, "1-D Ito law", "One-dimensional Ito diffusion, D > 0.")


def _ito(problem: Problem, barrier: Barrier) -> tuple[float, float, str]:
    if len(barrier.minimum) > 1:
        return np.nan, np.inf, 'not valid here: the Ito law is one-dimensional; use "kramers" or simulate'
    a, b = float(barrier.minimum[0]), float(barrier.saddle[0])
    nodes, weights = np.polynomial.legendre.leggauss(200)
    points = (a + (b - a) * (1 + nodes) / 2)[:, None]
    slopes = np.array([problem.landscape.gradient(p)[0] for p in points])
    diffusion = np.array([problem.noise(p)[0, 0] for p in points]) * problem.lr / 2
    ends = problem.lr / 2 * np.array([barrier.noise_a[0, 0], barrier.noise_b[0, 0]])
    if min(diffusion.min(), ends.min()) <= 0:
        return np.nan, np.inf, "not valid here: the noise vanishes on the way to the saddle"
    exponent = float((b - a) / 2 * weights @ (slopes / diffusion))
    front = 2 * np.pi * np.sqrt(ends[1] / (barrier.growth * barrier.hessian_a[0, 0] * ends[0]))
    return float(front * np.exp(exponent)), exponent, ""


def kramers(sgd: Algorithm, region: Any, x0: Mapping[str, float]) -> Estimate:
    r"""Eyring-Kramers law, :math:`\tau = \frac{2\pi}{|\lambda_1|}\sqrt{|\det H_b|/\det H_a}\,e^{\Delta L/D}`.

    D constant and isotropic, any dimension; :math:`\lambda_1` is the saddle's negative curvature.
    """
    return _answer(sgd, region, x0, _kramers, "Eyring-Kramers", "Diffusion constant and isotropic.")


def _kramers(problem: Problem, barrier: Barrier) -> tuple[float, float, str]:
    d = len(barrier.minimum)
    diffusion = problem.lr / 2 * float(np.trace(barrier.noise_a)) / d
    if diffusion <= 0:
        return np.nan, np.inf, "not valid here: there is no noise at the minimum"
    sentence = ""
    middle = problem.noise((barrier.minimum + barrier.saddle) / 2)
    for sigma in (barrier.noise_a, middle, barrier.noise_b):
        if np.abs(problem.lr / 2 * sigma - diffusion * np.eye(d)).max() > 0.01 * diffusion:
            sentence = "not valid here: the noise is not constant and isotropic between minimum and saddle"
    exponent = barrier.height / diffusion
    determinants = abs(np.linalg.det(barrier.hessian_b)) / np.linalg.det(barrier.hessian_a)
    return float(2 * np.pi / barrier.growth * np.sqrt(determinants) * np.exp(exponent)), exponent, sentence


def mori(sgd: Algorithm, region: Any, x0: Mapping[str, float]) -> Estimate:
    r"""Mori's law for loss-proportional noise :math:`\Sigma = (2L/B)H_*`.

    Rate :math:`\frac{1}{2\pi}\sqrt{h_*|h_s|}\,(L_s/L_*)^{-(B/(\eta h_*) + 1 - n/2)}`, per unit of t
    (Mori, Ziyin, Liu, Ueda, ICML 2022).
    """
    said = "Noise proportional to the loss, Sigma = (2 L/B) H at the minimum."
    return _answer(sgd, region, x0, _mori, "Mori et al. 2022", said)


def _mori(problem: Problem, barrier: Barrier) -> tuple[float, float, str]:
    low = problem.landscape.value(barrier.minimum)
    if low <= 0:
        return (
            np.nan,
            np.inf,
            "not valid here: the loss is not positive at the minimum, as this law needs",
        )
    sentence = ""
    for point in (barrier.minimum, (barrier.minimum + barrier.saddle) / 2, barrier.saddle):
        wanted = 2 * problem.landscape.value(point) / problem.batch * barrier.hessian_a
        if np.abs(problem.noise(point) - wanted).max() > 0.05 * np.abs(wanted).max():
            sentence = "not valid here: the noise is not (2 L/B) H, proportional to the loss"
    h = barrier.well_curvature
    power = problem.batch / (problem.lr * h) + 1 - len(barrier.minimum) / 2
    exponent = power * float(np.log1p(barrier.height / low))
    return float(2 * np.pi / np.sqrt(h * barrier.growth) * np.exp(exponent)), exponent, sentence


def xie(sgd: Algorithm, region: Any, x0: Mapping[str, float], path_share: float = 0.5) -> Estimate:
    r"""Xie's law for noise :math:`\Sigma = H/B`, as recalled.

    :math:`\tau = \frac{2\pi}{|H_b|}\exp[\frac{2B\Delta L}{\eta}(\frac{s}{H_a} + \frac{1-s}{|H_b|})]`,
    0 < s < 1 free (Xie, Sato, Sugiyama, ICLR 2021). Its prefactor is that of the anti-Ito reading; Ito has
    :math:`2\pi/H_a` in one dimension.
    """

    def law(problem: Problem, barrier: Barrier) -> tuple[float, float, str]:
        h, growth = barrier.well_curvature, barrier.growth
        wanted = np.abs(h) / problem.batch
        way = (barrier.saddle - barrier.minimum) / np.linalg.norm(barrier.saddle - barrier.minimum)
        found = float(way @ barrier.noise_a @ way)
        mismatch = abs(found - wanted) > 0.05 * wanted
        sentence = "not valid here: the noise at the minimum is not H/B" if mismatch else ""
        shares = path_share / h + (1 - path_share) / growth
        exponent = 2 * problem.batch * barrier.height / problem.lr * shares
        return float(2 * np.pi / growth * np.exp(exponent)), exponent, sentence

    return _answer(sgd, region, x0, law, "Xie et al. 2021, as recalled", f"Noise H/B; s = {path_share:g}.")


ESCAPE_LAWS: Mapping[str, Callable[[Any, Any, Mapping[str, float]], Estimate]] = {
    "ito": ito,
    "kramers": kramers,
    "mori": mori,
    "xie": xie,
}
