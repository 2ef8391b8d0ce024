"""Given mini-batches, momentum and weight decay: the chain step by step against NumPy and torch.optim.SGD."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import fokkerplanck as fp

Array = NDArray[np.float64]

RNG = np.random.default_rng(40)
DATA = RNG.normal(size=(30, 3)) @ np.array([[1.0, 0.4, 0.3], [0.0, 0.8, -0.5], [0.0, 0.0, 0.1]])
STEPS, BATCH, LR = 1000, 4, 0.02
ROWS = RNG.integers(len(DATA), size=(STEPS, BATCH))
X0 = (1.0, -2.0)
CLOSE = 1e-12

# A linear fit, and a curved one (the mean gradient is then not the gradient at the mean sample).
FORMULAS = {"linear": "(a*x + b*y - c)**2/2", "curved": "(tanh(x*a) + b*y - c)**2/2 + cos(a*y)/4"}
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "momentum": {"momentum": 0.9},
    "nesterov": {"momentum": 0.9, "nesterov": True},
    "decay": {"weight_decay": 0.1},
    "all": {"momentum": 0.8, "nesterov": True, "weight_decay": 0.05},
}


def loss_of(kind: str) -> fp.Loss:
    """Small data sets may enter in any way: 30 rows."""
    return fp.Loss(FORMULAS[kind], ("x", "y"), {("a", "b", "c"): fp.Data(DATA)})


def slope(kind: str, theta: Array, sample: Array) -> Array:
    """Mean gradient of a mini-batch, by hand."""
    (x, y), (a, b, c) = theta, sample.T
    if kind == "linear":
        residual = a * x + b * y - c
        return np.array([(residual * a).mean(), (residual * b).mean()])
    residual = np.tanh(x * a) + b * y - c
    along = residual * a / np.cosh(x * a) ** 2
    return np.array([along.mean(), (residual * b - a * np.sin(a * y) / 4).mean()])


def by_hand(
    kind: str,
    rows: NDArray[np.int64],
    rates: Array,
    momentum: float = 0.0,
    nesterov: bool = False,
    weight_decay: float = 0.0,
) -> tuple[Array, Array]:
    """Point and buffer after the steps."""
    theta, buffer = np.array(X0), np.zeros(2)
    for batch, lr in zip(rows, rates, strict=True):
        g = slope(kind, theta, DATA[batch]) + weight_decay * theta
        buffer = momentum * buffer + g
        theta = theta - lr * (g + momentum * buffer if nesterov else buffer)
    return theta, buffer


@pytest.mark.parametrize(("kind", "variant"), [*(("linear", v) for v in VARIANTS), ("curved", "all")])
def test_replay_against_numpy(kind: str, variant: str) -> None:
    """Over 1000 steps, with a rate that changes."""
    rates = LR * (1 + np.cos(np.arange(STEPS) / 50) / 2)
    sgd = fp.SGD(loss_of(kind), rates, BATCH, **VARIANTS[variant])
    for steps in (1, 7, 500, STEPS):
        theta, buffer = by_hand(kind, ROWS[:steps], rates[:steps], **VARIANTS[variant])
        run = sgd.simulate(3, steps, X0, batches=ROWS[:steps])
        assert abs(run.final - theta).max() < CLOSE
        if sgd.momentum:
            assert run.buffer is not None
            assert abs(run.buffer - buffer).max() < CLOSE
        else:
            assert run.buffer is None


@pytest.mark.parametrize("wrong", [{"momentum": 0.91}, {"nesterov": False}, {"weight_decay": 0.0}])
def test_a_wrong_rule_would_be_seen(wrong: dict[str, Any]) -> None:
    """Power: each part of the rule moves the trajectory by far more than the bound."""
    sgd = fp.SGD(loss_of("linear"), LR, BATCH, **VARIANTS["all"])
    run = sgd.simulate(1, STEPS, X0, batches=ROWS)
    theta, _ = by_hand("linear", ROWS, np.full(STEPS, LR), **(VARIANTS["all"] | wrong))
    assert abs(run.final - theta).max() > 1e6 * CLOSE


@pytest.mark.parametrize("variant", VARIANTS)
def test_replay_against_torch(variant: str) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'fokkerplanck[torch]'")
    table = torch.tensor(DATA, dtype=torch.float64)
    theta = torch.tensor(X0, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([theta], lr=LR, **VARIANTS[variant])
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 300, 0.5)
    path = []
    for batch in ROWS:
        a, b, c = table[torch.as_tensor(batch)].T
        optimizer.zero_grad()
        ((a * theta[0] + b * theta[1] - c) ** 2 / 2).mean().backward()
        optimizer.step()
        scheduler.step()
        path.append(theta.detach().numpy().copy())
    sgd = fp.SGD(loss_of("linear"), fp.schedules.step(LR, 300, 0.5), BATCH, **VARIANTS[variant])
    for steps in (1, 2, 10, 100, 400, STEPS):
        final = sgd.simulate(1, steps, X0, batches=ROWS[:steps]).final[0]
        assert abs(final - path[steps - 1]).max() < CLOSE


def test_each_replica_may_have_batches_of_its_own() -> None:
    """Many more replicas than a block of lanes, so that threads and blocks must find the right ones."""
    n, steps = 300, 9
    rows = RNG.integers(len(DATA), size=(n, steps, BATCH))
    run = fp.SGD(loss_of("linear"), LR, BATCH, momentum=0.5).simulate(n, steps, X0, batches=rows)
    for k in (0, 1, 255, 256, 299):
        theta, _ = by_hand("linear", rows[k], np.full(steps, LR), 0.5)
        assert abs(run.final[k] - theta).max() < CLOSE


@pytest.mark.parametrize("nesterov", [False, True])
def test_a_run_goes_on_with_its_buffer(nesterov: bool) -> None:
    """To the same bits, at steps that are no multiple of a group's; without the buffer to others."""
    loss = fp.Loss("(1 + e)*x**2/2 - s*x", ("x",), {"e": fp.Normal(0, 0.3), "s": fp.Normal(0, 1)})
    sgd = fp.SGD(loss, np.linspace(0.05, 0.02, 60), 4, momentum=0.9, nesterov=nesterov, weight_decay=0.2)
    whole = sgd.simulate(40, 60, (1,), rng=3)
    part = sgd.simulate(40, 23, (1,), rng=3)
    rest = sgd.simulate(40, 37, part.final, rng=3, first_step=23, buffer=part.buffer)
    assert np.array_equal(whole.final, rest.final)
    assert whole.buffer is not None
    assert np.array_equal(whole.buffer, rest.buffer)
    cold = sgd.simulate(40, 37, part.final, rng=3, first_step=23)
    assert not np.array_equal(whole.final, cold.final)


