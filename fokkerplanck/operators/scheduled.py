"""The Fokker–Planck generator of an SDE whose coefficients follow a learning-rate schedule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from fokkerplanck.grid import Grid
from fokkerplanck.operators.checks import Coefficients
from fokkerplanck.operators.generator import Generator
from fokkerplanck.solvers import evolution
from fokkerplanck.solvers.magnus import Control

Array = NDArray[np.float64]


class ScheduledGenerator(Generator):
    """Generator that changes in time: densities evolve, and nothing else can be asked of it.

    Its ``.rates`` are those at the start.

    Parameters
    ----------
    grid : Grid
    held : callable
        Learning rate to the coefficients at that rate.
    first : float
        The learning rate at the start.
    control : callable
        A time to the learning rate until then.
    constants : mapping
        Numbers that regions and observables may name.
    """

    def __init__(
        self,
        grid: Grid,
        held: Callable[[float], Coefficients],
        first: float,
        control: Callable[[float], Control],
        constants: Mapping[str, float],
    ):
        super().__init__(grid, held(first), None, constants)
        self._held, self._first, self._control = held, first, control

    def _build(self, grid: Grid) -> ScheduledGenerator:
        return ScheduledGenerator(grid, self._held, self._first, self._control, self.constants)

    def _march(self, p0: Array, times: Array, rtol: float) -> evolution.Evolved:
        def chain(rate: float) -> tuple[sparse.csr_array, Array]:
            rates = Generator(self.grid, self._held(rate)).rates
            return rates.links, rates.killing

        control = self._control(float(times[-1]))
        return evolution.evolve_controlled(chain, control, p0, times, rtol, self._eliminate)

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise ValueError(
            "the learning rate follows a schedule, so this generator changes in time and has no stationary "
            "law, exit time, committor or spectrum: ask for evolve(), or give SGD a number as lr"
        )

    stationary = exit_time = committor = quasi_stationary = spectrum = _refuse
