"""Schedules by name: their rates, in torch's conventions, and chains that follow them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.schedules import Schedule, cosine, step

LOSS = fp.Loss("x**2/2 - s*x", ("x",), {"s": fp.Normal(0, 1)})
SCHEDULES = {
    "every": (step(0.3, at=7, factor=0.5), [0.3 * 0.5 ** (k // 7) for k in range(40)]),
    "listed": (step(0.3, at=[5, 6, 30]), [0.3 * 0.1 ** ((k >= 5) + (k >= 6) + (k >= 30)) for k in range(40)]),
    "cosine": (cosine(0.3, 40), 0.15 * (1 + np.cos(np.pi * np.arange(40) / 40))),
    "to a rate": (cosine(0.3, 25, 0.1), 0.2 + 0.1 * np.cos(np.pi * np.minimum(np.arange(40), 25) / 25)),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_rates_and_a_chain_that_follows_them(name: str) -> None:
    schedule, rates = SCHEDULES[name]
    np.testing.assert_allclose(Schedule(schedule).rates(40), rates, rtol=1e-14)
    assert not Schedule(schedule).is_constant
    by_name = fp.SGD(LOSS, schedule, momentum=0.5).simulate(5, 40, (1,), rng=1)
    by_list = fp.SGD(LOSS, Schedule(schedule).rates(40), momentum=0.5).simulate(5, 40, (1,), rng=1)
    assert np.array_equal(by_name.final, by_list.final)


def test_they_are_found_and_print_themselves() -> None:
    assert fp.schedules.step is step
    assert repr(Schedule(fp.schedules.cosine(0.1, 20))) == "Schedule(Cosine(lr=0.1, steps=20, final=0.0))"


def test_rates_of_torch() -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'fokkerplanck[torch]'")
    kinds = torch.optim.lr_scheduler
    pairs = (
        (step(0.3, 7, 0.5), lambda o: kinds.StepLR(o, 7, 0.5)),
        (step(0.3, [5, 6, 30]), lambda o: kinds.MultiStepLR(o, [5, 6, 30], 0.1)),
        (cosine(0.3, 40, 0.01), lambda o: kinds.CosineAnnealingLR(o, 40, 0.01)),
    )
    for ours, theirs in pairs:
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
        scheduler, rates = theirs(optimizer), []
        for _ in range(40):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
        np.testing.assert_allclose(Schedule(ours).rates(40), rates, rtol=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: step(0.1, at=0), "at is 0"),
        (lambda: step(0.1, at=[3, 3]), r"at is \[3, 3\]: .* that increase"),
        (lambda: step(0.1, at=2.5), "at is 2.5"),  # type: ignore[arg-type]
        (lambda: step(-0.1, at=3), "lr is -0.1"),
        (lambda: step(0.1, at=3, factor=0), "factor is 0"),
        (lambda: cosine(0.1, 0), "steps is 0"),
        (lambda: cosine(0.1, 5, -1), "final is -1"),
        (lambda: Schedule(cosine(0.1, 5)).rates(6), "got 0 at step 5"),
    ],
)
def test_refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        call()
    assert re.search(message, str(caught.value))
