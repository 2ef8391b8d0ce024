"""Loss: exact moments against numbers and sampling-free identities; every kind of bad input."""

from __future__ import annotations

import itertools
import pickle

import numpy as np
import pytest
import sympy

from fokkerplanck.formula import BATCH, symbol
from fokkerplanck.loss import Data, Loss, Normal, Rademacher, Uniform
from fokkerplanck.schedules import Schedule

x, y, sigma, kappa, s = map(symbol, ("x", "y", "sigma", "kappa", "s"))


def valley(**constants: float) -> Loss:
    return Loss(
        "lam/2*(1 + e)*y**2 - sy*y - sx*x",
        variables=("x", "y"),
        samples={"sy": Normal(0, "sigma"), "sx": Normal(0, "sigma/sqrt(kappa)"), "e": Normal(0, "s")},
        where={"lam": "20*exp(0.5*cos(x))"},
        constants={"sigma": 10.0, "kappa": 4.0, "s": 0.0} | constants,
    )


def one(formula: str, law: object, **constants: float) -> Loss:
    return Loss(formula, ("x",), samples={"r": law}, constants=constants)  # type: ignore[dict-item]


def test_valley_mean_gradient_and_covariance() -> None:
    loss = valley()
    lam = 20 * sympy.exp(sympy.cos(x) / 2)
    assert sympy.simplify(loss.mean - lam * y**2 / 2) == 0
    assert sympy.simplify(loss.gradient[0] - lam.diff(x) * y**2 / 2) == 0
    assert sympy.simplify(loss.hessian[1, 1] - lam) == 0
    expected = sympy.Matrix(
        [
            [sigma**2 / kappa + s**2 * lam.diff(x) ** 2 * y**4 / 4, s**2 * lam * lam.diff(x) * y**3 / 2],
            [s**2 * lam * lam.diff(x) * y**3 / 2, sigma**2 + s**2 * lam**2 * y**2],
        ]
    )
    assert sympy.simplify(loss.covariance - expected) == sympy.zeros(2, 2)
    assert loss.is_affine
    assert loss.is_gaussian
    assert loss.constants == {"sigma": 10.0, "kappa": 4.0, "s": 0.0}


def test_constants_stay_symbols_and_can_be_changed() -> None:
    loss = valley()
    other = loss.with_constants(kappa=1, sigma="4*2")
    assert other.covariance == loss.covariance
    point = [[0.3, 0.1], [1.0, 0.0]]
    np.testing.assert_allclose(loss.evaluate(loss.covariance, point)[:, 0, 0], 25.0, rtol=1e-15)
    np.testing.assert_allclose(other.evaluate(other.covariance, point)[:, 0, 0], 64.0, rtol=1e-15)
    assert loss.constants["kappa"] == 4.0


@pytest.mark.parametrize(
    ("law", "moments"),
    [
        (Normal(2, 3), [1, 2, 13, 62, 475]),
        (Uniform(-1, 3), [1, 1, sympy.Rational(7, 3), 5, sympy.Rational(61, 5)]),
        (Rademacher(), [1, 0, 1, 0, 1]),
        (Data([1.0, 2.0, 6.0]), [1, 3, sympy.Float(41 / 3), 75, sympy.Float(1313 / 3)]),
    ],
)
def test_moments(law: object, moments: list[object]) -> None:
    loss = one("x*r", law)
    for power, moment in enumerate(moments):
        assert abs(loss.expectation(f"r**{power}") - moment) < 1e-12


def test_rademacher_and_small_data_may_enter_in_any_way() -> None:
    loss = one("sin(r*x)**2 + exp(r*x)", Rademacher())
    assert sympy.simplify((loss.mean - (sympy.sin(x) ** 2 + sympy.cosh(x))).rewrite(sympy.exp)) == 0
    assert float(loss.covariance[0, 0].subs(x, 0)) == pytest.approx(1.0, abs=1e-15)
    rows = np.array([[1.0, 1.0], [3.0, -1.0], [-2.0, 1.0]])
    logistic = Loss("log(1 + exp(-b*a*x))", ("x",), samples={("a", "b"): Data(rows)})
    gradients = -np.prod(rows, axis=1) / (1 + np.exp(np.prod(rows, axis=1) * 0.7))
    both = (logistic.covariance[0, 0], logistic.gradient[0])
    variance, mean = (logistic.evaluate(e, [[0.7]])[0] for e in both)
    assert variance == pytest.approx(gradients.var(), abs=1e-14)
    assert mean == pytest.approx(gradients.mean(), abs=1e-14)
    assert not logistic.is_affine


