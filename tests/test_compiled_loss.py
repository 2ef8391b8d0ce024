"""Chains of a compiled per-sample gradient: the same as those of a formula, and the same bits however run."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import numba
import numpy as np
import pytest
from numpy.typing import NDArray

import fokkerplanck as fp
from fokkerplanck.estimate import NotValidHere
from fokkerplanck.sampling import _run

Array = NDArray[np.float64]

DATA = np.random.default_rng(50).normal(size=(24, 3))
FORMULA = fp.Loss("(tanh(x*a) + b*y - c)**2/2", ("x", "y"), {("a", "b", "c"): fp.Data(DATA)})


def slope(theta: Array, row: Array, out: Array) -> None:
    activation = np.tanh(theta[0] * row[0])
    residual = activation + row[1] * theta[1] - row[2]
    out[0] = residual * row[0] * (1 - activation**2)
    out[1] = residual * row[1]


COMPILED = fp.CompiledLoss(slope, ("x", "y"), fp.Data(DATA))


@pytest.fixture
def threads() -> Iterator[None]:
    before = numba.get_num_threads()
    yield
    numba.set_num_threads(before)


@pytest.mark.parametrize(
    ("sampling", "more"),
    [
        ("iid", {}),
        ("without-replacement", {"momentum": 0.8, "weight_decay": 0.05}),
        ("epoch", {"momentum": 0.8, "nesterov": True}),
    ],
    ids=["iid", "without-replacement", "epoch"],
)
def test_the_same_chain_as_by_formula(sampling: str, more: dict[str, Any]) -> None:
    """The same rows, so the same trajectory to rounding; and the same exits from a region."""
    rates = np.linspace(0.2, 0.1, 101)
    formula, compiled = (fp.SGD(loss, rates, 5, sampling, **more) for loss in (FORMULA, COMPILED))
    runs = [sgd.simulate(40, 90, (0.5, -0.5), rng=1, first_step=11) for sgd in (formula, compiled)]
    np.testing.assert_allclose(runs[0].final, runs[1].final, atol=1e-12)
    if "momentum" in more:
        np.testing.assert_allclose(runs[0].buffer, runs[1].buffer, atol=1e-12)
    assert np.ptp(runs[1].final[:, 0]) > 0.01
    left = [
        s.with_(lr=0.2).first_passage("abs(y + 0.5) < 0.15", 40, (0.2, -0.5), 60, rng=2)
        for s in (formula, compiled)
    ]
    assert np.array_equal(left[0].times, left[1].times)
    assert np.array_equal(left[0].exited, left[1].exited)
    assert left[0].exited.any()


def test_given_batches() -> None:
    rows = np.random.default_rng(51).integers(24, size=(7, 30, 5))
    for batches in (rows, rows[0]):
        finals = [
            fp.SGD(loss, 0.2, 5, momentum=0.5).simulate(7, 30, (0, 0), batches=batches).final
            for loss in (FORMULA, COMPILED)
        ]
        np.testing.assert_allclose(finals[0], finals[1], atol=1e-13)


@pytest.mark.usefixtures("threads")
def test_the_same_bits_for_threads_chunks_and_a_resumed_run(monkeypatch: pytest.MonkeyPatch) -> None:
    sgd = fp.SGD(COMPILED, 0.1, 5, "epoch", momentum=0.9)
    numba.set_num_threads(1)
    whole = sgd.simulate(9, 200, (0, 0), rng=4)
    leave = sgd.first_passage("x**2 + y**2 < 0.5", 9, (0, 0), 200, rng=4)
    numba.set_num_threads(min(2, numba.config.NUMBA_NUM_THREADS))
    monkeypatch.setattr(_run, "_TARGET", 0.0)  # chunks as small as they get
    assert np.array_equal(whole.final, sgd.simulate(9, 200, (0, 0), rng=4).final)
    assert np.array_equal(leave.times, sgd.first_passage("x**2 + y**2 < 0.5", 9, (0, 0), 200, rng=4).times)
    part = sgd.simulate(9, 71, (0, 0), rng=4)
    rest = sgd.simulate(9, 129, part.final, rng=4, first_step=71, buffer=part.buffer)
    assert np.array_equal(whole.final, rest.final)


def test_a_gradient_compiled_for_given_types() -> None:
    """Such as a user may have at hand: the data are read-only, which is another type to Numba."""
    typed = numba.njit("void(f8[::1], f8[::1], f8[::1])")(slope)
    finals = [
        fp.SGD(fp.CompiledLoss(g, ("x", "y"), DATA), 0.1, 3).simulate(2, 20, (0, 0), rng=1).final
        for g in (slope, typed)
    ]
    np.testing.assert_allclose(*finals, atol=1e-13)


def network(theta: Array, row: Array, out: Array) -> None:
    """Two-layer tanh network of 60 units on 2 inputs: 240 parameters (in, in, bias, out a unit)."""
    units = theta.shape[0] // 4
    total = -row[2]
    for k in range(units):
        total += theta[4 * k + 3] * np.tanh(
            theta[4 * k] * row[0] + theta[4 * k + 1] * row[1] + theta[4 * k + 2]
        )
    for k in range(units):
        a = np.tanh(theta[4 * k] * row[0] + theta[4 * k + 1] * row[1] + theta[4 * k + 2])
        back = total * theta[4 * k + 3] * (1 - a * a)
        out[4 * k], out[4 * k + 1], out[4 * k + 2] = back * row[0], back * row[1], back
        out[4 * k + 3] = total * a


def test_a_network_of_hundreds_of_parameters_learns() -> None:
    """Against the same steps in NumPy, and its loss falls."""
    rng = np.random.default_rng(52)
    x = rng.normal(size=(40, 2))
    data, d = np.column_stack([x, np.sin(x[:, 0]) * x[:, 1]]), 240
    loss = fp.CompiledLoss(numba.njit(network), [f"w{k}" for k in range(d)], data)
    start = 0.5 * rng.normal(size=d)
    rows = rng.integers(40, size=(300, 8))
    run = fp.SGD(loss, 0.02, 8, momentum=0.9).simulate(2, 300, start, batches=rows)

    def parts(theta: Array) -> tuple[Array, Array, Array]:
        w = theta.reshape(-1, 4)
        hidden = np.tanh(x @ w[:, :2].T + w[:, 2])
        return w, hidden, hidden @ w[:, 3] - data[:, 2]

    theta, buffer = start.copy(), np.zeros(d)
    for batch in rows:
        w, hidden, residual = parts(theta)
        back = (residual[:, None] * w[:, 3] * (1 - hidden**2))[batch]
        g = (
            np.stack([*(back.T @ x[batch]).T, back.sum(0), hidden[batch].T @ residual[batch]], axis=1).ravel()
            / 8
        )
        buffer = 0.9 * buffer + g
        theta = theta - 0.02 * buffer
    assert abs(run.final - theta).max() < 1e-10
    assert np.mean(parts(theta)[2] ** 2) < 0.2 * np.mean(parts(start)[2] ** 2)


def test_what_diverges_is_counted() -> None:
    run = fp.SGD(COMPILED, 50.0, 2).simulate(6, 200, (0.1, 0.1), rng=0)
    assert run.diverged.all()
    assert "6 of 6 replicas diverged" in run.status


def adds(theta: Array, row: Array, out: Array) -> None:
    out[0] = theta[0]
    out[1] += row[0]


def wrong(theta: Array, row: Array, out: Array) -> None:
    out[0] = no_such_name  # type: ignore[name-defined]  # noqa: F821


SGD = fp.SGD(COMPILED, 0.1, 4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (SGD.sde, "the SDE needs a formula"),
        (lambda: SGD.transition(fp.Grid(x=(-1, 1, 8), y=(-1, 1, 8))), "needs a formula"),
        (lambda: SGD.auto_grid(), "needs a formula"),
        (lambda: fp.Grid.auto(SGD), "needs a formula"),
        (lambda: SGD.escape("x < 1", (0, 0), "paths"), "needs a formula"),
        (lambda: SGD.escape("x < 1", (0, 0), "density"), "needs a formula"),
        (lambda: SGD.escape("x < 1", (0, 0), "kramers"), "needs a formula"),
        (lambda: fp.effective_loss(SGD, "x"), "needs a formula"),
        (lambda: fp.divergence_thresholds(SGD, {"x": 0, "y": 0}), "needs a formula"),
        (lambda: fp.compare(SGD, "stationary"), "needs a formula"),
    ],
)
def test_what_needs_a_formula_says_so(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(NotValidHere, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fp.CompiledLoss(adds, ("x", "y"), DATA), r"write out\[j\] = \.\.\., not out\[j\] \+="),
        (lambda: fp.CompiledLoss(adds, ("x", "y", "z"), DATA), r"out\[1\]"),
        (lambda: fp.CompiledLoss(wrong, ("x",), DATA), "does not run"),
        (lambda: fp.CompiledLoss(3, ("x",), DATA), "gradient is 3"),  # type: ignore[arg-type]
        (lambda: fp.CompiledLoss(slope, ("x", "x"), DATA), "different names"),
        (lambda: fp.SGD(COMPILED, 0.1, 25, "epoch"), "the data set has 24 rows"),
    ],
)
def test_refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        call()
    assert re.search(message, str(caught.value))


def test_what_is_not_there_says_why() -> None:
    with pytest.raises(AttributeError, match="'hessian' needs a formula"):
        COMPILED.hessian  # noqa: B018
