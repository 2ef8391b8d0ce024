"""From text to a checked syntax tree.

A whitelist three times over: of characters and words (the scan), of Python's syntax nodes, and of the
operations (:mod:`fokkerplanck._algebra`). The text is never evaluated or compiled.
"""

from __future__ import annotations

import ast
import difflib
import keyword
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping

import sympy

from fokkerplanck._algebra import FUNCTIONS, LARGEST_NUMBER, MOST_CHOICES

LONGEST = 4_000  # characters
MOST_TOKENS = 1_000
DEEPEST = 40  # parentheses, or nested operations
MOST_DIGITS = 40

_TOKEN = re.compile(
    r"(?P<space>[ \t\r\n]+)|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<sign>\*\*|<=|>=|==|!=|[-+*/(),<>])"
)
_LOGIC = ("and", "or", "not")
_HINTS = {
    "=": "a formula assigns nothing; comparisons are <= and >=",
    ":": "a formula assigns nothing",
    **dict.fromkeys("[]{}", "use ( )"),
    "^": "write ** for a power",
    "&": "write and",
    "|": "write or, or abs(...)",
    "~": "write not",
    "%": "there is no remainder",
}
_OTHER_NAMES = {"ln": "log", "e": "exp(1)", "fabs": "abs", "pow": "**", "power": "**", "Pi": "pi", "PI": "pi"}


class FormulaError(ValueError):
    """A text that is no formula of the language: the message says where and why.

    ``position`` counts characters from 1; 0 for a sympy expression, which has none.
    """

    def __init__(self, what: str, text: str, position: int, reason: str) -> None:
        shown = text if len(text) <= 60 else text[:57] + "..."
        where = f" at character {position}:" if position else ""
        super().__init__(f"{what} {shown!a}:{where} {reason}")
        self.what, self.text, self.position, self.reason = what, text, position, reason

    def __reduce__(self) -> tuple[type, tuple[str, str, int, str]]:
        return type(self), (self.what, self.text, self.position, self.reason)


FormulaError.__module__ = "fokkerplanck.formula"  # where users find it


def number_at(text: str, position: int) -> sympy.Rational:
    """The number that starts there, exactly."""
    match = _TOKEN.match(text, position)
    return sympy.Rational(match.group() if match else "0")


def nearest(name: str, known: Iterable[str], synonyms: Mapping[str, str] | None = None) -> str:
    """``; did you mean 'lam'?`` for a misspelt name or a known synonym, or nothing."""
    if synonyms and name in synonyms:
        return f"; did you mean {synonyms[name]!r}?"
    known = list(known)
    lowered = {entry.lower(): entry for entry in reversed(known)}
    close = difflib.get_close_matches(name, known, 1, 0.5) or difflib.get_close_matches(
        name.lower(), lowered, 1, 0.5
    )
    return f"; did you mean {lowered.get(close[0], close[0])!r}?" if close else ""