def test_law_of_total_covariance_by_full_enumeration() -> None:
    """Data, signs and a uniform together, the signs once as a polynomial and once inside a cosine."""
    rows = np.array([[1.0, 2.0], [3.0, 5.0], [4.0, -1.0]])
    nodes, weights = np.polynomial.legendre.leggauss(6)
    for inner in ("r*x", "cos(r*x + 1)*x"):
        laws = {("a", "b"): Data(rows), "r": Rademacher(), "u": Uniform(0, 2)}
        loss = Loss(f"a*({inner})*u + b*x**2*u*r", ("x",), laws)
        gradient = sympy.lambdify([symbol(n) for n in "abrux"], loss.sample_gradient[0], "numpy")
        at = 0.6
        rest = [(r, 1 + z, w / 4) for r in (-1, 1) for z, w in zip(nodes, weights, strict=True)]
        table = np.array([[(gradient(a, b, r, u, at), w) for r, u, w in rest] for a, b in rows])
        means = (table[..., 0] * table[..., 1]).sum(axis=1)
        squares = (table[..., 0] ** 2 * table[..., 1]).sum(axis=1)
        between = loss.evaluate(loss.data_covariance, [[at]])[0, 0, 0]
        within = loss.evaluate(loss.parametric_covariance, [[at]])[0, 0, 0]
        assert between == pytest.approx(means.var(), abs=1e-12)
        assert within == pytest.approx((squares - means**2).mean(), abs=1e-12)


def test_without_replacement_is_exact_over_all_batches() -> None:
    rows = np.array([1.0, 2.0, 4.0, 9.0, -3.0])
    loss = Loss("(x - a)**2/2 - n*x", ("x",), {"a": Data(rows), "n": Normal(0, 2)})
    sums = [np.mean(batch) for batch in itertools.combinations(rows, 3)]
    sigma_step = loss.noise_covariance(3, "without-replacement")[0, 0]
    assert float(sigma_step) == pytest.approx(np.var(sums) + 4 / 3, abs=1e-13)
    assert float(loss.noise_covariance(5, "without-replacement")[0, 0]) == pytest.approx(4 / 5, abs=1e-15)
    assert loss.noise_covariance()[0, 0].has(BATCH)


def test_noise_of_a_data_set_is_centred_though_its_mean_is_huge() -> None:
    loss = Loss("a*x", ("x",), {"a": Data(1e9 + np.array([0.0, 1.0]))})
    assert float(loss.covariance[0, 0]) == pytest.approx(0.25, abs=1e-12)


def test_affine_and_gaussian() -> None:
    assert one("(r*x)**2", Normal(0, 1)).is_affine is False
    assert one("(x - r)**2", Normal(0, 1)).is_gaussian
    assert one("(x - r)**2", Rademacher()).is_affine
    assert not one("(x - r)**2", Rademacher()).is_gaussian
    unused = Loss("x**2 - r*x", ("x",), {"r": Normal(0, 1), "q": Rademacher()})
    assert unused.is_gaussian


def test_second_derivative_has_no_point_masses() -> None:
    loss = Loss("abs(x) + max(x, 0)**2", ("x",))
    assert not loss.hessian.has(sympy.DiracDelta)
    assert loss.evaluate(loss.hessian, [[-1.0], [1.0]]).ravel() == pytest.approx([0.0, 2.0])


def test_draws_name_what_a_step_draws() -> None:
    pytest.importorskip("fokkerplanck.sampling").Draw  # noqa: B018
    draws = valley().draws
    assert [d.kind for d in draws] == ["normal"] * 3
    assert {str(d.symbols[0]) for d in draws} == {"sx", "sy", "e"}


