"""Learning-rate schedules: a number, an array, or a function of the step, such as `step` and `cosine`."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.grid import is_whole

Rate = float | ArrayLike | Callable[[int], float]


@dataclass(frozen=True, eq=False)
class Schedule:
    """A learning rate a step, all finite and > 0; step k (from 0) uses rate k.

    Parameters
    ----------
    lr : float, array (steps,) or callable of the step
        A callable takes the step as an int and returns a number.

    Raises
    ------
    ValueError
        A rate that is not finite or not > 0; more steps asked for than an array holds.

    Examples
    --------
    >>> Schedule(lambda k: 0.1 / (1 + k)).rates(3)
    array([0.1       , 0.05      , 0.03333333])
    >>> Schedule([0.2, 0.1]).times(2)
    array([0.2, 0.3])
    """

    lr: Rate

    def __post_init__(self) -> None:
        if not callable(self.lr):
            try:
                values = np.array(self.lr, dtype=np.float64)
            except (TypeError, ValueError):
                raise ValueError(
                    f"lr: got {self.lr!r}; expected a number > 0, an array of them, or a function of the step"
                ) from None
            if values.ndim > 1 or values.size == 0:
                raise ValueError(
                    f"lr: got an array of shape {values.shape}; expected a number or one rate a step"
                )
            values.flags.writeable = False
            object.__setattr__(self, "lr", float(values) if values.ndim == 0 else values)
        self.rates(1)  # a wrong constant or array is refused here, not at the first run
        if isinstance(self.lr, np.ndarray):
            self.rates(len(self.lr))

    def __repr__(self) -> str:
        if isinstance(self.lr, float):
            return f"Schedule({self.lr:g})"
        if isinstance(self.lr, np.ndarray):
            return f"Schedule({len(self.lr)} rates, {self.lr[0]:g} to {self.lr[-1]:g})"
        return f"Schedule({getattr(self.lr, '__name__', None) or self.lr!r})"

    @property
    def is_constant(self) -> bool:
        """Whether every step has the same rate (a callable never counts as constant)."""
        if isinstance(self.lr, np.ndarray):
            return bool(np.all(self.lr == self.lr[0]))
        return isinstance(self.lr, float)

    @property
    def constant(self) -> float:
        """The rate, where it is one; else ValueError."""
        if isinstance(self.lr, float):
            return self.lr
        if isinstance(self.lr, np.ndarray) and self.is_constant:
            return float(self.lr[0])
        raise ValueError(
            f"lr: {self!r} changes from step to step, and this quantity is defined for one rate; give SGD "
            "a number as lr"
        )

    @property
    def steps(self) -> int | None:
        """How many steps there are rates for; None if any number."""
        return len(self.lr) if isinstance(self.lr, np.ndarray) and not self.is_constant else None

    def rates(self, steps: int, first_step: int = 0) -> NDArray[np.float64]:
        """The rates of `steps` steps from `first_step` on, (steps,)."""
        if steps < 0 or first_step < 0:
            raise ValueError(f"steps: got {steps} from step {first_step}; expected numbers >= 0")
        if callable(self.lr):
            rates = np.array([self.lr(k) for k in range(first_step, first_step + steps)], dtype=np.float64)
        elif self.is_constant:
            rates = np.full(steps, np.ravel(self.lr)[0], dtype=np.float64)
        else:
            rates = np.ravel(self.lr)[first_step : first_step + steps].astype(np.float64)
            if len(rates) < steps:
                raise ValueError(
                    f"lr: the array holds {np.size(self.lr)} rates and step {first_step + steps} was asked "
                    "for; "
                    "give as many rates as steps, or a function of the step"
                )
        bad = np.flatnonzero(~(np.isfinite(rates) & (rates > 0)))
        if bad.size:
            at = "" if isinstance(self.lr, float) else f" at step {first_step + int(bad[0])}"
            raise ValueError(f"lr: got {rates[bad[0]]:g}{at}; expected a finite rate > 0")
        return rates

    def times(self, steps: int) -> NDArray[np.float64]:
        """Time after each step, the sum of the rates up to it, (steps,)."""
        return np.cumsum(self.rates(steps))


@dataclass(frozen=True)
class Steps:
    """A rate multiplied by a factor at some steps; see `step`."""

    lr: float
    at: int | tuple[int, ...]
    factor: float

    def __call__(self, k: int) -> float:
        falls = k // self.at if isinstance(self.at, int) else bisect_right(self.at, k)
        return self.lr * self.factor**falls


@dataclass(frozen=True)
class Cosine:
    """A rate that falls along half a cosine; see `cosine`."""

    lr: float
    steps: int
    final: float

    def __call__(self, k: int) -> float:
        done = min(k / self.steps, 1.0)
        return self.final + (self.lr - self.final) * (1 + math.cos(math.pi * done)) / 2


def step(lr: float, at: int | Iterable[int], factor: float = 0.1) -> Steps:
    """A learning rate that is multiplied by a factor after every `at` steps, or at the given steps.

    Parameters
    ----------
    lr : float
        Rate of the first steps.
    at : int or increasing sequence of int
        A number of steps after which, again and again, or the steps (from 0) that are the first with a new
        rate.
    factor : float
        > 0.

    Examples
    --------
    >>> Schedule(step(0.8, at=2, factor=0.5)).rates(5)
    array([0.8, 0.8, 0.4, 0.4, 0.2])
    >>> Schedule(step(0.8, at=[1, 4], factor=0.5)).rates(5)
    array([0.8, 0.4, 0.4, 0.4, 0.2])
    """
    listed = tuple(at) if isinstance(at, Iterable) else (at,)
    if not all(is_whole(k, 1) for k in listed) or list(listed) != sorted(set(listed)):
        raise ValueError(f"at is {at!r}: give a whole number of steps, at least 1, or steps that increase")
    _check_positive(lr=lr, factor=factor)
    places = tuple(int(k) for k in listed)
    return Steps(float(lr), places if isinstance(at, Iterable) else places[0], float(factor))


def cosine(lr: float, steps: int, final: float = 0.0) -> Cosine:
    r"""A learning rate that falls from `lr` to `final` over a number of steps, along half a cosine.

    Step k has :math:`\eta_f + (\eta - \eta_f)(1 + \cos(\pi k/n))/2`; from step n on it stays at `final`,
    which then must be > 0.

    Examples
    --------
    >>> Schedule(cosine(0.4, steps=4)).rates(4).round(4)
    array([0.4   , 0.3414, 0.2   , 0.0586])
    """
    if not is_whole(steps, 1):
        raise ValueError(f"steps is {steps!r}: give a whole number of steps, at least 1")
    _check_positive(lr=lr)
    if not 0 <= final < math.inf:
        raise ValueError(f"final is {final!r}: give a finite rate, at least 0")
    return Cosine(float(lr), int(steps), float(final))


def _check_positive(**numbers: float) -> None:
    for name, value in numbers.items():
        if isinstance(value, bool | str) or not 0 < value < math.inf:
            raise ValueError(f"{name} is {value!r}: give a finite number > 0")
