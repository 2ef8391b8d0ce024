"""A two-layer network on digits with a patch that can be memorized, at a large rate and at a small one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from models.patched_digits import (
    BATCH,
    CLASSES,
    RATES,
    SETTING,
    SPREAD,
    UNITS,
    Array,
    padded,
    training_data,
)
from validation.claim import NOT_CONFIRMED, Claim, Finding
from validation.hands import each
from validation.judging import above, sigmas
from validation.order_of_learning.runs import Size, mean

Labels = NDArray[np.intp]
BEFORE, AFTER = 120, 120  # epochs at the large rate, and then at the small one
EVERY = 10
# In accuracy: the fall, and the difference of two falls, to be seen if there are any. Nothing was known of
# them; both were set after runs, which had .046 ± .002 and .005 ± .001. A quick run is blind to the second.
SEEN, MORE = 0.03, 0.004


@dataclass(frozen=True)
class Course:
    """Along training: epochs, training loss, accuracy on training data and on test images without a patch."""

    epoch: Array
    loss: Array
    train: Array
    clean: Array


def claims(size: Size, base: int) -> Iterator[Claim]:
    """What the patch costs, and at which rate it costs more."""
    t = bound(size)
    how = (
        f"{size.patch_seeds} seeds; {SETTING.examples} digits, {SETTING.only_image:.0%} without a patch, "
        f"{SETTING.only_patch:.0%} of the patches without an image; batch {BATCH}, {BEFORE + AFTER} epochs; "
        "accuracy on the other digits, without a patch; paired by seed with training without any patch"
    )
    yield Claim(
        "patch-hurts",
        "A patch on the images that can be memorized hurts the small rate on images without it",
        "the accuracy falls [pub, abstract; by how much on these digits is not known]; else it does not",
        f"{how}; rate {RATES[1]:g}",
        f"fall above 0 by {t:.1f} standard errors (Student); not confirmed where {SEEN:g} is excluded",
        size.alarm,
        partial(_hurts, size, base),
    )
    yield Claim(
        "patch-order",
        "The patch hurts the small rate more than a large one that is then lowered",
        "the accuracy falls by more at the small rate (our reading of the abstract, which says that "
        "the patch "
        "hurts the small rate); else by the same",
        f"{how}; rate {RATES[0]:g} for {BEFORE} epochs, then {RATES[1]:g} for {AFTER}, against {RATES[1]:g}",
        f"difference above 0 by {t:.1f} standard errors (Student); not confirmed where {MORE:g} is excluded",
        size.alarm,
        partial(_order, size, base),
    )


def train(
    x: Array,
    labels: Labels,
    tests: tuple[Array, Labels],
    phases: Sequence[tuple[float, int]],
    rng: np.random.Generator,
) -> Course:
    """Mini-batch SGD on the cross-entropy: ReLU units on image and patch, fixed random output signs."""
    w = rng.standard_normal((x.shape[1], UNITS)) * SPREAD
    a = rng.choice([-1.0, 1.0], (UNITS, CLASSES)) / np.sqrt(UNITS)
    target = np.eye(CLASSES)[labels]
    epoch, records = 0, [(0.0, *judge(w, a, x, labels, tests))]
    for rate, epochs in phases:
        for _ in range(epochs):
            order = rng.permutation(len(x))
            for k in range(0, len(x) - BATCH + 1, BATCH):
                pick = order[k : k + BATCH]
                w -= rate * gradient(w, a, x[pick], target[pick])
            epoch += 1
            if epoch % EVERY == 0:
                records.append((float(epoch), *judge(w, a, x, labels, tests)))
    return Course(*np.array(records).T)


def gradient(w: Array, a: Array, x: Array, target: Array) -> Array:
    """Of the mean cross-entropy of a batch, in the hidden weights."""
    h = x @ w
    p = np.maximum(h, 0) @ a
    p = np.exp(p - p.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    found: Array = x.T @ (((p - target) / len(x)) @ a.T * (h > 0))
    return found


def judge(
    w: Array, a: Array, x: Array, labels: Labels, tests: tuple[Array, Labels]
) -> tuple[float, float, float]:
    """Training loss, training accuracy, and accuracy on the tests."""
    f = np.maximum(x @ w, 0) @ a
    loss = (
        np.log(np.exp(f - f.max(axis=1, keepdims=True)).sum(axis=1))
        + f.max(axis=1)
        - f[np.arange(len(f)), labels]
    )
    clean = (np.maximum(tests[0] @ w, 0) @ a).argmax(axis=1) == tests[1]
    return float(loss.mean()), float((f.argmax(axis=1) == labels).mean()), float(clean.mean())


def _course(base: int, patched: bool, large: bool, seed: int) -> Course:
    from sklearn.datasets import load_digits  # an extra

    images, labels = load_digits(return_X_y=True)
    draws, first = (np.random.default_rng([base, seed, k]) for k in range(2))
    order = draws.permutation(len(labels))
    learn, test = order[: SETTING.examples], order[SETTING.examples :]
    x, y = training_data(draws, images[learn] / 16, labels[learn], SETTING, patched)
    phases = [(RATES[0], BEFORE), (RATES[1], AFTER)] if large else [(RATES[1], BEFORE + AFTER)]
    return train(x, y, (padded(images[test] / 16), labels[test]), phases, first)


@lru_cache(maxsize=16)
def courses(patched: bool, large: bool, size: Size, base: int, executor: Executor | None = None) -> Course:
    """Of all seeds, (seeds, records)."""
    found = each(partial(_course, base, patched, large), range(size.patch_seeds), executor)
    return Course(
        found[0].epoch, *(np.stack([getattr(c, n) for c in found]) for n in ("loss", "train", "clean"))
    )


def bound(size: Size) -> float:
    """Standard errors that a mean must be above 0."""
    return sigmas(1, size.patch_seeds, 1, size.alarm)


def falls(large: bool, size: Size, base: int) -> Array:
    """(seeds,) by how much the patch lowers the accuracy at equal epochs."""
    without, patched = (courses(p, large, size, base) for p in (False, True))
    fall: Array = without.clean[:, -1] - patched.clean[:, -1]
    return fall


def _hurts(size: Size, base: int) -> Finding:
    return above(mean(falls(False, size, base)), 0.0, bound(size), SEEN, NOT_CONFIRMED)


def _order(size: Size, base: int) -> Finding:
    small, large = (falls(x, size, base) for x in (False, True))
    found = above(mean(small - large), 0.0, bound(size), MORE, NOT_CONFIRMED)
    return Finding(
        f"{found.measured}\nsmall: {mean(small)}\nlarge, then small: {mean(large)}",
        found.verdict,
        found.reason,
        found.numbers,
    )
