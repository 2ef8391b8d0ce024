"""In the plane: sixteen sharp dips in a bowl, starts uniform on a box."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
from numpy.typing import NDArray

import fokkerplanck as fp
from validation.claim import CONFIRMED, FAILED, Claim, Finding
from validation.judging import ALARM, DETERMINISTIC, all_of, counted, judged, sigmas
from validation.large_steps.system import MODELS, REACH, SEED, Array, descent, plane_chain
from validation.one_point import one_point_convexity
from validation.seeds import seed

FLOW_STEP, FLOW_STEPS, FLOW_STARTS = 0.04, 300, 4_000  # RK4 to time 12: contraction e^-12 in the bowl
SMALL, STEPS = 0.005, 4_000
LARGE = (0.2, 0.25, 0.4, 0.7, 1.0, 1.5)  # at the first orbits on the ray stay in the outer ring
CORE = 0.15  # radius of the disc about a dip's minimum that is searched


def claims(quick: bool) -> Iterator[Claim]:
    """Class conditions, small steps and large ones."""
    n = 3_000 if quick else 10_000
    bowl = Dips.of_model()
    yield _class_conditions(bowl)
    yield _small(bowl, n)
    yield _large(bowl, n)


class Dips:
    """Geometry of the model, written apart from its formula."""

    def __init__(self, h: float, R: float, inner: float, outer: float, turn: float):
        self.h, self.R, self.rings = h, R, (inner, outer)
        angles = np.arange(8) * np.pi / 4
        rings = [(inner, angles), (outer, angles + turn)]
        self.centres = np.concatenate([np.stack([c * np.cos(t), c * np.sin(t)], axis=1) for c, t in rings])

    @classmethod
    def of_model(cls) -> Dips:
        constants = fp.load(MODELS / "large_steps_plane.toml").loss.constants
        return cls(*(float(constants[name]) for name in ("h", "R", "inner", "outer", "turn")))

    def gradient(self, points: Array) -> Array:
        away = points[:, None] - self.centres
        within = np.maximum(1 - np.sum(away**2, axis=2) / self.R**2, 0)
        return np.asarray(points + 4 * self.h / self.R**2 * np.sum(within[..., None] * away, axis=1))

    def along(self, x: Array, c: float) -> Array:
        """Gradient on the ray through the middle of a dip at distance c."""
        return np.asarray(x + 4 * self.h / self.R**2 * np.maximum(1 - (x - c) ** 2 / self.R**2, 0) * (x - c))

    def rest(self, c: float) -> tuple[float, float]:
        """Barrier and minimum of a dip, on its ray."""
        x = np.linspace(c - self.R, c, 200_001)
        sign = np.sign(self.along(x, c))
        barrier, minimum = x[1:][sign[1:] != sign[:-1]]
        return float(barrier), float(minimum)

    def curvature_across(self, c: float) -> float:
        """Second derivative at a dip's minimum at right angles to its ray."""
        x = self.rest(c)[1]
        return float(1 + 4 * self.h / self.R**2 * (1 - (x - c) ** 2 / self.R**2))

    def release(self, c: float) -> float:
        """Smallest step at which what starts beside a dip's minimum, on its ray, can pass the barrier.

        Whatever leaves the ray is not held by this; the ring may let it go at smaller steps.
        """
        low, high = 0.1, 0.5
        while high - low > 1e-4:
            middle = (low + high) / 2
            low, high = (low, middle) if self._lets_go(c, middle) else (middle, high)
        return high

    def _lets_go(self, c: float, lr: float) -> bool:
        barrier, minimum = self.rest(c)
        low, high = minimum - 1e-3, minimum + 1e-3
        for _ in range(400):
            x = np.linspace(low, high, 2001)
            image = x - lr * self.along(x, c)
            low, high = min(low, image.min()), max(high, image.max())
            if low < barrier:
                return True
        return False

    def flow(self, starts: Array) -> Array:
        """Gradient flow, by the classical Runge-Kutta method."""
        x, dt = starts.copy(), FLOW_STEP
        for _ in range(FLOW_STEPS):
            k1 = -self.gradient(x)
            k2 = -self.gradient(x + dt / 2 * k1)
            k3 = -self.gradient(x + dt / 2 * k2)
            k4 = -self.gradient(x + dt * k3)
            x = x + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        return x


def starts(n: int, purpose: int, base: int) -> Array:
    """Uniform on the box."""
    return np.random.default_rng([base, purpose]).uniform(-REACH, REACH, (n, 2))


def arrived(points: Array) -> fp.Estimate:
    """Share within .01 of the global minimum, with its binomial error (of at least one start)."""
    found = float(np.mean(np.hypot(*points.T) < 1e-2))
    return fp.Estimate(found, stat=float(np.sqrt(max(found * (1 - found), 1 / len(points)) / len(points))))


