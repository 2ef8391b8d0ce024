"""Prints sympy expressions as lines of Python, for NumPy and for scalar kernels.

Only internal names are printed (``a0``, ``t0``, ...), never a name that a user chose, and only
functions of a closed list: what is not on it is refused, so that nothing foreign is ever executed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce

import sympy

# Functions of one argument: sympy class -> name, the same in np and in `_kernels.elementary`.
_UNARY = {
    sympy.exp: "exp",
    sympy.log: "log",
    sympy.sin: "sin",
    sympy.cos: "cos",
    sympy.tan: "tan",
    sympy.sinh: "sinh",
    sympy.cosh: "cosh",
    sympy.tanh: "tanh",
}
_INVERSE = {  # np: arctan, math: atan
    sympy.asin: "sin",
    sympy.acos: "cos",
    sympy.atan: "tan",
    sympy.asinh: "sinh",
    sympy.acosh: "cosh",
    sympy.atanh: "tanh",
}
_RECIPROCAL = {sympy.cot: "tan", sympy.sec: "cos", sympy.csc: "sin", sympy.coth: "tanh", sympy.sech: "cosh"}
_COMPARE = {
    sympy.StrictGreaterThan: ">",
    sympy.GreaterThan: ">=",
    sympy.StrictLessThan: "<",
    sympy.LessThan: "<=",
    sympy.Equality: "==",
    sympy.Unequality: "!=",
}
# What each target calls the functions that have no common name.
NUMPY = {
    "module": "np",
    "constants": "np",
    "abs": "np.abs",
    "sign": "np.sign",
    "heaviside": "heaviside",
    "min": "np.minimum",
    "max": "np.maximum",
    "where": "np.where",
    "inverse": "np.arc",
}
SCALAR = {
    "module": "elementary",
    "constants": "math",
    "abs": "abs",
    "sign": "sign",
    "heaviside": "heaviside",
    "min": "minimum",
    "max": "maximum",
    "where": "where",
    "inverse": "math.a",
    "power": "elementary.power",
}
_MAX_UNROLLED = 32  # integer powers up to here become multiplications


def real_form(expression: sympy.Expr) -> sympy.Expr:
    """The expression for real arguments, almost everywhere: re(f) = f, im(f) = 0, delta functions dropped."""
    if not expression.has(sympy.re, sympy.im, sympy.conjugate, sympy.Derivative, sympy.DiracDelta):
        return expression
    expression = expression.replace(sympy.re, lambda f: f).replace(sympy.im, lambda f: sympy.S.Zero)
    expression = expression.replace(sympy.conjugate, lambda f: f).doit()
    return expression.replace(sympy.DiracDelta, lambda *f: sympy.S.Zero)


def _number(expression: sympy.Expr) -> float:
    """A constant expression as a float; complex and undefined ones become nan."""
    value = sympy.N(expression, 30)
    if value in (sympy.oo, -sympy.oo):
        return math.inf if value == sympy.oo else -math.inf
    if not value.is_Number or value is sympy.nan:
        return math.nan
    return float(value)


class _Emitter:
    """Prints expressions as lines of Python in three-address style, for one target (numpy or scalar)."""

    def __init__(self, target: dict[str, str], names: dict[sympy.Symbol, str], prefix: str) -> None:
        self.target, self.names, self.prefix = target, dict(names), prefix
        self.lines: list[str] = []

    def name(self, text: str) -> str:
        """Store a value under a fresh internal name, unless it has one."""
        if text.isidentifier():
            return text
        fresh = f"{self.prefix}{len(self.lines)}"
        self.lines.append(f"{fresh} = {text}")
        return fresh

    def call(self, function: str, *arguments: sympy.Expr) -> str:
        return f"{function}({', '.join(self.text(a) for a in arguments)})"

    def text(self, e: sympy.Expr) -> str:
        """The expression as Python text that binds as tightly as an atom."""
        if e.is_Symbol:
            if e not in self.names:
                raise ValueError(f"expression holds {e}, expected {self.known()}: name it as an argument")
            return str(self.names[e])
        if not e.free_symbols:
            return self.literal(_number(e))
        if e.is_Add:
            return f"({self.sum(e)})"
        if e.is_Mul:
            return f"({self.product(e)})"
        if e.is_Pow:
            return self.power(e.base, e.exp)
        return self.function(e)

    def known(self) -> str:
        return ", ".join(str(s) for s in self.names if not isinstance(s, sympy.Dummy)) or "numbers"

    def literal(self, value: float) -> str:
        if math.isfinite(value):
            return repr(value) if value >= 0 else f"({value!r})"
        word = "nan" if math.isnan(value) else "inf"
        text = f"{self.target['constants']}.{word}"
        return f"(-{text})" if value == -math.inf else text

    def sum(self, e: sympy.Expr) -> str:
        text = ""
        for term in e.as_ordered_terms() if len(e.args) < 64 else e.args:
            negative = term.could_extract_minus_sign()
            piece = self.text(-term if negative else term)
            text = f"{text} {'-' if negative else '+'} {piece}" if text else ("-" if negative else "") + piece
        return text

    def product(self, e: sympy.Expr) -> str:
        top, bottom = e.as_numer_denom() if e.is_Mul and _has_symbolic_denominator(e) else (e, sympy.S.One)
        if bottom is not sympy.S.One:
            return f"{self.text(top)} / {self.text(bottom)}"
        sign = ""
        factors = list(e.args) if e.is_Mul else [e]
        if factors[0] is sympy.S.NegativeOne:
            sign, factors = "-", factors[1:]
        return sign + " * ".join(self.text(f) for f in factors)

    def power(self, base: sympy.Expr, exponent: sympy.Expr) -> str:
        if base is sympy.E:
            return self.call(f"{self.target['module']}.exp", exponent)
        if exponent.is_Rational and exponent < 0:
            return f"(1.0 / {self.power(base, -exponent)})"
        root = f"{self.target['module']}.sqrt"
        if exponent.is_Integer and exponent <= _MAX_UNROLLED:
            return self.unrolled(self.name(self.text(base)), int(exponent))
        if exponent.is_Rational and exponent.q == 2 and exponent.p <= _MAX_UNROLLED:
            stem = self.name(self.text(base))
            half = f"{root}({stem})"
            return half if exponent.p == 1 else f"({self.unrolled(stem, int(exponent.p) // 2)} * {half})"
        if "power" in self.target:
            return self.call(self.target["power"], base, exponent)
        return f"({self.text(base)} ** {self.text(exponent)})"

    def unrolled(self, stem: str, n: int) -> str:
        """stem**n by repeated squaring."""
        if n == 1:
            return stem
        half = self.unrolled(stem, n // 2)
        half = half if n // 2 == 1 else self.name(half)
        return f"({half} * {half})" if n % 2 == 0 else f"({half} * {half} * {stem})"

    def function(self, e: sympy.Expr) -> str:
        f, module = e.func, self.target["module"]
        if f in _UNARY:
            return self.call(f"{module}.{_UNARY[f]}", *e.args)
        if f in _INVERSE:
            return self.call(self.target["inverse"] + _INVERSE[f], *e.args)
        if f in _RECIPROCAL:
            return f"(1.0 / {self.call(f'{module}.{_RECIPROCAL[f]}', *e.args)})"
        if f is sympy.Abs or f is sympy.sign:
            return self.call(self.target["abs" if f is sympy.Abs else "sign"], *e.args)
        if f is sympy.Heaviside:
            return self.call(self.target["heaviside"], e.args[0])
        if f is sympy.Min or f is sympy.Max:
            function = self.target["min" if f is sympy.Min else "max"]
            return reduce(lambda a, b: f"{function}({a}, {b})", [self.text(a) for a in e.args])
        if f is sympy.Piecewise:
            return self.piecewise(e)
        raise ValueError(f"expression holds {f.__name__}, expected functions of the formula language")

    def piecewise(self, e: sympy.Expr) -> str:
        text = self.literal(math.nan)
        for value, condition in reversed(e.args):
            if condition is sympy.true:
                text = self.text(value)
            elif condition.func in _COMPARE:
                test = f"{self.text(condition.lhs)} {_COMPARE[condition.func]} {self.text(condition.rhs)}"
                text = f"{self.target['where']}({test}, {self.text(value)}, {text})"
            else:
                raise ValueError(f"expression holds {condition}, expected a comparison: use min, max or abs")
        return text


def _has_symbolic_denominator(e: sympy.Expr) -> bool:
    """Whether a factor is a negative power (so that one division serves the whole product)."""
    return any(f.is_Pow and f.exp.is_Rational and f.exp < 0 and f.free_symbols for f in e.args)


def emit(
    expressions: Sequence[sympy.Expr], names: dict[sympy.Symbol, str], target: dict[str, str], prefix: str
) -> tuple[list[str], list[str]]:
    """Lines that compute the expressions, sharing sub-expressions, and the text of each result."""
    reduced = [real_form(sympy.sympify(e)) for e in expressions]
    shared, reduced = sympy.cse(reduced, symbols=sympy.numbered_symbols("t", cls=sympy.Dummy))
    emitter = _Emitter(target, names, prefix)
    for symbol, expression in shared:
        emitter.names[symbol] = emitter.name(emitter.text(expression))
    results = [emitter.name(emitter.text(e)) if e.free_symbols else emitter.text(e) for e in reduced]
    return emitter.lines, results


def scalar_source(
    expressions: Sequence[sympy.Expr],
    arguments: Sequence[sympy.Symbol],
    names: Sequence[str] | None = None,
    prefix: str = "t",
) -> tuple[list[str], list[str]]:
    """Lines of scalar Python that compute the expressions, and the text of each result.

    The arguments are called ``names`` there (default ``a0, a1, ...``), the temporaries ``prefix0, ...``.
    The lines use ``math``, `fokkerplanck._kernels.elementary` and, of `fokkerplanck._kernels.scalar`, ``sign,
    heaviside, minimum, maximum, where``.
    """
    called = names if names is not None else [f"a{i}" for i in range(len(arguments))]
    return emit(expressions, dict(zip(arguments, called, strict=True)), SCALAR, prefix)