def test_pickle_and_repr() -> None:
    loss = valley()
    again = pickle.loads(pickle.dumps(loss))
    assert again.covariance == loss.covariance
    assert repr(loss) == "Loss('lam/2*(1 + e)*y**2 - sy*y - sx*x', variables x, y, samples sy, sx, e)"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"formula": "lamb*x", "constants": {"lam": 1}}, "lam"),
        ({"formula": "3"}, "nothing to train"),
        ({"variables": ()}, "at least one"),
        ({"variables": ("x", "x")}, "twice"),
        ({"variables": ("lambda",)}, "lambda"),
        ({"samples": {"x": Normal(0, 1)}}, "variables and in samples"),
        ({"constants": {"r": 1.0}}, "samples and in constants"),
        ({"where": {"r": "2"}}, "samples and in where"),
        ({"where": {"q": "r + 1"}}, "sample variable r"),
        ({"where": {"q": "p", "p": "q"}}, "circle|cycl"),
        ({"samples": {"r": Normal(0, -1)}}, "standard deviation of r is -1"),
        ({"samples": {"r": Normal(0, "c")}, "constants": {"c": -2}}, "standard deviation of r is -2"),
        ({"samples": {"r": Normal(0, "sqrt(c)")}, "constants": {"c": -2}}, "finite real"),
        ({"samples": {"r": Normal(0, "x")}}, "x"),
        ({"samples": {"r": Uniform(2, 1)}}, "low <= high"),
        ({"samples": {"r": 3.0}}, "expected Normal"),
        ({"samples": {("r", "q"): Normal(0, 1)}}, "Data only"),
        ({"samples": {("r", "q"): Data([1.0, 2.0])}}, "a name for each column"),
        ({"samples": {"r": Data([1.0]), "q": Data([1.0])}}, "into one Data"),
        ({"constants": {"c": float("inf")}}, "c"),
    ],
)
def test_bad_input_is_one_clear_sentence(arguments: dict[str, object], message: str) -> None:
    given: dict[str, object] = {"formula": "x**2 - r*x", "variables": ("x",), "samples": {"r": Normal(0, 1)}}
    with pytest.raises(ValueError, match=message):
        Loss(**(given | arguments))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("law", "formula", "message"),
    [
        (Normal(0, 1), "exp(r*x)", r"no polynomial in r"),
        (Uniform(0, 1), "abs(r - x)", r"no polynomial in r"),
        (Data(np.arange(70.0)), "log(1 + exp(r*x))", "70 rows"),
        (Normal(0, 1), "(r*x)**15*(r + x)**10", "degree"),
    ],
)
def test_moments_that_are_not_exact_are_refused(law: object, formula: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _ = one(formula, law).covariance


@pytest.mark.parametrize("rows", [[[1.0, np.nan]], [], [["a"]], np.zeros((2, 2, 2))])
def test_bad_data(rows: object) -> None:
    with pytest.raises(ValueError, match="Data"):
        Data(rows)  # type: ignore[arg-type]


def test_bad_sampling_batch_and_points() -> None:
    loss = Loss("(x - a)**2/2", ("x",), {"a": Data([1.0, 2.0])})
    with pytest.raises(ValueError, match="2 rows"):
        loss.noise_covariance(3, "without-replacement")
    with pytest.raises(ValueError, match="not white"):
        loss.noise_covariance(1, "epoch")
    with pytest.raises(ValueError, match="expected"):
        loss.noise_covariance(1, "random")
    with pytest.raises(ValueError, match="needs Data"):
        valley().noise_covariance(1, "without-replacement")
    with pytest.raises(ValueError, match=r"points"):
        valley().evaluate(valley().mean, [1.0])
    with pytest.raises(ValueError, match="kappa"):
        valley().with_constants(kapa=1)
    with pytest.raises(ValueError, match="-1"):
        valley().with_constants(s=-1)


def test_schedules() -> None:
    assert Schedule(0.1).is_constant
    assert Schedule([0.1, 0.1]).constant == 0.1
    decay = Schedule(lambda k: 1.0 / (1 + k))
    np.testing.assert_allclose(decay.rates(2, first_step=1), [1 / 2, 1 / 3], atol=1e-15)
    np.testing.assert_allclose(Schedule([0.3, 0.1]).times(2), [0.3, 0.4], atol=1e-15)
    for bad in (0, -0.1, float("nan"), [0.1, 0], [[0.1]], "fast", lambda k: -1.0):
        with pytest.raises(ValueError, match="lr"):
            Schedule(bad)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="2 rates"):
        Schedule([0.3, 0.1]).rates(3)
    with pytest.raises(ValueError, match="changes"):
        _ = decay.constant
