"""From a checked syntax tree, or a foreign sympy expression, to an expression of the language."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import NoReturn

import sympy

from fokkerplanck._algebra import FUNCTIONS, UNARY, Algebra, Refusal, has_symbol
from fokkerplanck._parse import FormulaError, Source, nearest, number_at

LARGEST_TREE = 5_000  # nodes of a formula with its definitions written out

_NAMES = {**{function: name for name, function in UNARY.items() if name != "sqrt"}, sympy.Abs: "abs"}
_MAY_BE_TAKEN_AS_THEY_ARE = (sympy.sign, sympy.Heaviside)


def names_used(tree: ast.expr) -> set[str]:
    """The names in a checked tree, without functions and pi."""
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - {*FUNCTIONS, "pi"}


class Builder:
    """Builds one checked text with the meaning of each name in ``meaning``."""

    def __init__(self, source: Source, meaning: Mapping[str, sympy.Expr]) -> None:
        self.source, self.meaning, self.nodes = source, meaning, 0
        self.algebra = Algebra()

    def build(self, tree: ast.expr) -> sympy.Expr:
        """The formula, or the level function of the region."""
        definitions = [
            self.meaning[name] for name in sorted(names_used(tree)) if not self.meaning[name].is_Symbol
        ]
        try:
            self.algebra = Algebra(definitions)
        except Refusal as refusal:
            self._refuse(tree, refusal)
        if not self.source.region:
            return self.value(tree)
        level = self.level(tree, inside=True)
        if not has_symbol(level):
            self._refuse(tree, "this is the same everywhere: a region needs a variable")
        return level

    def value(self, node: ast.expr) -> sympy.Expr:
        """The expression of an arithmetic node."""
        match node:
            case ast.Constant():
                return number_at(self.source.text, node.col_offset)
            case ast.Name(id="pi"):
                return sympy.pi
            case ast.Name(id=name):
                return self._named(node, name)
            case ast.Call(func=ast.Name(id=name), args=arguments):
                values = [self.value(argument) for argument in arguments]
                return self._try(node, lambda: self.algebra.call(name, values))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                value = self.value(operand)
                return self._try(node, lambda: self.algebra.multiply([sympy.Integer(-1), value]))
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.value(operand)
            case ast.BinOp(op=ast.Pow()):
                base, exponent = self.value(node.left), self.value(node.right)
                return self._try(node.right, lambda: self.algebra.power(base, exponent))
            case ast.BinOp(op=ast.Add() | ast.Sub()):
                return self._sum(node)
            case ast.BinOp(op=ast.Mult() | ast.Div()):
                return self._product(node)
        self._refuse(node, "a comparison has no value that could be used here")

    def level(self, node: ast.expr, inside: bool) -> sympy.Expr:
        """The level function of a region, > 0 where the node is true (or false, if not ``inside``)."""
        match node:
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return self.level(operand, not inside)
            case ast.BoolOp(op=operator, values=values):
                levels = [self.level(value, inside) for value in values]
                return self._join(node, levels, isinstance(operator, ast.And) == inside)
            case ast.Compare(left=left, ops=operators, comparators=comparators):
                return self._comparison(node, [left, *comparators], operators, inside)
        self._refuse(node, "a region needs a comparison, such as x < 1")

    def _comparison(
        self, node: ast.expr, sides: list[ast.expr], operators: list[ast.cmpop], inside: bool
    ) -> sympy.Expr:
        values = [self.value(side) for side in sides]
        levels = []
        for left, right, operator in zip(values[:-1], values[1:], operators, strict=True):
            rises = isinstance(operator, ast.Lt | ast.LtE) == inside
            high, low = (right, left) if rises else (left, right)
            levels.append(self._try(node, lambda high=high, low=low: self.algebra.add([high, -low])))
        return self._join(node, levels, inside)

    def _join(self, node: ast.expr, levels: Sequence[sympy.Expr], every: bool) -> sympy.Expr:
        kind = sympy.Min if every else sympy.Max
        return levels[0] if len(levels) == 1 else self._try(node, lambda: self.algebra.extremum(kind, levels))

    def _named(self, node: ast.expr, name: str) -> sympy.Expr:
        meaning = self.meaning[name]
        if not meaning.is_Symbol:
            self.nodes += tree_size(meaning)
            if self.nodes > LARGEST_TREE:
                self._refuse(node, f"with its definitions written out it has more than {LARGEST_TREE} parts")
        return meaning

    def _sum(self, node: ast.expr) -> sympy.Expr:
        terms: list[sympy.Expr] = []
        first = node
        while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
            value = self.value(node.right)
            terms.append(-value if isinstance(node.op, ast.Sub) else value)
            node = node.left
        terms.append(self.value(node))
        return self._try(first, lambda: self.algebra.add(terms[::-1]))

    def _product(self, node: ast.expr) -> sympy.Expr:
        factors: list[sympy.Expr] = []
        first = node
        while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div):
            value = self.value(node.right)
            if isinstance(node.op, ast.Div):
                value = self._try(node.right, lambda value=value: self.algebra.inverse(value))
            factors.append(value)
            node = node.left
        factors.append(self.value(node))
        return self._try(first, lambda: self.algebra.multiply(factors[::-1]))

    def _try(self, node: ast.expr, step: object) -> sympy.Expr:
        try:
            return step()  # type: ignore[operator]
        except Refusal as refusal:
            self._refuse(node, refusal)

    def _refuse(self, node: ast.expr, reason: object) -> NoReturn:
        raise self.source.error(node.col_offset, str(reason)) from None


def tree_size(expr: sympy.Basic) -> int:
    """Number of nodes, repeated ones counted again; stops counting above the limit."""
    count, stack = 0, [expr]
    while stack and count <= LARGEST_TREE:
        node = stack.pop()
        count += 1
        stack.extend(node.args)
    return count


def rebuild(expr: sympy.Expr, meaning: Mapping[str, sympy.Expr], what: str) -> sympy.Expr:
    """A sympy expression from outside, node by node through the same algebra as a text."""
    try:
        if tree_size(expr) > LARGEST_TREE:
            raise Refusal(f"it has more than {LARGEST_TREE} parts")
        return _rebuild(expr, meaning, Algebra())
    except Refusal as refusal:
        raise FormulaError(what, str(expr)[:200], 0, str(refusal)) from None


def _rebuild(expr: sympy.Expr, meaning: Mapping[str, sympy.Expr], algebra: Algebra) -> sympy.Expr:
    if expr.is_Symbol:
        if expr.name not in meaning:
            hint = nearest(expr.name, meaning) or "."
            raise Refusal(f"unknown name {expr.name!r}{hint} Known names: {', '.join(meaning)}")
        return meaning[expr.name]
    if expr.is_Float:
        return sympy.Rational(str(float(expr)))
    if expr.is_Rational or expr in (sympy.pi, sympy.E):
        return expr
    arguments = [_rebuild(argument, meaning, algebra) for argument in expr.args]
    if expr.is_Add:
        return algebra.add(arguments)
    if expr.is_Mul:
        return algebra.multiply(arguments)
    if expr.is_Pow:
        return algebra.power(*arguments)
    if isinstance(expr, sympy.Min | sympy.Max):
        return algebra.extremum(expr.func, arguments)
    if expr.func in _NAMES and len(arguments) == 1:
        return algebra.call(_NAMES[expr.func], arguments)
    if isinstance(expr, _MAY_BE_TAKEN_AS_THEY_ARE):
        return expr.func(*arguments)
    raise Refusal(
        f"{expr.func.__name__} is not part of the language; it knows + - * / ** and {', '.join(FUNCTIONS)}"
    )
