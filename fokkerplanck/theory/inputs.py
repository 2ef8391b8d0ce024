"""What the theory needs of an SGD: one learning rate, one batch size, one way of sampling."""

from __future__ import annotations

from typing import Any, Protocol

from fokkerplanck.compiled_loss import CompiledLoss
from fokkerplanck.estimate import NotValidHere
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


def settings(sgd: Algorithm, momentum: bool = False) -> tuple[Loss, float, int, str]:
    """(loss, learning rate, batch, sampling); refuses a changing rate, and momentum unless it is taken."""
    if not isinstance(getattr(sgd, "loss", None), Loss | CompiledLoss):
        raise ValueError(
            f"sgd: got {type(sgd).__name__}; expected an SGD, as in SGD(loss, lr=0.01, batch=10)"
        )
    (check_formula if momentum else check_plain)(sgd, "this theory")
    schedule = sgd.lr if isinstance(sgd.lr, Schedule) else Schedule(sgd.lr)
    return sgd.loss, schedule.constant, int(sgd.batch), sgd.sampling


def check_formula(sgd: Any, what: str) -> None:
    """NotValidHere for an SGD whose loss is a compiled gradient."""
    if isinstance(sgd.loss, CompiledLoss):
        raise NotValidHere(
            f"{what} needs a formula, and this loss is a compiled gradient: simulate it, or write a Loss"
        )


def check_plain(sgd: Any, what: str) -> None:
    """NotValidHere for an SGD without a formula, or with momentum, which only a simulation takes."""
    check_formula(sgd, what)
    momentum = getattr(sgd, "momentum", 0.0)
    if momentum:
        raise NotValidHere(
            f"{what} is for SGD without momentum, and momentum is {momentum:g}: simulate the chain, or take "
            "its SDE, sgd.sde(), in which the buffer is part of the state"
        )
