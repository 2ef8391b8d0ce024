"""Exact means and covariances of expressions in sample variables.

An expression is written as a polynomial in the sample variables (:mod:`fokkerplanck._polynomial`).
What is not polynomial in a variable is summed over the values of that variable, where there are
few enough of them (Rademacher signs, small data sets).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from fokkerplanck import formula as _formula
from fokkerplanck._polynomial import (
    MAX_DEGREE,
    NotPolynomialError,
    Polynomial,
    add_into,
    multiply,
    polynomial,
)
from fokkerplanck.formula import Formula, symbol
from fokkerplanck.laws import Data, Law, Normal, Rademacher, Uniform, law_moment

MAX_ATOMS = 64  # values summed over where an expression is no polynomial


@dataclass(frozen=True)
class SampleSpace:
    """All sample symbols with their laws: exact means and covariances of expressions in them."""

    laws: Mapping[Any, Law]  # symbol -> law, Data for each of its columns
    parameters: Mapping[Any, tuple[Any, ...]]  # symbol -> the law's parameters as formulas in the constants
    columns: Mapping[Any, int]  # symbol -> column of the data
    rows: NDArray[np.float64] | None

    def means(self, exprs: Sequence[Any]) -> list[Any]:
        """E of each expression."""
        return Moments(self, exprs).means

    def covariances(self, exprs: Sequence[Any]) -> tuple[sympy.Matrix, sympy.Matrix]:
        """Covariance over data rows of the conditional mean given the row, and the mean of the rest."""
        return Moments(self, exprs).covariances()

    def is_affine(self, exprs: Sequence[Any]) -> bool:
        """Whether each expression is affine in all sample symbols together."""
        try:
            polys = [polynomial(e, tuple(self.laws)) for e in exprs]
        except NotPolynomialError:
            return False
        return not any(sum(power) > 1 and sympy.expand(c) != 0 for p in polys for power, c in p.items())

    def summable(self, error: NotPolynomialError) -> set[Any]:
        """The symbols to sum over because of this part, or a refusal that says why not."""
        more: set[Any] = set()
        for s in error.symbols:
            law = self.laws[s]
            if isinstance(law, Data):
                if len(law.rows) > MAX_ATOMS:
                    raise ValueError(
                        f"formula: {error.part} is no polynomial in {s}, and its data set has "
                        f"{len(law.rows)} rows, "
                        f"more than the {MAX_ATOMS} that are summed one by one; make {error.part} a column "
                        "of the data"
                    )
                more |= set(self.columns)
            elif isinstance(law, Rademacher):
                more.add(s)
        if not more:
            names = ", ".join(sorted(str(s) for s in error.symbols))
            raise ValueError(
                f"formula: {error.part} is no polynomial in {names}, so its moments are not known exactly; "
                "write the "
                f"loss as a polynomial in normal and uniform samples, or give Data of at most {MAX_ATOMS} "
                "rows"
            )
        return more

    def atoms(self, summed: set[Any]) -> list[tuple[dict[Any, Any], list[tuple[Any, dict[Any, Any]]]]]:
        """The values to sum over: [(row substitution, [(weight, sign substitution)])]."""
        signs = [s for s in self.laws if s in summed and isinstance(self.laws[s], Rademacher)]
        if 2 ** len(signs) > MAX_ATOMS:
            raise ValueError(
                f"formula: {len(signs)} Rademacher samples enter other than as polynomials; that is "
                f"{2 ** len(signs)} sign patterns, and at most {MAX_ATOMS} are summed"
            )
        weight = sympy.Rational(1, 2 ** len(signs))
        patterns = [
            (weight, dict(zip(signs, map(sympy.Integer, values), strict=True)))
            for values in itertools.product((-1, 1), repeat=len(signs))
        ]
        if self.rows is None or not summed.intersection(self.columns):
            return [({}, patterns)]
        return [({s: exact(row[c]) for s, c in self.columns.items()}, patterns) for row in self.rows]


class Moments:
    """Exact moments of some expressions by the law of total covariance.

    Three layers: rows summed one by one (else a single entry), sign patterns, and polynomials in
    the free symbols, which are data columns (d) and independent variables (r).
    """

    def __init__(self, space: SampleSpace, exprs: Sequence[Any]) -> None:
        self.space = space
        held: set[Any] = set().union(*(e.free_symbols for e in exprs))
        used = [s for s in space.laws if s in held]
        summed: set[Any] = set()
        while True:
            self.free = [s for s in used if s not in summed]
            try:
                self.rows = [
                    [(w, self._polynomials(exprs, row | signs)) for w, signs in patterns]
                    for row, patterns in space.atoms(summed)
                ]
                break
            except NotPolynomialError as error:
                more = space.summable(error)
                summed |= more
        self.inner = [[(w, [self._given_data(p) for p in polys]) for w, polys in row] for row in self.rows]
        count = range(len(exprs))
        self.by_row = [[_mixture([(w, polys[i]) for w, polys in row]) for i in count] for row in self.inner]
        self.row_means = [[self._data_mean(p) for p in polys] for polys in self.by_row]
        self.means = [_tidy(sum(m[i] for m in self.row_means) / len(self.rows)) for i in count]

    def covariances(self) -> tuple[sympy.Matrix, sympy.Matrix]:
        """(of the mean given the row, mean over rows of the covariance given the row)."""
        size, count = len(self.means), sympy.Integer(len(self.rows))
        between, within = sympy.zeros(size, size), sympy.zeros(size, size)
        for i, j in itertools.combinations_with_replacement(range(size), 2):
            data = parametric = sympy.S.Zero
            layers = zip(self.rows, self.inner, self.by_row, self.row_means, strict=True)
            for row, inner, mixed, means in layers:
                data += self._data_covariance(mixed[i], mixed[j])
                if count > 1:
                    data += (means[i] - self.means[i]) * (means[j] - self.means[j])
                for (w, polys), (_, given) in zip(row, inner, strict=True):
                    parametric += w * self._parametric(polys[i], polys[j])
                    if len(row) > 1:  # spread of the sign patterns' means
                        left, right = _difference(given[i], mixed[i]), _difference(given[j], mixed[j])
                        parametric += w * self._data_mean(multiply(left, right, 2 * MAX_DEGREE))
            between[i, j] = between[j, i] = _tidy(data / count)
            within[i, j] = within[j, i] = _tidy(parametric / count)
        return between, within

    def _polynomials(self, exprs: Sequence[Any], atom: dict[Any, Any]) -> list[Polynomial]:
        return [polynomial(e.xreplace(atom), self.free) for e in exprs]

    def _parts(self, power: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """A monomial's exponents: those of data columns, and the others."""
        is_data = [s in self.space.columns for s in self.free]
        data = tuple(k if d else 0 for k, d in zip(power, is_data, strict=True))
        return data, tuple(0 if d else k for k, d in zip(power, is_data, strict=True))

    def _r_moment(self, power: Sequence[int]) -> Any:
        """E of the independent variables' part of a monomial."""
        pairs = zip(self.free, power, strict=True)
        moments = [law_moment(self.space.laws[s], self.space.parameters[s], k) for s, k in pairs if k]
        return sympy.Mul(*moments)

    def _d_values(self, power: Sequence[int]) -> NDArray[np.float64]:
        """The data part of a monomial, a value a row."""
        rows = self.space.rows
        if rows is None or not any(power):
            return np.ones(1)
        columns = [rows[:, self.space.columns[s]] ** k for s, k in zip(self.free, power, strict=True) if k]
        return np.asarray(np.prod(columns, axis=0))

    def _given_data(self, poly: Polynomial) -> Polynomial:
        """E of the polynomial over the independent variables: a polynomial in the data columns."""
        total: Polynomial = {}
        for power, coefficient in poly.items():
            data, rest = self._parts(power)
            add_into(total, {data: coefficient * self._r_moment(rest)})
        return total

    def _data_mean(self, poly: Polynomial) -> Any:
        return sympy.Add(*(c * exact(self._d_values(p).mean()) for p, c in poly.items()))

    def _data_covariance(self, left: Polynomial, right: Polynomial) -> Any:
        total = sympy.S.Zero
        for (p, a), (q, b) in itertools.product(left.items(), right.items()):
            if any(p) and any(q):
                u, v = self._d_values(p), self._d_values(q)
                total += a * b * exact(np.mean((u - u.mean()) * (v - v.mean())))
        return total

    def _parametric(self, left: Polynomial, right: Polynomial) -> Any:
        """E over the data of the covariance of the independent variables."""
        total = sympy.S.Zero
        for (p, a), (q, b) in itertools.product(left.items(), right.items()):
            (dp, rp), (dq, rq) = self._parts(p), self._parts(q)
            if any(i and j for i, j in zip(rp, rq, strict=True)):
                joint = self._r_moment([i + j for i, j in zip(rp, rq, strict=True)])
                spread = sympy.expand(joint - self._r_moment(rp) * self._r_moment(rq))
                total += a * b * spread * exact(np.mean(self._d_values(dp) * self._d_values(dq)))
        return total


