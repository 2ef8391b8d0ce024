"""Surfaces on which the noise across vanishes: refused where they cannot be crossed, and only there."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

import fokkerplanck as fp
from fokkerplanck.estimate import NotValidHere
from fokkerplanck.operators import Generator

Array = NDArray[np.float64]

COLLAPSES = {
    "a point": (["x - x**3"], ["x**2"]),
    "a point, linearly": (["0"], ["abs(x)"]),
    "a point of a flow": (["-x"], ["max(x - 1, 0)"]),
    "a line": (["x - x**3", "-y"], ["x**2", "1"]),
    "a circle": (["(1 - x**2 - y**2)*x", "(1 - x**2 - y**2)*y"], ["(1 - x**2 - y**2)**2"] * 2),
    "the diagonal": (["-x", "-y"], [["1", "1"], ["1", "1"]]),
    "an orbit": (["x*(1-r2)-y-x", "y*(1-r2)+x-y"], [["y**2", "-x*y"], ["-x*y", "x**2"]]),
    "nothing moves y": (["-x", "0"], ["1", "0"]),
    "the diagonal of space": (["-x", "-y", "-z"], [["1"] * 3] * 3),
}
CROSSED = {
    "one way": ((["1 - x"], ["x**2"]), 0),
    "a line, one way": ((["1 - x", "-y"], ["x**2", "1"]), 0),
    "a line, here and there": ((["y - x", "-y"], ["x**2", "1"]), 0),
    "noise along the normal": ((["-x", "-y"], ["y**2", "1"]), 0),
    "two decays": ((["-x", "-2*y"], [["1", "1"], ["1", "1"]]), 1),
    "a velocity": ((["y", "-y - x**3"], ["0", "1 + x**2"]), 1),
    "a driven coordinate": ((["-x", "-y + x"], ["1", "0"]), 1),
    "a velocity that turns round": ((["-x", "(x - 1/32)**2 - y"], ["1", "0"]), 1),
    "a chain": ((["y", "-x - y + z", "-z"], ["0", "0", "1"]), 1),
}


def build(drift: list[str], diffusion: list[object], cells: int) -> Generator:
    names = ("x", "y", "z")[: len(drift)]
    sde = fp.SDE(
        variables=names,
        drift=drift,
        diffusion=diffusion,
        where={"r2": "x**2 + y**2"} if len(names) > 1 else {},
    )
    return sde.generator(fp.Grid(**{n: (-3, 3, cells) for n in names}))


@pytest.mark.parametrize("cells", [20, 21])
@pytest.mark.parametrize("case", list(COLLAPSES))
def test_surfaces_that_cannot_be_crossed(case: str, cells: int) -> None:
    with pytest.raises(NotValidHere, match="noise vanishes across a surface through x = "):
        build(*COLLAPSES[case], cells)


def test_rounding_of_a_singular_tensor_is_no_surface() -> None:
    """Noise along a direction that turns: the smallest eigenvalue is -1e-17 here and 1e-17 there."""

    def coefficients(x: Array) -> tuple[Array, Array]:
        angle = 1.2 + 0.5 * np.sin(x @ [0.7, -0.4])
        n = np.stack([np.cos(angle), np.sin(angle)], axis=1) * np.exp(0.3 * np.sin(x @ [-0.4, 1.1]))[:, None]
        return x @ np.array([[-1.0, 1.0], [-1.0, -1.0]]), n[:, :, None] * n[:, None, :]

    assert Generator(fp.Grid(x=(-6, 6, 48), y=(-6, 6, 48)), coefficients).order == 1


@pytest.mark.parametrize("cells", [20, 21])
@pytest.mark.parametrize("case", list(CROSSED))
def test_singular_noise_that_is_no_collapse(case: str, cells: int) -> None:
    (drift, diffusion), order = CROSSED[case]
    gen = build(drift, diffusion, cells)
    assert gen.order == order
    assert gen.is_m_matrix
