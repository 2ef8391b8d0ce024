"""The only place with Numba options, each with its reason.

``inline``    small helpers; cached like the rest, or every new program would compile them once more
``lane``      helpers of kernels of particles, always part of the loop that calls them: one with a call stays
              scalar. And of a helper that stands by itself there are several copies, in its own library and
              in those of its callers, that differ in the last bit; which one is taken depends on the cache
``exact``     the same, where the order of the arithmetic is what makes the result accurate
``serial``    kernels called from Python, one thread; without the interpreter's lock, so that several threads
              may each take some rows of an array
``parallel``  kernels called from Python, with ``prange``
``taking``    like ``serial``, given compiled functions; not cached on disk, as Numba's key would not see what
              those do
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba

from fokkerplanck._kernels import _cache

# Not "nnan" or "ninf": they make every test for nan or inf false, and diverged runs must be seen.
FASTMATH = {"contract", "reassoc", "arcp", "nsz", "afn"}

OPTIONS: dict[str, Any] = {
    "fastmath": FASTMATH,
    "error_model": "numpy",  # 1/0 is inf: a check that raises would stop loops from being vectorised
}

Decorator = Callable[[Callable[..., Any]], Any]


def _cached(**options: Any) -> Decorator:
    """A decorator that keeps the machine code in a folder named after the hash of all kernels.

    Numba looks only at the file of the function itself, so after a change of a callee in another
    file it would load stale code.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        before = numba.config.CACHE_DIR  # read by Numba while it decorates, and only then
        numba.config.CACHE_DIR = str(_cache.machine_code(before))
        try:
            return numba.njit(cache=True, **(OPTIONS | options))(function)
        finally:
            numba.config.CACHE_DIR = before

    return decorate


inline: Decorator = _cached()
lane: Decorator = _cached(forceinline=True)
# "contract" alone: a fused multiply-add only rounds less.
exact: Decorator = _cached(fastmath={"contract"}, forceinline=True)
serial: Decorator = _cached(nogil=True)
parallel: Decorator = _cached(parallel=True)
taking: Decorator = numba.njit(**OPTIONS, nogil=True)
