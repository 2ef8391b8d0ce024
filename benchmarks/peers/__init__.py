"""Who is compared: a module a package, with what it can do of `stationary`, `evolution`, `exit_time`.

Each takes a `Problem` and the cells an axis, makes ready what need not be made again for the next solve
(compiled formulas), and returns a `Task`. Every package is used as its manual advises, with the fastest of
the solvers that it brings for such a matrix. Where steps in time are ours to choose, they are about the
longest that leave the error of the grid as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Task(NamedTuple):
    """What is timed, and how its result is read afterwards: masses of the cells, or a mean exit time.

    `refine` is for those whose result holds a better estimate of the masses than its density: on the
    grid of the judge.
    """

    work: Callable[[], Any]
    read: Callable[[Any], NDArray[np.float64] | float] = lambda found: found
    refine: Callable[[Any], NDArray[np.float64]] = lambda found: np.array([])
