"""Formulas as scalable outlines, so that a page needs no script and no font from elsewhere."""

from __future__ import annotations

from functools import lru_cache

EM = 18.0  # units in the drawing that stand for the height of the text around it
MARGIN = 1.0
COMMANDS = {1: "M", 2: "L", 3: "Q", 4: "C", 79: "Z"}  # matplotlib's path codes in SVG


def is_latex(formula: str) -> bool:
    """Whether a formula is LaTeX rather than plain text."""
    return "\\" in formula or "_{" in formula or "^{" in formula


def words(formula: str) -> str:
    r"""A formula that is only words, as those.

    >>> words(r"\text{it has none}")
    'it has none'
    """
    inner = formula.strip().strip("$").removeprefix(r"\text{").removesuffix("}")
    return inner if formula.strip().strip("$") == rf"\text{{{inner}}}" and "}" not in inner else formula


@lru_cache(maxsize=256)
def svg(formula: str) -> str | None:
    """An inline SVG in the colour of the text around it; None for what mathtext cannot set."""
    import matplotlib
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    with matplotlib.rc_context({"mathtext.fontset": "stix"}):
        try:
            path = TextPath((0, 0), f"${displayed(formula)}$", size=20, prop=FontProperties())
        except ValueError:
            return None
    if not len(path.vertices):
        return None
    box = path.get_extents()
    commands = (
        COMMANDS[int(code)] + ("" if code == 79 else " ".join(_coordinates(points)))
        for points, code in path.iter_segments(simplify=False, curves=True)
    )
    width, height = box.width + 2 * MARGIN, box.height + 2 * MARGIN
    view = f"{box.x0 - MARGIN:.2f} {-box.y1 - MARGIN:.2f} {width:.2f} {height:.2f}"
    depth = (box.y0 - MARGIN) / EM
    size = f"width:{width / EM:.3f}em;height:{height / EM:.3f}em;vertical-align:{depth:.3f}em"
    return f'<svg viewBox="{view}" style="{size}" aria-hidden="true"><path d="{"".join(commands)}"/></svg>'


def displayed(formula: str) -> str:
    """The formula with fractions of full height, except in exponents and other fractions."""
    result, depth = "", 0
    for k, character in enumerate(formula.strip().strip("$")):
        depth += (character == "{") - (character == "}")
        full = depth == 0 and formula.strip().strip("$").startswith("frac{", k + 1) and character == "\\"
        result += "\\d" if full else character
    return result


def _coordinates(points: object) -> list[str]:
    import numpy as np

    return [f"{x:.2f},{-y:.2f}" for x, y in np.reshape(points, (-1, 2))]  # type: ignore[call-overload]
