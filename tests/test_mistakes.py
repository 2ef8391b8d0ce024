"""Mistakes: each is refused at once, with one sentence that says what to do."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

import fokkerplanck as fp
from tests.exact import ornstein_uhlenbeck

LINE = fp.Grid(x=(-3, 3, 64))
OU = ornstein_uhlenbeck()
QUADRATIC = fp.Loss("x**2/2 - s*x", ("x",), {"s": fp.Normal(0, 1)})
ROWS = fp.Loss("(x - u)**2/2", ("x",), {"u": fp.Data([0.0, 1.0, 2.0])})


def sde(**changes: Any) -> fp.SDE:
    given: dict[str, Any] = {"variables": ("x", "y"), "drift": ["-x", "-y"], "diffusion": "1"}
    return fp.SDE(**(given | changes))


MESSAGES: list[tuple[Callable[[], Any], str]] = [
    (lambda: fp.SGD(QUADRATIC, lr=0), r"lr: got 0.*expected a finite rate > 0"),
    (lambda: fp.SGD(QUADRATIC, lr=-0.1), r"lr: got -0\.1.*expected a finite rate > 0"),
    (lambda: fp.SGD(QUADRATIC, lr=math.nan), r"lr: got nan"),
    (lambda: fp.SGD(QUADRATIC, lr=[0.1, -0.1]), r"lr: got -0\.1 at step 1"),
    (lambda: fp.SGD(QUADRATIC, 0.1, 0), "batch is 0: give a whole number"),
    (lambda: fp.SGD(QUADRATIC, 0.1, 2.5), r"batch is 2\.5: give a whole number"),  # type: ignore[arg-type]
    (lambda: fp.SGD(ROWS, 0.1, 4, "without-replacement"), "batch is 4, but the data set has 3 rows"),
    (lambda: fp.SGD(ROWS, 0.1, 4, "epoch"), "batch is 4, but the data set has 3 rows"),
    (lambda: fp.SGD(QUADRATIC, 0.1, 1, "epoch"), "needs a data set; .* use 'iid'"),
    (lambda: fp.SGD(QUADRATIC, 0.1, 1, "shuffled"), "take one of iid, without-replacement, epoch"),
    (lambda: fp.SGD("x**2", 0.1), r"must be a fokkerplanck\.Loss, got str"),  # type: ignore[arg-type]
    (lambda: fp.SGD(ROWS, 0.1, 1, "epoch").transition(LINE), "no transition operator; simulate"),
    (lambda: fp.SGD(ROWS, 0.1, 1, "epoch").sde(), "not white"),
    (
        lambda: fp.SGD(QUADRATIC, [0.1, 0.2]).sde().generator(LINE).spectrum(),
        "give SGD a number as lr",
    ),
    (lambda: fp.SGD(QUADRATIC, [0.1, 0.2]).escape("x < 1", (0,)), "give SGD a number as lr"),
    (lambda: fp.SGD(QUADRATIC, 0.1).sde(order=3), "order: got 3; expected 1 or 2"),
    (
        lambda: fp.SGD(QUADRATIC, 0.1).escape("x < 1", (0,), "kramer"),
        "method is 'kramer'; take one of",
    ),
    (lambda: fp.SGD(QUADRATIC, 0.1).escape("x < 1", (0, 1)), "give one number for each of x"),
    (lambda: fp.SGD(QUADRATIC, 0.1).escape("xx < 1", (0,)), "unknown name 'xx'; did you mean 'x'"),
    (lambda: fp.SGD(QUADRATIC, 0.1).transition(fp.Grid(z=(-1, 1, 8))), "axes z, the loss variables x"),
    (lambda: fp.SGD(QUADRATIC, 0.1).simulate(0, 5, (0,)), "n is 0: give a whole number"),
    (lambda: fp.SGD(QUADRATIC, 0.1).simulate(3, 5, (0, 1)), r"x0 has shape .* give one point \(1,\)"),
    (lambda: fp.SGD(QUADRATIC, 0.1).simulate(3, 5, {"y": 0}), "x0 names y; the variables are x"),
    (
        lambda: fp.SGD(QUADRATIC, 0.1).simulate(3, 5, (math.inf,)),
        "x0 holds values that are not finite",
    ),
    (lambda: OU.simulate(3, 0.0, (0,)), r"t is 0\.0: give a finite time > 0"),
    (lambda: OU.generator(fp.Grid(z=(-1, 1, 8))), "axes z, the SDE variables x"),
    (lambda: OU.generator(LINE).committor("x < 1", "x > 0"), "overlap; a committor needs them apart"),
    (lambda: OU.generator(LINE).exit_time(), "say which region is left"),
    (lambda: OU.generator(LINE).exit_time("x < 1").at(x=5), "lies outside the grid"),
    (lambda: OU.generator(LINE).exit_time("x < 1").at(y=0), "give one value for each of x; got y"),
    (lambda: OU.generator(LINE).evolve("-1", [1.0]), "nowhere negative"),
    (lambda: OU.generator(LINE).evolve("1", [1.0, 0.5]), "times must ascend from 0"),
    (lambda: sde(drift=["-x"]), "drift needs 2 formulas, one for each of x, y"),
    (lambda: sde(diffusion=["1"]), "diffusion has 1 rows for 2 variables"),
    (lambda: sde(diffusion=[["1", "0"], ["1", "1"]]), "symmetric tensor"),
    (lambda: sde(noise=[["1"], ["1"]]), r"either diffusion= .* or noise="),
    (lambda: sde(interpretation="strato"), "take one of ito, stratonovich, anti-ito"),
    (lambda: sde(variables="xy"), "a sequence of names"),
    (lambda: sde(variables=("x", "x")), "different names"),
    (lambda: sde(drift=["-x", "-yy"]), "unknown name 'yy'; did you mean 'y'"),
    (lambda: fp.Grid(x=(1, -1, 8)), "low must lie below high"),
    (lambda: fp.Grid(x=(-1, 1, 3)), "at least 4"),
    (lambda: fp.Grid(x=(-1, 1)), r"must be \(low, high, cells\)"),  # type: ignore[arg-type]
    (lambda: fp.Grid(x=(-1, 1, 8), boundary="closed"), "take one of open, reflecting, absorbing, periodic"),
    (
        lambda: fp.Grid(x=(-1, 1, 8), boundary={"x": ("periodic", "open")}),
        "both ends are periodic or neither",
    ),
    (
        lambda: fp.Grid(x=(-1, 1, 8), boundary={"y": "open"}),
        "boundary names the axis 'y', but the grid has x",
    ),
    (lambda: fp.Grid(), "at least one axis"),
    (lambda: fp.Grid.auto(OU, y=(-1, 1)), "the variables are x"),
    (lambda: LINE["y"], "has no axis 'y'; it has x"),
]


@pytest.mark.parametrize(("mistake", "message"), MESSAGES, ids=[m for _, m in MESSAGES])
def test_a_mistake_is_a_clear_sentence(mistake: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        mistake()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400
