"""Formulas: text to sympy through a whitelist, so that a text can never run code, touch a file or hang.

The language: numbers, the declared names, ``pi``, ``+ - * / **``, parentheses, and
``exp log sqrt sin cos tan tanh sinh cosh abs min max``; in regions also ``< <= > >=`` (chained too) and
``and or not``. Decimals are exact: ``0.1`` is 1/10. All symbols are real. Nothing else parses, and every
refusal says where and why.
"""

from __future__ import annotations

import keyword
import math
import re
from collections.abc import Iterable, Mapping
from numbers import Real
from typing import TypeAlias

import sympy

from fokkerplanck._algebra import FUNCTIONS, LARGEST_NUMBER, Refusal, evaluate
from fokkerplanck._build import Builder, names_used, rebuild
from fokkerplanck._calculus import derivative, substitute
from fokkerplanck._parse import FormulaError, Source, nearest

__all__ = [
    "BATCH",
    "FUNCTIONS",
    "LEARNING_RATE",
    "MOMENTUM",
    "WEIGHT_DECAY",
    "Formula",
    "FormulaError",
    "check_name",
    "derivative",
    "nearest",
    "parse",
    "parse_number",
    "parse_region",
    "resolve",
    "substitute",
    "symbol",
]

Formula: TypeAlias = str | sympy.Expr | float
"""What a user may write for a formula: text, a number, or a sympy expression."""

LEARNING_RATE = sympy.Symbol("eta", positive=True)
BATCH = sympy.Symbol("B", positive=True)
MOMENTUM = sympy.Symbol("momentum", positive=True)
WEIGHT_DECAY = sympy.Symbol("weight_decay", real=True)  # a constant of the loss that it is added to


def symbol(name: str) -> sympy.Symbol:
    """The real symbol behind a name of the user's.

    Raises
    ------
    FormulaError
        If the name cannot be one.

    Examples
    --------
    >>> symbol("beta").is_real
    True
    """
    check_name(name)
    return sympy.Symbol(name, real=True)


def check_name(name: str, what: str = "name") -> None:
    """Refuse what cannot name a variable, sample or constant.

    A name is an ASCII identifier of at most 40 characters; no Python keyword, no function of the language and
    not ``pi``.

    Raises
    ------
    FormulaError
        With the reason.

    Examples
    --------
    >>> check_name("lambda_")
    >>> check_name("lambda")
    Traceback (most recent call last):
    fokkerplanck.formula.FormulaError: name 'lambda': is reserved by Python; take another, such as 'lambda_'
    """
    if not isinstance(name, str):
        raise FormulaError(what, repr(name), 0, f"a text is expected, not {type(name).__name__}")
    if keyword.iskeyword(name):
        raise FormulaError(what, name, 0, f"is reserved by Python; take another, such as {name + '_'!r}")
    if name == "pi" or name in FUNCTIONS:
        raise FormulaError(what, name, 0, "has a meaning of its own in formulas; take another")
    if len(name) > 40 or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise FormulaError(
            what, name, 0, "a name is at most 40 letters a-z, digits and _, and starts with no digit"
        )


def parse(
    formula: Formula,
    names: Iterable[str],
    what: str = "formula",
    where: Mapping[sympy.Symbol, sympy.Expr] | None = None,
) -> sympy.Expr:
    """The sympy expression of a formula.

    Parameters
    ----------
    formula : str, number or sympy.Expr
        An expression is rebuilt with the package's own symbols, matched by name.
    names : iterable of str
        The names it may use.
    what : str
        What to call it in error messages.
    where : mapping of symbol to expression, optional
        Definitions, as :func:`resolve` returns them; their names may be used as well.

    Raises
    ------
    FormulaError
        Where it is no formula: position and reason, and the nearest known name for a misspelt one.

    Examples
    --------
    >>> parse("0.5*x**2 - abs(x)", ["x"])
    x**2/2 - Abs(x)
    >>> parse("2*y", ["x"])
    Traceback (most recent call last):
    fokkerplanck.formula.FormulaError: formula '2*y': at character 3: unknown name 'y'. Known names: x
    """
    meaning = _meaning(names, where)
    if isinstance(formula, str):
        source = Source(formula, what, meaning, region=False)
        return Builder(source, meaning).build(source.tree())
    return _parse_object(formula, meaning, what)


