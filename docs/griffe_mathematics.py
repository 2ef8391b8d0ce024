"""Mathematics of numpydoc docstrings in the form that the pages render; used by mkdocs only."""

from __future__ import annotations

import re
import textwrap
from typing import Any

import griffe

INLINE = re.compile(r":math:`([^`]+)`")
DISPLAY = re.compile(r"^( *)\.\. math:: *(.*(?:\n(?:\1 +\S.*)?)*)", re.MULTILINE)
ROLE = re.compile(r":(?:func|class):(`[^`]+`)")


def rendered(text: str) -> str:
    """``:math:`` roles and directives as $ and $$."""
    text = DISPLAY.sub(_display, text)
    return ROLE.sub(r"\1", INLINE.sub(r"$\1$", text))


def _display(match: re.Match[str]) -> str:
    indent, body = match.groups()
    formula = " ".join(textwrap.dedent(body).split())
    return f"\n{indent}$$\n{indent}{formula}\n{indent}$$\n\n"


class Mathematics(griffe.Extension):
    """Rewrites every docstring."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = rendered(obj.docstring.value)