class Source:
    """One text with the names it may use; every refusal is raised through :meth:`error`."""

    def __init__(self, text: str, what: str, names: Iterable[str], region: bool) -> None:
        self.text, self.what, self.region = text, what, region
        self.names = list(dict.fromkeys(names))

    def error(self, position: int, reason: str) -> FormulaError:
        """The error at a 0-based position."""
        return FormulaError(self.what, self.text, min(position, max(len(self.text) - 1, 0)) + 1, reason)

    def tree(self) -> ast.expr:
        """The checked syntax tree."""
        self._scan()
        line = re.sub(r"[\t\r\n]", " ", self.text)  # one line, the same columns
        start = len(line) - len(line.lstrip())
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(line[start:], mode="eval").body
        except SyntaxError as error:
            raise self.error(
                start + max((error.offset or 1) - 1, 0), "this cannot be read as a formula"
            ) from None
        except (ValueError, MemoryError, RecursionError, OverflowError):
            raise self.error(0, "it is nested too deeply") from None
        self._check_nodes(tree, start)
        return tree

    def _scan(self) -> None:
        """Length, characters, numbers, words and parentheses."""
        if len(self.text) > LONGEST:
            raise self.error(LONGEST, f"it is longer than {LONGEST} characters")
        opened: list[int] = []
        before: re.Match[str] | None = None
        count = 0
        for count, match in enumerate(self._tokens(), 1):
            at, token = match.start(), match.group()
            if count > MOST_TOKENS:
                raise self.error(at, f"it has more than {MOST_TOKENS} names, numbers and signs")
            if match["number"]:
                self._check_number(at, token)
            if match["name"]:
                self._check_word(at, token)
            if (
                before
                and _is_operand(before)
                and _is_operand(match)
                and not {before.group(), token} & {*_LOGIC}
            ):
                raise self.error(
                    at, f"write * between {_clip(before.group())} and {_clip(token)} for a product"
                )
            if token == "(":
                opened.append(at)
                if len(opened) > DEEPEST:
                    raise self.error(at, f"more than {DEEPEST} parentheses inside one another")
            elif token == ")":
                if not opened:
                    raise self.error(at, "this parenthesis was never opened")
                opened.pop()
            before = match
        if not count:
            raise self.error(0, "it is empty")
        if before and (before["sign"] not in (None, ")") or before.group() in _LOGIC):
            raise self.error(before.start(), f"something is missing after {before.group()!r}")
        if opened:
            raise self.error(opened[-1], "this parenthesis is never closed")

    def _tokens(self) -> Iterator[re.Match[str]]:
        """Numbers, names and signs, one after the other."""
        at = 0
        while at < len(self.text):
            match = _TOKEN.match(self.text, at)
            if match is None:
                raise self.error(at, _bad_character(self.text[at]))
            if not match["space"]:
                yield match
            at = match.end()

    def _check_number(self, at: int, token: str) -> None:
        if len(token) > MOST_DIGITS:
            raise self.error(at, f"a number with more than {MOST_DIGITS} digits")
        size = abs(float(token))
        if (
            size > LARGEST_NUMBER
            or 0 < size < 1 / LARGEST_NUMBER
            or (size == 0 and token.lower().split("e")[0].strip("0."))
        ):
            raise self.error(at, f"a number beyond {1 / LARGEST_NUMBER:.0e} to {LARGEST_NUMBER:.0e}")

    def _check_word(self, at: int, word: str) -> None:
        if word in _LOGIC:
            if not self.region:
                raise self.error(at, f"{word!r} belongs to regions, not to formulas")
        elif keyword.iskeyword(word):
            raise self.error(at, f"the word {word!r} is reserved by Python; use another name")

    def _check_nodes(self, tree: ast.expr, start: int) -> None:
        """Node types and depth; a chain a + b + c counts as one level."""
        stack: list[tuple[ast.AST, int]] = [(tree, 1)]
        while stack:
            node, depth = stack.pop()
            if isinstance(node, ast.expr):
                node.col_offset += start
                if depth > DEEPEST:
                    raise self.error(node.col_offset, f"more than {DEEPEST} operations inside one another")
            if isinstance(node, ast.Name):
                self._check_name(node)
            elif isinstance(node, ast.Call):
                self._check_call(node)
                stack.extend((argument, depth + 1) for argument in node.args)
            elif isinstance(node, ast.BinOp):
                stack += [(node.left, depth + (not _same_chain(node, node.left))), (node.right, depth + 1)]
            elif isinstance(node, ast.UnaryOp):
                stack.append((node.operand, depth + 1))
            elif isinstance(node, ast.BoolOp) and self.region:
                stack.extend((value, depth + 1) for value in node.values)
            elif isinstance(node, ast.Compare):
                self._check_compare(node)
                stack.extend((value, depth + 1) for value in (node.left, *node.comparators))
            elif not isinstance(node, ast.Constant):
                raise self.error(getattr(node, "col_offset", 0), "only one expression is expected here")

    def _check_name(self, node: ast.Name) -> None:
        name = node.id
        if name in self.names or name == "pi":
            return
        if name in FUNCTIONS:
            raise self.error(node.col_offset, f"{name!r} is a function: write {name}(...)")
        known = ", ".join(self.names[:20]) + (", ..." if len(self.names) > 20 else "")
        hint = nearest(name, [*self.names, "pi"], _OTHER_NAMES)
        raise self.error(
            node.col_offset, f"unknown name {_clip(name)!r}{hint or '.'} Known names: {known or 'none'}"
        )

    def _check_call(self, node: ast.Call) -> None:
        at = node.col_offset
        if not isinstance(node.func, ast.Name):
            raise self.error(at, "write * for a product")
        name = node.func.id
        if name not in FUNCTIONS:
            if name in self.names or name == "pi":
                raise self.error(at, f"{name!r} is not a function; write {name}*(...) for a product")
            hint = nearest(name, FUNCTIONS, _OTHER_NAMES) or "."
            raise self.error(
                at, f"unknown function {_clip(name)!r}{hint} Known functions: {', '.join(FUNCTIONS)}"
            )
        if node.keywords or any(isinstance(argument, ast.Starred) for argument in node.args):
            raise self.error(at, f"{name}(...) takes plain arguments only")
        least, most = (2, MOST_CHOICES) if name in ("min", "max") else (1, 1)
        if not least <= len(node.args) <= most:
            wanted = f"{least} to {most} arguments" if most > 1 else "one argument"
            raise self.error(at, f"{name}(...) takes {wanted}, not {len(node.args)}")

    def _check_compare(self, node: ast.Compare) -> None:
        if not self.region:
            raise self.error(node.col_offset, "a comparison belongs to regions, not to formulas")
        if any(isinstance(operator, ast.Eq | ast.NotEq) for operator in node.ops):
            raise self.error(
                node.col_offset, "== and != do not bound a region, whose edge has no width; use < or >"
            )


def _bad_character(character: str) -> str:
    if not character.isascii():
        return f"the character {character!a} is not ASCII"
    hint = f"; {_HINTS[character]}" if character in _HINTS else ""
    return f"the character {character!a} is not part of the language{hint}"


def _is_operand(match: re.Match[str]) -> bool:
    return bool(match["number"] or match["name"])


def _clip(name: str) -> str:
    return name if len(name) <= 40 else name[:37] + "..."


def _same_chain(node: ast.BinOp, left: ast.expr) -> bool:
    if not isinstance(left, ast.BinOp):
        return False
    sums, products = (ast.Add, ast.Sub), (ast.Mult, ast.Div)
    return any(isinstance(node.op, kind) and isinstance(left.op, kind) for kind in (sums, products))