def parse_region(
    region: str | sympy.Basic,
    names: Iterable[str],
    what: str = "region",
    where: Mapping[sympy.Symbol, sympy.Expr] | None = None,
) -> sympy.Expr:
    """The level function of a region: > 0 inside, <= 0 outside.

    ``a < b`` gives ``b - a``, ``and`` Min, ``or`` Max; ``not`` turns the sign inside. ``<`` and ``<=`` are
    the same: an edge has no width. A sympy expression is the level function itself, a relation the region.

    Raises
    ------
    FormulaError
        Where it is no region.

    Examples
    --------
    >>> parse_region("-1 < x < 2", ["x"])
    Min(2 - x, x + 1)
    """
    meaning = _meaning(names, where)
    if isinstance(region, str):
        source = Source(region, what, meaning, region=True)
        return Builder(source, meaning).build(source.tree())
    if isinstance(region, sympy.logic.boolalg.Boolean):
        region = _level(region, what)
    return _parse_object(region, meaning, what)


def parse_number(
    formula: Formula, constants: Mapping[str, float] | None = None, what: str = "number"
) -> float:
    """The value of a number, or of a formula in the constants.

    Raises
    ------
    FormulaError
        Where it is no formula, or its value is not finite.

    Examples
    --------
    >>> parse_number("sigma/sqrt(kappa)", {"sigma": 10.0, "kappa": 4.0})
    5.0
    """
    constants = constants or {}
    expr = parse(formula, constants, what)
    try:
        return evaluate(expr, {symbol(name): float(value) for name, value in constants.items()})
    except Refusal as refusal:
        raise FormulaError(what, str(formula), 0, str(refusal)) from None


def resolve(
    definitions: Mapping[str, Formula], names: Iterable[str], what: str = "where"
) -> dict[sympy.Symbol, sympy.Expr]:
    """Definitions written out until only ``names`` are left; they may use each other in any order.

    Raises
    ------
    FormulaError
        For a circle, a name defined twice, or a definition that is no formula.

    Examples
    --------
    >>> resolve({"a": "b**2", "b": "x + 1"}, ["x"])[symbol("a")]
    (x + 1)**2
    """
    names = list(names)
    for name in definitions:
        check_name(name, what)
        if name in names:
            raise FormulaError(
                what, name, 0, "is already a variable, sample or constant; define another name"
            )
    uses = {
        name: _uses(formula, [*names, *definitions], f"{what}.{name}")
        for name, formula in definitions.items()
    }
    done: dict[sympy.Symbol, sympy.Expr] = {}
    for name in _order(uses, what):
        done[symbol(name)] = parse(definitions[name], names, f"{what}.{name}", done)
    return {symbol(name): done[symbol(name)] for name in definitions}


def _meaning(names: Iterable[str], where: Mapping[sympy.Symbol, sympy.Expr] | None) -> dict[str, sympy.Expr]:
    """What each name stands for."""
    return {
        **{name: symbol(name) for name in names},
        **{key.name: expr for key, expr in (where or {}).items()},
    }


def _parse_object(formula: object, meaning: Mapping[str, sympy.Expr], what: str) -> sympy.Expr:
    """A number or a sympy expression."""
    if isinstance(formula, sympy.Expr):
        return rebuild(formula, meaning, what)
    if isinstance(formula, bool) or not isinstance(formula, Real):
        raise FormulaError(
            what,
            repr(formula),
            0,
            f"a text, a number or a sympy expression is expected, not {type(formula).__name__}",
        )
    value = float(formula)
    if not math.isfinite(value) or abs(value) > LARGEST_NUMBER:
        raise FormulaError(what, repr(formula), 0, f"a finite number up to {LARGEST_NUMBER:.0e} is expected")
    return sympy.Rational(repr(value))


def _level(region: sympy.logic.boolalg.Boolean, what: str) -> sympy.Expr:
    """The level function of a sympy condition."""
    if isinstance(
        region, sympy.StrictLessThan | sympy.LessThan | sympy.StrictGreaterThan | sympy.GreaterThan
    ):
        return region.gts - region.lts
    if isinstance(region, sympy.And | sympy.Or):
        kind = sympy.Min if isinstance(region, sympy.And) else sympy.Max
        return kind(*(_level(part, what) for part in sympy.ordered(region.args)), evaluate=False)
    if isinstance(region, sympy.Not):
        return -_level(region.args[0], what)
    raise FormulaError(what, str(region), 0, "a region needs a comparison with < or > in a variable")


def _uses(formula: Formula, names: Iterable[str], what: str) -> set[str]:
    if isinstance(formula, str):
        return names_used(Source(formula, what, names, region=False).tree())
    return {entry.name for entry in formula.free_symbols} if isinstance(formula, sympy.Expr) else set()


def _order(uses: Mapping[str, set[str]], what: str) -> list[str]:
    """Definitions, those first that others use."""
    order: list[str] = []

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            circle = " -> ".join((*path[path.index(name) :], name))
            raise FormulaError(what, name, 0, f"the definitions go in a circle: {circle}")
        if name in uses and name not in order:
            for used in sorted(uses[name]):
                visit(used, (*path, name))
            order.append(name)

    for name in uses:
        visit(name, ())
    return order
