"""The SDE of SGD with momentum: moments of one step by computer algebra, covariances on a quadratic."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import sympy
from numpy.typing import NDArray
from scipy.linalg import solve_continuous_lyapunov, solve_discrete_lyapunov

import fokkerplanck as fp
from fokkerplanck.formula import BATCH, LEARNING_RATE, MOMENTUM
from fokkerplanck.theory import buffer_symbols, momentum_equation
from tests.programs import Z, relative_error

Array = NDArray[np.float64]

KINDS = pytest.mark.parametrize("nesterov", [False, True], ids=["heavy-ball", "nesterov"])


def leading_powers(order: int, nesterov: bool) -> tuple[int, int]:
    """Lowest power of h in which the moments of a step differ: without noise, and in proportion to Sigma.

    In x and V = -h b, with lr = h^2 and momentum 1 - g h, for x, V and their products; noise depends on x.
    """
    h, g, V, q, z = sympy.symbols("h g V q z", real=True)
    loss = fp.Loss("x**3/3 + x**2 - s*(x + x**2/2)", ("x",), {"s": fp.Normal(0, "q")}, constants={"q": 1.0})
    (x,), (b,) = loss.variables, buffer_symbols(loss)
    mu = 1 - g * h
    values = {LEARNING_RATE: h**2, MOMENTUM: mu, BATCH: 1, b: -V / h}
    drift, tensor = (m.xreplace(values) for m in momentum_equation(loss, (b,), "iid", order, nesterov))
    # From (x, b) in time lr to (x, V) in time h: dt = h ds, V = -h b.
    turn = sympy.diag(1, -h)
    drift, tensor = h * turn * drift, h * turn * tensor * turn.T
    where = (x, V)

    def generator(f: Any) -> Any:
        first = sum(drift[i] * f.diff(s) for i, s in enumerate(where))
        second = sum(tensor[i, j] * f.diff(s, r) for i, s in enumerate(where) for j, r in enumerate(where))
        return first + second

    slope = loss.gradient[0] - q * (1 + x) * z
    velocity = mu * V - h * slope
    moved = x + (mu * h * velocity - h**2 * slope if nesterov else h * velocity)
    powers: dict[int, int] = {}
    for f in (x, V, x**2, x * V, V**2):
        once = generator(f)
        sde = f + h * once + h**2 / 2 * generator(once)
        chain = sympy.Poly(sympy.expand(f.subs({x: moved, V: velocity}, simultaneous=True)), z)
        mean = sum(c * {0: 1, 1: 0, 2: 1}[k] for (k,), c in chain.terms())  # E z = 0, E z^2 = 1
        for (noise, power), _ in sympy.Poly(sympy.expand(mean - sde), q, h).terms():
            powers[noise] = min(powers.get(noise, 99), power)
    return powers[0], powers[2]


@KINDS
def test_moments_of_one_step(nesterov: bool) -> None:
    """Order p: means to h^(p+1), the covariance to h^(p+2), and no further."""
    assert leading_powers(1, nesterov) == (2, 3)
    assert leading_powers(2, nesterov) == (3, 4)


def covariances(sgd: fp.SGD, order: int, told: fp.SGD | None = None) -> tuple[Array, Array]:
    """Of (theta, sqrt(lr) * buffer): exact for the chain, and that of an SDE (of another SGD: `told`)."""
    loss, lr, mu = sgd.loss, sgd.lr, sgd.momentum
    d = len(sgd.names)
    hessian = loss.evaluate(loss.hessian, np.zeros(d))
    noise = loss.evaluate(loss.covariance, np.zeros(d)) / sgd.batch
    eye = np.eye(d)
    share = 1 + mu if sgd.nesterov else 1.0
    carried = mu**2 if sgd.nesterov else mu
    step = np.block([[eye - share * lr * hessian, -lr * carried * eye], [hessian, mu * eye]])
    kick = np.vstack([-share * lr * eye, eye])
    scale = np.diag(np.repeat([1.0, math.sqrt(lr)], d))
    chain = solve_discrete_lyapunov(step, kick @ noise @ kick.T)
    sde = (told or sgd).sde(order)
    points = np.vstack([np.zeros(2 * d), np.eye(2 * d)])
    drift, tensor = sde.coefficients(points)
    linear = (drift[1:] - drift[0]).T
    law = solve_continuous_lyapunov(linear, -2 * tensor[0])
    return scale @ chain @ scale, scale @ law @ scale


QUADRATIC = fp.Loss(
    "x**2/2 + 1.5*y**2 + x*y/2 - s*x - r*(x - 2*y)",
    ("x", "y"),
    {"s": fp.Normal(0, 1), "r": fp.Normal(0, 0.5)},
)


def gaps(order: int, nesterov: bool, **wrong: float) -> list[float]:
    """Relative distance of the two at h and h/2, at friction 1.5; the SDE with a factor that is wrong."""
    found = []
    for h in (0.04, 0.02):
        sgd = fp.SGD(QUADRATIC, h**2, 10, momentum=1 - 1.5 * h, nesterov=nesterov)
        told = sgd.with_(
            batch=round(10 * wrong.get("batch", 1)), momentum=1 - 1.5 * wrong.get("friction", 1) * h
        )
        chain, law = covariances(sgd, order, told)
        found.append(float(np.linalg.norm(law - chain) / np.linalg.norm(chain)))
    return found


@KINDS
@pytest.mark.parametrize("order", [1, 2])
def test_stationary_covariance_converges_at_the_order(order: int, nesterov: bool) -> None:
    coarse, fine = gaps(order, nesterov)
    assert abs(math.log2(coarse / fine) - order) < 0.15
    assert fine < 0.5 * 0.1**order


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("wrong", [{"batch": 1.1}, {"friction": 1.1}])
def test_a_wrong_factor_does_not_vanish(order: int, wrong: dict[str, float]) -> None:
    """Power: B or 1 - mu off by a tenth leaves a gap of about a tenth, at every lr."""
    coarse, fine = gaps(order, False, **wrong)
    assert fine > 0.05
    assert coarse / fine < 1.4


@KINDS
@pytest.mark.parametrize("order", [1, 2])
def test_a_large_momentum_needs_no_small_one_minus_mu(order: int, nesterov: bool) -> None:
    """At fixed momentum the law of theta itself is right to the first order of lr."""
    found = []
    for lr in (0.002, 0.001):
        sgd = fp.SGD(QUADRATIC, lr, 10, momentum=0.9, nesterov=nesterov)
        chain, law = (c[:2, :2] for c in covariances(sgd, order))
        found.append(float(np.linalg.norm(law - chain) / np.linalg.norm(chain)))
    assert found[1] < 0.01
    assert abs(found[0] / found[1] - 2) < 0.2


def test_its_paths_have_its_law() -> None:
    """The names of the buffer, singular noise of rank 1, and time: lr a step."""
    loss = fp.Loss("x**2 - s*x", ("x",), {"s": fp.Normal(0, 1)})
    sgd = fp.SGD(loss, 0.04, 4, momentum=0.7)
    sde = sgd.sde(order=2)
    assert sde.names == ("x", "buffer_x")
    _, law = covariances(sgd, 2)
    paths = sde.simulate(20_000, 4.0, {"x": 0, "buffer_x": 0}, rng=5)
    square = paths.mean("x**2")
    assert abs(square.value - law[0, 0]) < Z * square.stat
    assert square.stat < 0.02 * law[0, 0]
    chains = sgd.simulate(20_000, 100, (0,), rng=6)
    exact, _ = covariances(sgd, 2)
    assert abs(relative_error(chains.final[:, 0], exact[0, 0])) < Z
    assert chains.buffer is not None
    assert abs(relative_error(0.2 * chains.buffer[:, 0], exact[1, 1])) < Z


def test_names_of_the_buffer_avoid_those_taken() -> None:
    loss = fp.Loss("x**2 + buffer_x**2 - s*x", ("x", "buffer_x"), {"s": fp.Normal(0, 1)})
    assert [str(s) for s in buffer_symbols(loss)] == ["buffer_x_", "buffer_buffer_x"]