def test_given_batches_of_a_run_that_goes_on() -> None:
    """`batches` are those of the steps asked for, wherever the run begins."""
    sgd = fp.SGD(loss_of("linear"), np.linspace(0.1, 0.01, 40), BATCH, momentum=0.9)
    whole = sgd.simulate(2, 40, X0, batches=ROWS[:40])
    part = sgd.simulate(2, 7, X0, batches=ROWS[:7])
    rest = sgd.simulate(2, 33, part.final, first_step=7, buffer=part.buffer, batches=ROWS[7:40])
    assert np.array_equal(whole.final, rest.final)


def test_exits_with_momentum_are_those_of_the_trajectories() -> None:
    """The first step at which the very same chains are outside; what has left must not be moved back."""
    loss = fp.Loss("(1 + e)*x**2/2 - s*x", ("x",), {"e": fp.Normal(0, 0.3), "s": fp.Normal(0, 1)})
    sgd = fp.SGD(loss, 0.05, 2, momentum=0.8, nesterov=True)
    outside = np.array([sgd.simulate(30, k, (0,), rng=8).final[:, 0] >= 0.3 for k in range(1, 41)])
    run = sgd.first_passage("x < 0.3", 30, (0,), 40, rng=8)
    left = outside.any(axis=0)
    assert np.array_equal(run.exited, left)
    assert 5 < left.sum() < 30
    assert np.array_equal(run.times[left], 1 + outside.argmax(axis=0)[left])