def _mixture(parts: Iterable[tuple[Any, Polynomial]]) -> Polynomial:
    total: Polynomial = {}
    for weight, poly in parts:
        add_into(total, poly, weight)
    return total


def _difference(left: Polynomial, right: Polynomial) -> Polynomial:
    total = dict(left)
    add_into(total, right, sympy.S.NegativeOne)
    return total


def _tidy(expr: Any) -> Any:
    """Sums that vanish identically become 0; everything else keeps its form."""
    expr = sympy.sympify(expr)
    if expr.is_Add and len(expr.args) <= 12 and sympy.count_ops(expr) < 200 and sympy.expand(expr) == 0:
        return sympy.S.Zero
    return expr


def exact(value: Any) -> Any:
    """A whole number as an Integer, any other as a Float of the same bits."""
    number = float(value)
    return sympy.Integer(int(number)) if number.is_integer() and abs(number) < 2**53 else sympy.Float(number)


def sample_space(laws: Mapping[str, tuple[Law, int]], constants: Sequence[str]) -> SampleSpace:
    """The laws with their parameters parsed: formulas in the constants."""
    parameters: dict[Any, tuple[Any, ...]] = {}
    rows = None
    for name, (law, _) in laws.items():
        fields: tuple[tuple[str, Formula], ...] = ()
        if isinstance(law, Normal):
            fields = (("mean", law.mean), ("std", law.std))
        elif isinstance(law, Uniform):
            fields = (("low", law.low), ("high", law.high))
        elif isinstance(law, Data):
            rows = law.rows
        parsed = (_formula.parse(text, constants, f"{what} of {name}") for what, text in fields)
        parameters[symbol(name)] = tuple(parsed)
    return SampleSpace(
        {symbol(n): law for n, (law, _) in laws.items()},
        parameters,
        {symbol(n): column for n, (law, column) in laws.items() if isinstance(law, Data)},
        rows,
    )
