"""The schemes by which paths are advanced, one a file: a file added here is a scheme added everywhere.

A scheme is a subclass of `Scheme` whose docstring gives equation, orders and source, and whose attributes
drive the table of the documentation, the tests of its orders and the command line. It emits the lines of one
step.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil

from fokkerplanck.sampling.schemes._scheme import Scheme, Step
from fokkerplanck.sampling.schemes._table import table_of


def _found() -> dict[str, Scheme]:
    """All schemes by name, the lowest orders first."""
    for module in pkgutil.iter_modules(__path__):
        if not module.name.startswith("_"):
            importlib.import_module(f"{__name__}.{module.name}")
    every = sorted((kind() for kind in Scheme.__subclasses__()), key=lambda s: (s.weak, s.strong, s.name))
    return {s.name: s for s in every}


SCHEMES = _found()
DEFAULT = "euler-maruyama"
CROSSING = tuple(s.name for s in SCHEMES.values() if s.bridge)  # which can see crossings between steps


def find(name: str) -> Scheme:
    """The scheme of this name; a ValueError that lists the known ones if there is none.

    >>> find("milstein").strong
    1.0
    """
    if name in SCHEMES:
        return SCHEMES[name]
    near = difflib.get_close_matches(str(name), SCHEMES, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"scheme is {name!r}; take one of {', '.join(SCHEMES)}{hint}")


def check_crossing(scheme: Scheme) -> None:
    """Refuse a scheme whose steps are no piece of a Brownian path."""
    if not scheme.bridge:
        raise ValueError(
            f"first passage cannot be had by scheme {scheme.name!r}: crossings between two steps are seen by "
            f"a Brownian bridge, which its steps are not; take one of {', '.join(CROSSING)}"
        )


def table() -> str:
    """Table of all schemes in Markdown."""
    return table_of(SCHEMES.values())


__all__ = ["CROSSING", "DEFAULT", "SCHEMES", "Scheme", "Step", "check_crossing", "find", "table"]
