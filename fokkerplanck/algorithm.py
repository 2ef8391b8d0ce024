"""What an SGD is made of, checked."""

from __future__ import annotations

from typing import Any

import numpy as np

from fokkerplanck.compiled_loss import CompiledLoss
from fokkerplanck.grid import is_whole
from fokkerplanck.loss import Loss

SAMPLINGS = ("iid", "without-replacement", "epoch")


def check_samples(loss: Any, batch: Any, sampling: Any) -> None:
    """Refuse what is no loss, a batch that is no number of samples, and draws that the data cannot give."""
    if not isinstance(loss, Loss | CompiledLoss):
        raise ValueError(f"loss must be a fokkerplanck.Loss, got {type(loss).__name__}")
    if not is_whole(batch, 1):
        raise ValueError(f"batch is {batch!r}: give a whole number of samples a step, at least 1")
    if sampling not in SAMPLINGS:
        raise ValueError(f"sampling is {sampling!r}; take one of {', '.join(SAMPLINGS)}")
    if sampling != "iid":
        if loss.data is None:
            raise ValueError(
                f"sampling {sampling!r} needs a data set; this loss draws fresh samples: use 'iid'"
            )
        if batch > len(loss.data):
            raise ValueError(
                f"batch is {batch}, but the data set has {len(loss.data)} rows: give at most that"
            )


def decayed(loss: Loss, weight_decay: float) -> Loss:
    """The loss that is descended."""
    if loss.weight_decay not in (0.0, weight_decay):
        raise ValueError(
            f"this loss holds the weight decay {loss.weight_decay:g}, that of another SGD, and weight_decay "
            f"is {weight_decay:g}: give the same, or the loss without it"
        )
    return loss.with_weight_decay(weight_decay)


def number(name: str, value: Any, expected: str, below: float = np.inf) -> float:
    """A number from 0 to less than `below`."""
    if isinstance(value, bool | str) or not np.isscalar(value) or not 0 <= value < below:  # type: ignore[operator]
        raise ValueError(f"{name} is {value!r}: give a number, {expected}")
    return float(value)  # type: ignore[arg-type]
