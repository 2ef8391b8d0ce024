"""What the theory needs of an SGD: one learning rate, one batch size, one way of sampling."""

from __future__ import annotations

from typing import Any, Protocol

from fokkerplanck.loss import Loss
from fokkerplanck.schedules import Schedule


class Algorithm(Protocol):
    """Anything with the attributes of an SGD."""

    @property
    def loss(self) -> Loss: ...
    @property
    def lr(self) -> Any: ...
    @property
    def batch(self) -> int: ...
    @property
    def sampling(self) -> str: ...


def settings(sgd: Algorithm) -> tuple[Loss, float, int, str]:
    """(loss, learning rate, batch, sampling); a rate that changes is refused."""
    if not isinstance(getattr(sgd, "loss", None), Loss):
        raise ValueError(
            f"sgd: got {type(sgd).__name__}; expected an SGD, as in SGD(loss, lr=0.01, batch=10)"
        )
    schedule = sgd.lr if isinstance(sgd.lr, Schedule) else Schedule(sgd.lr)
    return sgd.loss, schedule.constant, int(sgd.batch), sgd.sampling
