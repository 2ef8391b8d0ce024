"""A region cut out of the rates of the whole box: the same as rates made for it from the start."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.operators.stencil import rates, recut

PROCESSES: dict[str, dict[str, Any]] = {
    "potential": {"drift": ["x - x**3", "-y"], "diffusion": "0.1"},
    "potential, full tensor": {"drift": ["-x - y/2", "-x/2 - y"], "diffusion": [["1", "0.5"], ["0.5", "1"]]},
    "full tensor": {"drift": ["x - x**3 + y", "-y - x"], "diffusion": [["1", "0.8"], ["0.8", "1"]]},
    "singular": {"drift": ["y", "x - x**3 - y"], "diffusion": [["0", "0"], ["0", "0.3"]]},
}
ENDS = [None, {"x": ("open", "absorbing")}, {"x": "absorbing", "y": "reflecting"}, {"y": "reflecting"}]


@pytest.mark.parametrize("process", PROCESSES)
@pytest.mark.parametrize("ends", ENDS)
@pytest.mark.parametrize("region", ["x + 0.3*y < 0.5", "x**2 + y**2 < 1", "abs(x) > 0.3"])
def test_the_same_bits(process: str, ends: Any, region: str) -> None:
    sde = fp.SDE(variables=("x", "y"), **PROCESSES[process])
    gen = sde.generator(fp.Grid(x=(-2, 2.1, 41), y=(-2, 2, 37), boundary=ends))
    level = gen._level(region)
    assert level is not None
    before = gen.rates.links.copy()
    inside = level(gen.grid.points()) > 0
    want = rates(gen.grid, gen._links, gen._u, level)
    got = recut(gen.rates, gen.grid, gen._links, level)
    assert abs(want.links[inside][:, inside] - got.links[inside][:, inside]).max() == 0
    assert (want.killing[inside] == got.killing[inside]).all()
    assert want.leaks is not None
    assert got.leaks is not None
    np.testing.assert_array_equal(np.sort(want.leaks.rate), np.sort(got.leaks.rate))
    assert abs(gen.rates.links - before).max() == 0
