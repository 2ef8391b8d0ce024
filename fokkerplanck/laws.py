"""The laws that sample variables may have, and their moments."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.formula import Formula


@dataclass(frozen=True)
class Normal:
    """Normal law; ``std`` is the standard deviation of ONE sample (0 is allowed).

    >>> Normal(0, "sigma/sqrt(kappa)")
    Normal(mean=0, std='sigma/sqrt(kappa)')
    """

    mean: Formula
    std: Formula


@dataclass(frozen=True)
class Rademacher:
    """+1 or -1 with probability 1/2 each.

    >>> Rademacher()
    Rademacher()
    """


@dataclass(frozen=True)
class Uniform:
    """Uniform law on (``low``, ``high``).

    >>> Uniform(-1, 1)
    Uniform(low=-1, high=1)
    """

    low: Formula
    high: Formula


class Data:
    """A finite data set: a row a sample, a column a name; drawn uniformly.

    >>> Data([[1.0, 2.0], [3.0, 4.0]])
    Data(2 rows, 2 columns)
    """

    def __init__(self, array: ArrayLike) -> None:
        try:
            rows = np.array(array, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(f"Data: expected a table of numbers, a row a sample; {error}") from None
        if rows.ndim == 1:
            rows = rows[:, None]
        if rows.ndim != 2 or rows.size == 0:
            raise ValueError(
                f"Data: expected an array (rows, columns) that is not empty, got shape {rows.shape}"
            )
        if not np.isfinite(rows).all():
            bad = int(np.flatnonzero(~np.isfinite(rows).all(axis=1))[0])
            raise ValueError(f"Data: row {bad} is not finite; remove or repair such rows first")
        rows = np.ascontiguousarray(rows)
        rows.flags.writeable = False
        self.rows: NDArray[np.float64] = rows

    def __repr__(self) -> str:
        return f"Data({self.rows.shape[0]} rows, {self.rows.shape[1]} columns)"


Law = Normal | Rademacher | Uniform | Data


def law_moment(law: Law, parameters: Sequence[Any], power: int) -> Any:
    """E[s**power] of a law that is not Data, as a formula in its parameters."""
    if power == 0:
        return sympy.S.One
    if isinstance(law, Rademacher):
        return sympy.Integer((power + 1) % 2)
    first, second = parameters
    if isinstance(law, Uniform):
        return sum(first**j * second ** (power - j) for j in range(power + 1)) / sympy.Integer(power + 1)
    return sum(
        math.comb(power, j) * sympy.factorial2(j - 1) * first ** (power - j) * second**j
        for j in range(0, power + 1, 2)
    )


def named_laws(samples: Mapping[str | tuple[str, ...], Law]) -> dict[str, tuple[Law, int]]:
    """name -> (law, column); column 0 unless it is a data set's."""
    laws: dict[str, tuple[Law, int]] = {}
    data = 0
    for key, law in samples.items():
        names = (key,) if isinstance(key, str) else tuple(key)
        shown = names[0] if len(names) == 1 else names
        if not isinstance(law, Law):
            raise ValueError(
                f"samples: {shown} has the law {law!r}; expected Normal(mean, std), Rademacher(), "
                "Uniform(low, high) "
                "or Data(array)"
            )
        if isinstance(law, Data):
            data += 1
            if law.rows.shape[1] != len(names):
                raise ValueError(
                    f"samples: {len(names)} name(s) {', '.join(names)} for {law}; expected a name for each "
                    "column"
                )
        elif len(names) != 1:
            raise ValueError(
                f"samples: several names {names} are for Data only; give each name its own {law}"
            )
        for column, name in enumerate(names):
            if name in laws:
                raise ValueError(f"samples: the name {name} occurs twice; choose another")
            laws[name] = (law, column)
    if data > 1:
        raise ValueError(f"samples: got {data} data sets; put all columns into one Data, a row a sample")
    return laws


def check_laws(
    laws: Mapping[Any, Law], parameters: Mapping[Any, Sequence[Any]], values: Mapping[Any, float]
) -> None:
    """Standard deviations >= 0 and intervals that are ones, at given values of the constants."""
    for s, law in laws.items():
        at = [p.subs(values) for p in parameters[s]]
        numbers = [float(p) if p.is_real else math.nan for p in at]
        if not all(map(math.isfinite, numbers)):
            raise ValueError(f"samples: {s} ~ {law} has parameters {numbers}; expected finite real numbers")
        if isinstance(law, Normal) and numbers[1] < 0:
            raise ValueError(f"samples: the standard deviation of {s} is {numbers[1]:g}; expected 0 or more")
        if isinstance(law, Uniform) and numbers[0] > numbers[1]:
            raise ValueError(
                f"samples: the interval of {s} runs from {numbers[0]:g} down to {numbers[1]:g}; "
                "expected low <= high"
            )
