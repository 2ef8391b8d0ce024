"""The runs from which the converged answer is extrapolated: this package, at a tighter tolerance in time.

The scheme is of second order, so that the limit of two grids is of fourth.
"""

from __future__ import annotations

from functools import partial

from benchmarks.peers import ours

PACKAGE = ours.PACKAGE
stationary = ours.stationary
evolution = partial(ours.evolution, rtol=1e-8)
exit_time = ours.exit_time
