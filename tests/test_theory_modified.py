"""Modified equations against the exact one-step moments of the chain."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import sympy

from fokkerplanck.formula import BATCH, LEARNING_RATE, symbol
from fokkerplanck.loss import Loss, Normal
from fokkerplanck.theory import modified_equation

eta, B = LEARNING_RATE, BATCH
x, y = symbol("x"), symbol("y")


def valley(tied: bool = True) -> Loss:
    """Curvature 1 + x; noise that depends on the state and has off-diagonal entries, or constant noise."""
    noise = "p*(y + x*y) - q*(x - y)" if tied else "p*y - q*(x - y)"
    return Loss(f"(1 + x)/2*y**2 - {noise}", ("x", "y"), {"p": Normal(0, 1), "q": Normal(0, 2)})


def one_step(loss: Loss, f: Any, beta: Any) -> Any:
    """E f(theta - eta g_B) - f for normal noise of covariance C/B, B = beta eta: exact, for polynomial f."""
    a = sympy.symbols(f"a0:{len(loss.variables)}")
    covariance = loss.covariance / beta  # times eta: eta^2 C/B = eta C/beta
    moved = f.subs(dict(zip(loss.variables, a, strict=True)), simultaneous=True)
    total, term = moved, moved
    for k in range(1, 4):
        term = sum(
            eta * covariance[i, j] * sympy.diff(term, a[i], a[j]) / 2
            for i, j in itertools.product(range(len(a)), repeat=2)
        ) / sympy.Integer(k)
        total += term
    mean = {s: v - eta * g for s, v, g in zip(a, loss.variables, loss.gradient, strict=True)}
    return total.subs(mean, simultaneous=True) - f


def flow(loss: Loss, f: Any, beta: Any, order: int, **more: Any) -> Any:
    """(eta G + eta^2 G^2/2) f with the generator of the modified equation."""
    drift, diffusion = (m.subs(B, beta * eta) for m in modified_equation(loss, order=order, **more))
    v = loss.variables

    def generator(g: Any) -> Any:
        pulled = sum(drift[i] * sympy.diff(g, v[i]) for i in range(len(v)))
        spread = itertools.product(range(len(v)), repeat=2)
        return pulled + sum(diffusion[i, j] * sympy.diff(g, v[i], v[j]) for i, j in spread)

    once = generator(f)
    return eta * once + eta**2 / 2 * generator(once)


BETA = sympy.Symbol("beta", positive=True)


def mismatch(loss: Loss, f: Any, order: int, **more: Any) -> Any:
    """Coefficient of eta^2 of the one-step difference at B = beta eta: powers of 1/beta count Sigma."""
    difference = sympy.expand(one_step(loss, f, BETA) - flow(loss, f, BETA, order, **more))
    assert difference.coeff(eta, 1) == 0
    return difference.coeff(eta, 2)


@pytest.mark.parametrize("f", [x, y, x * y, y**2, x**2 * y])
def test_order_two_matches_one_step_for_constant_noise(f: Any) -> None:
    """In every term of second order at fixed eta/B."""
    assert mismatch(valley(tied=False), f, 2) == 0


@pytest.mark.parametrize("f", [x, y, x**2, x * y, y**2])
@pytest.mark.parametrize("positive", [False, True])
def test_order_two_matches_one_step_to_first_order_in_state_dependent_noise(f: Any, positive: bool) -> None:
    """What remains is of second order in Sigma."""
    rest = mismatch(valley(), f, 2, positive=positive)
    assert rest.coeff(BETA, 0) == rest.coeff(BETA, -1) == 0


def test_order_one_does_not_match() -> None:
    assert mismatch(valley(tied=False), y**2, 1) != 0
    assert mismatch(valley(tied=False), x, 1) != 0


def test_quadratic_to_second_order() -> None:
    """Exact variance eta Sigma/(h (2 - eta h)) and decay (1 - eta h) per step."""
    h = symbol("h")
    drift, diffusion = modified_equation(
        Loss("h*y**2/2 - s*y", ("y",), {"s": Normal(0, 1)}, constants={"h": 1}), order=2
    )
    variance = diffusion[0, 0] / (-drift[0] / y)
    exact = eta / (B * h * (2 - eta * h))
    difference = sympy.series(sympy.simplify((variance - exact) * B / eta), eta, 0, 3).removeO()
    assert sympy.simplify(difference.coeff(eta, 0)) == 0
    assert sympy.simplify(difference.coeff(eta, 1)) == 0
    assert sympy.simplify(difference.coeff(eta, 2)) != 0
    rate = sympy.series(sympy.log(1 - eta * h) / eta - drift[0] / y, eta, 0, 2).removeO()
    assert sympy.simplify(rate) == 0


def test_slow_drift_on_the_valley() -> None:
    """Averaged over the second-order SDE's own <y^2> it is -(eta Sigma lam'/4 lam)(1 + eta lam/2 + ...)."""
    loss = Loss("(1 + x**2)/2*y**2 - s*y", ("x", "y"), {"s": Normal(0, 1)})
    lam, slope, sigma = 1 + x**2, 2 * x, 1 / B
    drift, diffusion = modified_equation(loss, order=2)
    variance = diffusion[1, 1].subs(y, 0) / -sympy.diff(drift[1], y).subs(y, 0)

    def averaged(b: Any) -> Any:
        mean = b.subs(y, 0) + sympy.diff(b, y, 2).subs(y, 0) * variance / 2
        ratio = mean / (-eta * sigma * slope / (4 * lam))
        return sympy.simplify(sympy.series(sympy.simplify(ratio), eta, 0, 2).removeO())

    assert sympy.simplify(averaged(drift[0]) - (1 + eta * lam / 2)) == 0
    without = drift[0] - eta**2 / 4 * sigma * sympy.diff(loss.hessian[1, 1], x)
    assert sympy.simplify(averaged(without) - (1 + eta * lam / 2)) != 0  # power: the quoted form fails here


def test_positive_form_is_positive_where_the_other_is_not() -> None:
    loss = Loss("(x**2 + 9*y**2)/2 - s*(x + y)", ("x", "y"), {"s": Normal(0, 1)})
    numbers = {eta: sympy.Rational(1, 5), B: 1}
    plain = modified_equation(loss, order=2)[1].subs(numbers)
    safe = modified_equation(loss, order=2, positive=True)[1].subs(numbers)
    assert min(plain.eigenvals(multiple=True)) < 0
    assert min(sympy.re(v.evalf()) for v in safe.eigenvals(multiple=True)) > -1e-12


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="order"):
        modified_equation(valley(), order=3)
    with pytest.raises(ValueError, match="not white"):
        modified_equation(valley(), sampling="epoch")
