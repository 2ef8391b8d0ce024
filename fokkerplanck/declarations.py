"""The names that a loss declares: allowed, different, and abbreviations resolved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fokkerplanck import formula
from fokkerplanck.formula import Formula, symbol

KINDS = ("variables", "samples", "where", "constants")


def check_names(*groups: Iterable[str]) -> None:
    """Names, a group for each of `KINDS`, are allowed and no two groups share one."""
    seen: dict[str, str] = {}
    for kind, names in zip(KINDS, groups, strict=True):
        for name in names:
            formula.check_name(name, kind)
            if name in seen:
                what = f"twice in {kind}" if seen[name] == kind else f"in {seen[name]} and in {kind}"
                raise ValueError(f"{kind}: the name {name} stands {what}; give one of them another name")
            seen[name] = kind


def read_numbers(constants: Mapping[str, float | str], known: Mapping[str, float]) -> dict[str, float]:
    """The known constants and further ones, each a number or a formula in those before it."""
    numbers = dict(known)
    for name, value in constants.items():
        numbers[name] = formula.parse_number(value, dict(numbers), what=f"constant {name}")
    return numbers


def read_definitions(
    where: Mapping[str, Formula], names: Sequence[str], samples: Iterable[str]
) -> dict[Any, Any]:
    """`where` resolved to variables and constants."""
    resolved = formula.resolve(where, [*names, *samples], "where")
    sampled = {symbol(s) for s in samples}
    for name, expr in resolved.items():
        held = sampled.intersection(expr.free_symbols)
        if held:
            raise ValueError(
                f"where: {name} holds the sample variable {min(map(str, held))}; where is for variables "
                "and constants, write what varies from sample to sample into the formula itself"
            )
    return resolved
