"""Step programs: what one step of a path or of a chain is, as formulas. They know no Loss."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import sympy

from fokkerplanck.formula import LEARNING_RATE, MOMENTUM, WEIGHT_DECAY

Kind = Literal["normal", "rademacher", "uniform", "data"]
Sampling = Literal["iid", "without-replacement", "epoch", "given"]
_PARAMETERS = {"normal": 2, "rademacher": 0, "uniform": 2, "data": 0}
_SAMPLINGS = ("iid", "without-replacement", "epoch", "given")


@dataclass(frozen=True)
class Draw:
    """Symbols drawn anew for every sample, each by itself (data: together, a row a sample).

    ``parameters``: normal (mean, std), uniform (low, high), rademacher and data none.
    """

    symbols: tuple[sympy.Symbol, ...]
    kind: Kind
    parameters: tuple[sympy.Expr, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in _PARAMETERS:
            raise ValueError(f"kind is {self.kind!r}, expected one of {', '.join(_PARAMETERS)}")
        if len(self.parameters) != _PARAMETERS[self.kind]:
            expected = _PARAMETERS[self.kind]
            raise ValueError(f"parameters of a {self.kind} draw are {self.parameters}, expected {expected}")
        object.__setattr__(self, "symbols", tuple(self.symbols))
        object.__setattr__(self, "parameters", tuple(sympy.sympify(p) for p in self.parameters))


@dataclass(frozen=True)
class PathProgram:
    """Paths of dX = b dt + sqrt(2 D) dW (Ito), with `diffusion` D; inside the region while `level` > 0.

    Expressions may hold the state, the parameters and the learning rate (then runs need ``rates``).
    """

    state: tuple[sympy.Symbol, ...]
    drift: tuple[sympy.Expr, ...]
    diffusion: sympy.ImmutableMatrix
    parameters: tuple[sympy.Symbol, ...] = ()
    level: sympy.Expr | None = None
    scheduled: bool = field(init=False)  # whether a step needs to know the learning rate

    def __post_init__(self) -> None:
        d = len(self.state)
        object.__setattr__(self, "state", tuple(self.state))
        object.__setattr__(self, "drift", tuple(sympy.sympify(b) for b in self.drift))
        object.__setattr__(self, "diffusion", sympy.ImmutableMatrix(self.diffusion))
        object.__setattr__(self, "parameters", tuple(self.parameters))
        if len(self.drift) != d or self.diffusion.shape != (d, d) or d == 0:
            raise ValueError(
                f"drift has {len(self.drift)} entries and diffusion the shape {self.diffusion.shape}, "
                f"expected {d} and {(d, d)} for the variables {self.state}"
            )
        expressions = (*self.drift, *self.diffusion)
        rated = LEARNING_RATE not in self.parameters and any(e.has(LEARNING_RATE) for e in expressions)
        object.__setattr__(self, "scheduled", rated)
        known = {*self.state, *self.parameters, *([LEARNING_RATE] if rated else [])}
        _check_symbols((*expressions, *_level(self.level)), known)

    def where_zero(self, values: Iterable[float]) -> PathProgram:
        """The program with parameters that are 0 put in: noise that is switched off may leave D constant."""
        zero = {p: 0 for p, v in zip(self.parameters, values, strict=True) if v == 0}
        if not zero:
            return self
        return replace(
            self, drift=tuple(b.subs(zero) for b in self.drift), diffusion=self.diffusion.subs(zero)
        )


@dataclass(frozen=True)
class ChainProgram:
    """Chains x <- x - lr * g, g the mean over a mini-batch of `gradient`, the gradient of one sample.

    ``affine``: the gradient is affine in all draw symbols together, so that it can be evaluated once,
    at the batch means, whose law is drawn exactly.

    ``momentum`` m: a buffer b <- m * b + g is carried, and g is replaced by b, or with ``nesterov`` by
    g + m * b. ``sampling="given"``: the rows of every mini-batch are given to the run.
    """

    state: tuple[sympy.Symbol, ...]
    gradient: tuple[sympy.Expr, ...]
    draws: tuple[Draw, ...]
    affine: bool
    parameters: tuple[sympy.Symbol, ...] = ()
    sampling: Sampling = "iid"
    level: sympy.Expr | None = None
    momentum: sympy.Expr | None = None
    nesterov: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "state", tuple(self.state))
        object.__setattr__(self, "gradient", tuple(sympy.sympify(g) for g in self.gradient))
        object.__setattr__(self, "draws", tuple(self.draws))
        object.__setattr__(self, "parameters", tuple(self.parameters))
        if len(self.gradient) != len(self.state) or not self.state:
            expected = f"expected {len(self.state)}, one a variable"
            raise ValueError(f"gradient has {len(self.gradient)} entries, {expected}")
        if self.sampling not in _SAMPLINGS:
            raise ValueError(f"sampling is {self.sampling!r}, expected one of {', '.join(_SAMPLINGS)}")
        data = [d for d in self.draws if d.kind == "data"]
        if len(data) > 1:
            raise ValueError("draws hold several data sets, expected one: join their columns")
        if self.sampling != "iid" and not data:
            raise ValueError(f"sampling is {self.sampling!r} without data: give a data set or use 'iid'")
        known = {*self.state, *self.parameters}
        _check_symbols(tuple(p for d in self.draws for p in d.parameters), set(self.parameters))
        _check_symbols(_level(self.momentum), set(self.parameters))
        _check_symbols(_level(self.level), known)
        _check_symbols(self.gradient, known | {s for d in self.draws for s in d.symbols})

    @property
    def columns(self) -> int:
        """Number of columns of the data set, 0 without one."""
        return sum(len(d.symbols) for d in self.draws if d.kind == "data")


@dataclass(frozen=True)
class CompiledProgram:
    """Chains as of a `ChainProgram` of data rows whose gradient is a compiled function (theta, row, out).

    The parameters of a run are the momentum and the weight decay; ``momentum`` says whether there is one.
    """

    state: tuple[sympy.Symbol, ...]
    function: Any
    columns: int
    sampling: Sampling = "iid"
    level: sympy.Expr | None = None
    momentum: sympy.Expr | None = None
    nesterov: bool = False

    @property
    def parameters(self) -> tuple[sympy.Symbol, ...]:
        """What the values of a run stand for."""
        return (MOMENTUM, WEIGHT_DECAY)


def _level(level: sympy.Expr | None) -> tuple[sympy.Expr, ...]:
    return () if level is None else (level,)


def _check_symbols(expressions: tuple[sympy.Expr, ...], known: set[sympy.Symbol]) -> None:
    unknown = set().union(*(e.free_symbols for e in expressions)) - known
    if unknown:
        names, expected = (", ".join(sorted(map(str, symbols))) for symbols in (unknown, known))
        raise ValueError(f"the step holds {names}, expected only {expected}: declare it")