@cache
def flow_share(base: int) -> fp.Estimate:
    """Share of starts from which gradient flow ends at the global minimum."""
    return arrived(Dips.of_model().flow(starts(FLOW_STARTS, 1, base)))


@cache
def share(lr: float, n: int, base: int, steps: int = STEPS) -> fp.Estimate:
    """Share of uniform starts at the global minimum after `steps`."""
    return arrived(descent(plane_chain(lr), steps, starts(n, 3, base)))


def _class_conditions(bowl: Dips) -> Claim:
    def test() -> Finding:
        def outside(x: Array) -> NDArray[np.bool_]:
            gap = np.sum((x[:, None] - bowl.centres) ** 2, axis=2).min(axis=1)
            return np.asarray(gap > bowl.R**2)

        mu = one_point_convexity(bowl.gradient, [0, 0], [(-REACH, REACH)] * 2, outside, tolerance=0.1)
        inside = [_inside(bowl, k) for k in (0, 8)]
        right = abs(mu.mu - 1) < 1e-6 and min(inside) > 2
        return Finding(
            f"outside the dips mu = {mu.mu:.6g}; within {CORE:g} of a dip's minimum mu' = {inside[0]:.3f} "
            "(inner ring), "
            f"{inside[1]:.3f} (outer)",
            CONFIRMED if right else FAILED,
            f"smallest ratios of a search, no proof. Window, as recalled: {2 / min(inside):.3f} < step <= 1. "
            "The rim of a dip belongs to neither region",
        )

    return Claim(
        "plane-class",
        "The conditions of the class, as recalled, hold outside the dips and near the minima inside",
        "mu = L = 1 outside (the bowl alone); mu' > 2 L^2/mu = 2 near a dip's minimum",
        f"lattice search with refinement, beyond .01 of the minima, discs of radius {CORE:g}",
        "mu = 1 to 1e-6, mu' > 2 in both rings",
        DETERMINISTIC,
        test,
    )


def _inside(bowl: Dips, k: int) -> float:
    middle = bowl.centres[k]
    distance = float(np.linalg.norm(middle))
    at = middle / distance * _polished(bowl, distance)
    return one_point_convexity(
        bowl.gradient,
        at,
        [(a - CORE, a + CORE) for a in at],
        lambda x: np.sum((x - at) ** 2, axis=1) <= CORE**2,
        tolerance=0.5,
    ).mu


def _polished(bowl: Dips, c: float) -> float:
    """The minimum on the ray, by Newton steps from the lattice's value."""
    x = bowl.rest(c)[1]
    for _ in range(20):
        s = np.array([x - 1e-6, x, x + 1e-6])
        g = bowl.along(s, c)
        x -= float(g[1] / ((g[2] - g[0]) / 2e-6))
    return x


def _small(bowl: Dips, n: int) -> Claim:
    flow = flow_share(seed(SEED))

    def test() -> Finding:
        found = share(SMALL, n, seed(SEED))
        both = found.with_(stat=float(np.hypot(found.stat, flow.stat)))
        return judged(both, flow.value, sigmas(), rival=1.0)

    return Claim(
        "plane-small",
        "A small step reaches the global minimum from the basin of gradient flow only",
        f"{flow.value:.4f} ± {flow.stat:.4f}: gradient flow from starts of its own (RK4, {FLOW_STARTS} "
        "starts); "
        "1 if small steps left the dips",
        f"{n} uniform starts on the box, step {SMALL:g}, {STEPS} steps, no noise; within .01 of the minimum",
        f"within {sigmas():.1f} standard errors of both",
        ALARM,
        test,
    )


def _large(bowl: Dips, n: int) -> Claim:
    releases = [bowl.release(c) for c in bowl.rings]
    sideways = 2 / bowl.curvature_across(bowl.rings[1])
    flow = 0.24  # roughly: only to say what would be seen if large steps did not leave the dips

    def test() -> Finding:
        seen = {lr: round(share(lr, n, seed(SEED)).value * n) for lr in LARGE}
        return all_of({f"step {lr:g}": counted(k, n, 1.0, len(LARGE), flow) for lr, k in seen.items()})

    return Claim(
        "plane-large",
        "A large step reaches the global minimum from everywhere, without any noise",
        f"1 above {max(releases):.3f}, where steps along the ray pass the barrier of both rings "
        f"({releases[0]:.3f} the inner, {releases[1]:.3f} the outer); at {LARGE[0]:g} as found earlier for "
        f"this project: the minima of the outer ring repel sideways from {sideways:.3f} on, and an orbit "
        f"that has left the ray may leave the dip; about {flow:g} if large steps did not leave the dips",
        f"{n} uniform starts on the box, steps {', '.join(f'{lr:g}' for lr in LARGE)}, {STEPS} of them, no "
        "noise",
        "each within the exact binomial interval",
        ALARM,
        test,
    )
