"""Sympy expressions built so that no step of the construction can blow up.

Sympy evaluates while it builds: ``9**9**9`` would fill the memory and ``12**0.123456789`` would not end.
Each step here looks at its arguments first, and raises :class:`Refusal` instead.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import sympy

from fokkerplanck._calculus import NOT_FINITE, absolute

LARGEST_NUMBER = 1e100
LARGEST_EXPONENT = 64
LARGEST_RESULTING_EXPONENT = 512  # (x**60)**8
LARGEST_ROOT = 100  # denominator of a fractional exponent
LARGEST_ROOTS = 10_000  # common denominator of all fractional exponents of one formula
LARGEST_RADICAND = 64  # bits of a number under a root, which sympy factorises
LARGEST_RADICANDS = 640  # bits of all of them
LARGEST_UNREAL = 200  # parts of u in abs(u) that becomes max(u, -u): nested ones double each time
LARGEST_BITS = 1_024  # numerator or denominator of an exact number
MOST_CHOICES = 6  # arguments of one min or max
MOST_KINKS = 16  # abs, min, max and comparisons of one formula: sympy compares their arguments in pairs

UNARY: dict[str, Callable[[sympy.Expr], sympy.Expr]] = {
    "exp": sympy.exp,
    "log": sympy.log,
    "sqrt": sympy.sqrt,
    "sin": sympy.sin,
    "cos": sympy.cos,
    "tan": sympy.tan,
    "tanh": sympy.tanh,
    "sinh": sympy.sinh,
    "cosh": sympy.cosh,
}
FUNCTIONS = (*UNARY, "abs", "min", "max")

_FLOAT: dict[str, Callable[..., float]] = {
    **{name: getattr(math, name) for name in UNARY if name != "sqrt"},
    "Abs": abs,
    "Min": min,
    "Max": max,
    "sign": lambda v: float((v > 0) - (v < 0)),
    "Heaviside": lambda v, at_zero=0.5: 1.0 if v > 0 else 0.0 if v < 0 else at_zero,
}


class Refusal(ValueError):
    """Why a step of the construction is refused; the caller adds where."""


def has_symbol(expr: sympy.Basic) -> bool:
    """Whether any symbol is left in it; stops at the first."""
    stack = [expr]
    while stack:
        node = stack.pop()
        if node.is_Symbol:
            return True
        stack.extend(node.args)
    return False


def evaluate(expr: sympy.Expr, values: Mapping[sympy.Symbol, float] | None = None) -> float:
    """The float value of an expression of the language; Refusal where there is no finite real one."""
    try:
        value = _evaluate(expr, values or {})
    except ZeroDivisionError:
        raise Refusal("division by zero") from None
    except OverflowError:
        raise Refusal(f"a number above {LARGEST_NUMBER:.0e}") from None
    except ValueError as error:
        raise (
            error if isinstance(error, Refusal) else Refusal(f"{expr} is not a finite real number")
        ) from None
    if not math.isfinite(value):
        raise Refusal(f"{expr} is not a finite real number")
    return value


def _evaluate(expr: sympy.Expr, values: Mapping[sympy.Symbol, float]) -> float:
    if expr.is_Symbol:
        return values[expr]
    if expr.is_Rational:
        return int(expr.p) / int(expr.q)
    if expr.is_Number or expr.is_NumberSymbol:
        return float(expr)
    if expr is sympy.I or expr in NOT_FINITE:
        raise ValueError
    arguments = [_evaluate(argument, values) for argument in expr.args]
    if expr.is_Add:
        return math.fsum(arguments)
    if expr.is_Mul:
        return math.prod(arguments)
    if expr.is_Pow:
        return math.pow(arguments[0], arguments[1]) if arguments[0] else _power_of_zero(arguments[1])
    return _FLOAT[type(expr).__name__](*arguments)


def _power_of_zero(exponent: float) -> float:
    if exponent < 0:
        raise ZeroDivisionError
    return 0.0 if exponent else 1.0


class Algebra:
    """The arithmetic of one formula; it remembers the roots and kinks that the formula has used so far."""

    def __init__(self, definitions: Iterable[sympy.Expr] = ()) -> None:
        self.roots = math.lcm(1, *(_roots(expr) for expr in definitions))
        self.kinks = self.radicands = 0
        if self.roots > LARGEST_ROOTS:
            raise Refusal("too many different fractional exponents")

    def add(self, terms: Sequence[sympy.Expr]) -> sympy.Expr:
        """The sum; roots that cancel to rounding are refused, since sympy may need for ever to prove it."""
        result = _finite(sympy.Add(*terms))
        if result.is_Add and not has_symbol(result) and _cancels(result):
            raise Refusal("constants that cancel: write 0, or simplify")
        return result

    def multiply(self, factors: Sequence[sympy.Expr]) -> sympy.Expr:
        """The product."""
        return _finite(sympy.Mul(*factors))

    def inverse(self, denominator: sympy.Expr) -> sympy.Expr:
        """One over it."""
        if denominator is sympy.S.Zero or (not has_symbol(denominator) and evaluate(denominator) == 0):
            raise Refusal("division by zero")
        return self.power(denominator, sympy.Integer(-1))

    def power(self, base: sympy.Expr, exponent: sympy.Expr) -> sympy.Expr:
        """``base**exponent``, where neither numbers nor roots can grow out of hand."""
        if base is sympy.S.Zero and exponent.is_Number and exponent < 0:
            raise Refusal("division by zero")
        if base is sympy.E:
            return self._exp(exponent)
        for number in _numbers(exponent):
            self._check_exponent(number, base)
        if not exponent.is_Integer:
            self._check_radicand(base)
        if not has_symbol(base):
            self._check_constant_base(base, exponent)
        result = _finite(sympy.Pow(base, exponent))
        _check_factors(result)
        return result

    def call(self, name: str, arguments: Sequence[sympy.Expr]) -> sympy.Expr:
        """A function of the language applied to its arguments."""
        if name in ("min", "max"):
            return self.extremum(sympy.Min if name == "min" else sympy.Max, arguments)
        (argument,) = arguments
        if name == "abs":
            return self._abs(argument)
        if name == "exp":
            return self._exp(argument)
        if name == "sqrt":
            if not has_symbol(argument) and evaluate(argument) < 0:
                raise Refusal("the square root of a negative number is not real")
            return self.power(argument, sympy.Rational(1, 2))
        if name == "log" and not has_symbol(argument) and evaluate(argument) <= 0:
            raise Refusal("the logarithm needs a positive number")
        return _finite(UNARY[name](argument))

    def extremum(self, kind: type[sympy.Min | sympy.Max], arguments: Sequence[sympy.Expr]) -> sympy.Expr:
        """Min or Max, unevaluated: sympy would compare every pair, at a cost of seconds."""
        self._count_kinks(len(arguments) - 1)
        pick = min if kind is sympy.Min else max
        variable = [argument for argument in dict.fromkeys(arguments) if has_symbol(argument)]
        constant = [argument for argument in arguments if not has_symbol(argument)]
        kept = variable + ([pick(constant, key=evaluate)] if constant else [])
        return kept[0] if len(kept) == 1 else kind(*kept, evaluate=False)

    def _abs(self, argument: sympy.Expr) -> sympy.Expr:
        if not has_symbol(argument):
            return -argument if evaluate(argument) < 0 else argument
        self._count_kinks(1)
        result = absolute(argument)
        if not result.is_real and sum(1 for _ in sympy.preorder_traversal(argument)) > LARGEST_UNREAL:
            raise Refusal(f"the abs of roots, logarithms or quotients with more than {LARGEST_UNREAL} parts")
        return result

    def _exp(self, exponent: sympy.Expr) -> sympy.Expr:
        """Sympy turns exp(n*log(2)) into 2**n, so the factor of a logarithm is an exponent."""
        if not has_symbol(exponent) and evaluate(exponent) > math.log(LARGEST_NUMBER):
            raise Refusal(f"a number above {LARGEST_NUMBER:.0e}")
        for term in sympy.Add.make_args(exponent):
            if term.has(sympy.log):
                for number in _numbers(term):
                    self._check_exponent(number, sympy.E)
        result = _finite(sympy.exp(exponent))
        _check_factors(result)
        return result

    def _check_exponent(self, number: sympy.Rational, base: sympy.Expr) -> None:
        if abs(number) > LARGEST_EXPONENT:
            raise Refusal(f"exponent {_short(number)} is beyond {LARGEST_EXPONENT}")
        if number.q > LARGEST_ROOT:
            raise Refusal(
                f"exponent {_short(number)} has too many decimals; declare it as a constant instead"
            )
        if number.q > 1:
            self.roots = math.lcm(self.roots, int(number.q) * _factor_roots(base))
            if self.roots > LARGEST_ROOTS:
                raise Refusal("too many different fractional exponents; declare some of them as constants")

    def _check_radicand(self, base: sympy.Expr) -> None:
        for number in (factor for factor in sympy.Mul.make_args(base) if factor.is_Rational):
            bits = int(abs(number.p)).bit_length() + int(number.q).bit_length()
            self.radicands += bits
            if bits > 2 * LARGEST_RADICAND or self.radicands > LARGEST_RADICANDS:
                raise Refusal("too many digits under a root; declare the number as a constant")

    def _check_constant_base(self, base: sympy.Expr, exponent: sympy.Expr) -> None:
        value = evaluate(base)
        if value < 0 and not exponent.is_Integer:
            raise Refusal("a negative number to a fractional or variable power is not real")
        if value == 0 and has_symbol(exponent):
            raise Refusal("zero to a variable power is not defined everywhere")
        if not has_symbol(exponent):
            size = evaluate(exponent) * math.log(abs(value)) if value else 0.0
            if abs(size) > math.log(LARGEST_NUMBER) * (2 if size < 0 else 1):
                raise Refusal(f"a number beyond {LARGEST_NUMBER:.0e}")

    def _count_kinks(self, more: int) -> None:
        self.kinks += more
        if self.kinks > MOST_KINKS:
            raise Refusal(f"more than {MOST_KINKS} abs, min, max and comparisons in one formula")


def _finite(result: sympy.Expr) -> sympy.Expr:
    """The result of one step, if it is a real and finite expression with numbers of a sane size."""
    if result in NOT_FINITE:
        raise Refusal("division by zero, or a value that is not finite")
    if result is sympy.I or sympy.I in result.args:
        raise Refusal("the value is not real")
    coefficient = result.as_coeff_Mul()[0]
    if coefficient.is_Rational:
        _check_size(coefficient)
        if abs(coefficient) > LARGEST_NUMBER:
            raise Refusal(f"a number above {LARGEST_NUMBER:.0e}")
    if not has_symbol(result) and abs(evaluate(result)) > LARGEST_NUMBER:
        raise Refusal(f"a number above {LARGEST_NUMBER:.0e}")
    return result


def _cancels(total: sympy.Expr) -> bool:
    """Whether a sum of constants is zero to rounding."""
    return abs(evaluate(total)) < 1e-12 * max(abs(evaluate(term)) for term in total.args)


def _check_size(number: sympy.Rational) -> None:
    if max(int(number.p).bit_length(), int(number.q).bit_length()) > LARGEST_BITS:
        raise Refusal("a number with too many digits")


def _check_factors(result: sympy.Expr) -> None:
    """The factors of a fresh power: the numbers that came out of it, and its exponents."""
    for factor in sympy.Mul.make_args(result):
        if factor.is_Rational:
            _check_size(factor)
            continue
        base, exponent = factor.as_base_exp()
        if base is sympy.E:
            continue
        if base.is_Rational and base < 0:
            raise Refusal("a negative number to a fractional power is not real")
        for number in _numbers(exponent):
            if abs(number) > LARGEST_RESULTING_EXPONENT:
                raise Refusal(f"exponents multiply to {_short(number)}, beyond {LARGEST_RESULTING_EXPONENT}")


def _numbers(expr: sympy.Basic) -> Iterator[sympy.Rational]:
    """All exact numbers inside an expression."""
    return (node for node in sympy.preorder_traversal(expr) if node.is_Rational)


def _roots(expr: sympy.Basic) -> int:
    """Common denominator of the exponents anywhere in it."""
    powers = (node for node in sympy.preorder_traversal(expr) if node.is_Pow)
    return math.lcm(1, *(int(number.q) for power in powers for number in _numbers(power.exp)))


def _factor_roots(expr: sympy.Expr) -> int:
    """Common denominator of the exponents of its factors, which a further power multiplies."""
    powers = (factor for factor in sympy.Mul.make_args(expr) if factor.is_Pow)
    return math.lcm(
        1, *(_factor_roots(p.base) * math.lcm(1, *(int(n.q) for n in _numbers(p.exp))) for p in powers)
    )


def _short(number: sympy.Rational) -> str:
    return str(number) if number.q == 1 and abs(number) < 10**12 else f"{float(number):.6g}"
