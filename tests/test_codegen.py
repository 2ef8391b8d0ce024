"""Generated NumPy functions and scalar source against sympy; modules that outlive a process."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import sympy

from fokkerplanck._kernels import _cache, elementary, scalar
from fokkerplanck.codegen import load_module, numpy_function, scalar_source

x, y, k = sympy.symbols("x y k", real=True)
POINTS = np.array([[0.3, 0.5, 2.0], [-1.2, 0.1, 1.5], [2.0, -0.3, 0.7]])
EXPRESSIONS = [
    *(f(x * y) for f in (sympy.exp, sympy.sin, sympy.cos, sympy.tan, sympy.Abs)),
    *(f(x * y) for f in (sympy.tanh, sympy.sinh, sympy.cosh)),
    sympy.log(x**2 + 1) * k,
    sympy.sqrt(x**2 + k) ** 5,
    (1 + x**2) ** sympy.Rational(-2, 3),
    x**7 / k**3 - x**-2,
    2**x,
    sympy.pi * x + sympy.E**y,
    sympy.Min(x, y, k),
    sympy.Max(x, -y),
    sympy.sign(x) * sympy.Heaviside(y),
    sympy.Max(x * y, k * x).diff(x),
    sympy.Abs(x**3 - y).diff(x),
    sympy.tanh(x * y).diff(x),
    sympy.Piecewise((x, x > 0), (y, True)),
    sympy.sqrt(2) * x,
]


def exact(expression: sympy.Expr, point: np.ndarray) -> float:
    return float(sympy.N(expression.subs(dict(zip((x, y, k), map(sympy.Float, point), strict=True)))))


def test_values_agree_with_sympy() -> None:
    results = numpy_function(EXPRESSIONS, (x, y, k))(*POINTS.T)
    for expression, values in zip(EXPRESSIONS, results, strict=True):
        expected = [exact(expression, p) for p in POINTS]
        np.testing.assert_allclose(values, expected, rtol=4e-15, atol=1e-15, err_msg=str(expression))


def test_scalar_source_agrees_with_sympy() -> None:
    lines, results = scalar_source(EXPRESSIONS, (x, y, k))
    body = "".join(f"    {line}\n" for line in [*lines, f"return [{', '.join(results)}]"])
    source = "def f(a0, a1, a2):\n" + body
    helpers = {n: getattr(scalar, n).py_func for n in ("sign", "heaviside", "minimum", "maximum", "where")}
    namespace: dict[str, object] = {"math": math, "elementary": elementary, **helpers}
    exec(source, namespace)
    for point in POINTS:
        values = namespace["f"](*map(float, point))  # type: ignore[operator]
        np.testing.assert_allclose(values, [exact(e, point) for e in EXPRESSIONS], rtol=4e-15, atol=1e-15)


def test_names_that_users_choose_never_reach_the_source() -> None:
    names = sympy.symbols("np a1 t0 return math", real=True)
    total = sum(n**2 for n in names)
    assert numpy_function([total], names)(1, 2, 3, 4, 5)[0] == 55
    lines, results = scalar_source([total], names)
    assert not set("\n".join([*lines, *results]).split()) & {"np", "return", "math"}


def test_shapes_follow_the_arguments() -> None:
    f = numpy_function([sympy.Integer(3), x, x + y], (x, y))
    column, row = np.arange(3.0)[:, None], np.arange(4.0)
    for result in f(column, row):
        assert result.shape == (3, 4)
        assert result.dtype == np.float64
        result += 1.0  # writable, and no view of an argument
    assert np.array_equal(column[:, 0], [0, 1, 2])
    assert all(r.shape == () for r in f(1, 2))
    with pytest.raises(ValueError, match="got 1 arrays"):
        f(1.0)


def test_undefined_values_are_quiet() -> None:
    values = numpy_function([1 / x, sympy.log(x), x ** sympy.Rational(1, 3)], (x,))(np.array([0.0, -1.0]))
    assert np.isinf(values[0][0])
    assert np.isneginf(values[1][0])
    assert np.isnan(values[1][1])
    assert np.isnan(values[2][1])
    assert np.isnan(numpy_function([sympy.zoo * 1], (x,))(1.0)[0])


def test_edges_of_kinked_functions() -> None:
    kinks = [sympy.Heaviside(x), sympy.sign(x), sympy.Abs(x).diff(x), sympy.sign(x).diff(x)]
    assert [float(v) for v in numpy_function(kinks, (x,))(0.0)] == [0.5, 0.0, 0.0, 0.0]
    for name in ("sign", "heaviside"):
        assert math.isnan(getattr(scalar, name)(math.nan))
    for name in ("minimum", "maximum"):
        assert math.isnan(getattr(scalar, name)(math.nan, 1.0))
        assert math.isnan(getattr(scalar, name)(1.0, math.nan))


def test_derivative_of_an_absolute_value_of_a_logarithm() -> None:
    """sympy knows no sign of log(x) and answers with re() and im()."""
    (value,) = numpy_function([sympy.Abs(sympy.log(x)).diff(x)], (x,))(np.array([0.5, 2.0]))
    np.testing.assert_allclose(value, [-2.0, 0.5], rtol=1e-14)


def test_common_parts_are_computed_once() -> None:
    lines, _ = scalar_source([sympy.exp(x) * y, sympy.exp(x) + y], (x, y))
    assert sum("exp" in line for line in lines) == 1
    assert numpy_function([x + 1], (x,)) is numpy_function([x + 1], (x,))


@pytest.mark.parametrize("bad", [sympy.gamma(x), sympy.Function("system")(x), sympy.Symbol("z") + x])
def test_what_is_not_of_the_language_is_refused(bad: sympy.Expr) -> None:
    with pytest.raises(ValueError, match="expression holds"):
        numpy_function([bad], (x,))


def test_modules_are_written_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_cache, "root", lambda: tmp_path)
    first = load_module("answer = 42\n", "test")
    assert first.answer == 42
    assert load_module("answer = 42\n", "test") is first
    assert load_module("answer = 43\n", "test").answer == 43
    assert len(list((tmp_path / "programs").glob("*.py"))) == 2
    assert not list((tmp_path / "programs").glob("*.part"))


def test_a_cache_folder_that_cannot_be_written_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOKKERPLANCK_CACHE", "/dev/null/nowhere")
    folder = _cache.root.__wrapped__()
    (folder / "probe").write_text("written")
    (folder / "probe").unlink()
    folder.rmdir()
