"""NGSolve with elements of the fourth order: on smooth problems the least work for an error."""

from __future__ import annotations

from functools import partial

from benchmarks.peers import ngsolve

PACKAGE = ngsolve.PACKAGE
stationary = partial(ngsolve.stationary, order=4)
evolution = partial(ngsolve.evolution, order=4)
exit_time = partial(ngsolve.exit_time, order=4)
