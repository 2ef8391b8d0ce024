"""Learning-rate schedules: a number, an array, or a function of the step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

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
        return f"Schedule({getattr(self.lr, '__name__', 'callable')})"

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