def test_first_passage_with_momentum() -> None:
    """Without noise the step of the exit is known: heavy ball on a slope, x_k = lr * sum of buffers."""
    loss = fp.Loss("-x + 0*s*x", ("x",), {"s": fp.Normal(0, 1)})
    for variant in ({}, {"momentum": 0.75}, {"momentum": 0.75, "nesterov": True}):
        sgd = fp.SGD(loss, 0.25, **variant)  # type: ignore[arg-type]
        mu, x, b, steps = sgd.momentum, 0.0, 0.0, 0
        while x < 5:
            b = mu * b - 1
            x, steps = x - 0.25 * (mu * b - 1 if sgd.nesterov else b), steps + 1
        run = sgd.first_passage("x < 5", 5, (0,), 100)
        assert run.exited.all()
        assert run.times.tolist() == [steps] * 5


def test_the_label_noise_identity_along_a_run() -> None:
    """On (u v - y - e)^2/2 a step multiplies u^2 - v^2 by 1 - eta^2 r^2, r the batch's residual."""
    noise, lr, steps = RNG.normal(0, 0.5, (50, 1)), 0.1, 1000
    loss = fp.Loss("(u*v - 1 - e)**2/2", ("u", "v"), {"e": fp.Data(noise)})
    rows = RNG.integers(50, size=(steps, 3))
    sgd = fp.SGD(loss, lr, 3)
    (u, v), balance, wrong = (1.5, 0.2), 1.5**2 - 0.2**2, 1.5**2 - 0.2**2
    for k in range(steps):
        r = u * v - 1 - noise[rows[k], 0].mean()
        u, v = sgd.simulate(1, 1, (u, v), batches=rows[k : k + 1]).final[0]
        balance *= 1 - lr**2 * r**2
        wrong *= 1 - lr**2 * r**2 / 3  # had the batch size entered once more
        assert abs(u**2 - v**2 - balance) < 1e-12
    assert abs(u**2 - v**2 - wrong) > 1e-3


def refusal(call: Callable[[], Any]) -> str:
    with pytest.raises(ValueError) as caught:
        call()
    return str(caught.value)


SGD = fp.SGD(loss_of("linear"), LR, BATCH)
FRESH = fp.Loss("x**2/2 - s*x", ("x",), {"s": fp.Normal(0, 1)})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: SGD.simulate(2, 5, X0, batches=ROWS),
            r"batches have the shape \(1000, 4\), expected \(5, 4\)",
        ),
        (lambda: SGD.simulate(2, 5, X0, batches=ROWS[:5, :3]), r"the shape \(5, 3\)"),
        (lambda: SGD.simulate(2, 5, X0, batches=ROWS[:5] * 0 + 30), "rows 30 to 30, expected 0 to 29"),
        (lambda: SGD.simulate(2, 5, X0, batches=ROWS[:5] * 0 - 1), "rows -1 to -1"),
        (lambda: SGD.simulate(2, 5, X0, batches=ROWS[:5] * 1.0), "float64 values, expected whole numbers"),
        (lambda: fp.SGD(FRESH, 0.1).simulate(1, 1, (0,), batches=[[0]]), "this loss has none"),
        (lambda: SGD.simulate(2, 5, X0, buffer=(0, 0)), "this SGD has none"),
        (
            lambda: SGD.with_(momentum=0.5).simulate(2, 5, X0, buffer=(0, 0, 0)),
            r"buffer has the shape \(3,\)",
        ),
        (lambda: fp.SGD(FRESH, 0.1, momentum=1.0), "momentum is 1.0: give a number, at least 0 and below 1"),
        (lambda: fp.SGD(FRESH, 0.1, momentum=-0.1), "momentum is -0.1"),
        (lambda: fp.SGD(FRESH, 0.1, momentum="0.9"), "momentum is '0.9'"),  # type: ignore[arg-type]
        (lambda: fp.SGD(FRESH, 0.1, nesterov=True), "nesterov is a kind of momentum"),
        (lambda: fp.SGD(FRESH, 0.1, weight_decay=-1.0), "weight_decay is -1.0"),
        (lambda: fp.SGD(FRESH, 0.1, weight_decay=np.inf), "weight_decay is inf"),
        (lambda: fp.SGD(fp.SGD(FRESH, 0.1, weight_decay=1.0).loss, 0.1), "that of another SGD"),
    ],
)
def test_refused(call: Callable[[], Any], message: str) -> None:
    assert re.search(message, refusal(call))
