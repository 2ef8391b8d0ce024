"""SGD with one point a step on the patch network, exactly, in coordinates that are few.

The noise part of a weight only ever moves in the span of the training noises, so its products with them are
carried along by their Gram matrix: n numbers a neuron instead of d.
"""

from __future__ import annotations

from typing import Any

from fokkerplanck._kernels._jit import serial

RECORDED = ("weak +", "weak -", "strong +", "strong -", "sum of y e", "sum of e^2")
TOO_LARGE = 1e6


@serial
def train(
    weak: Any,
    strong: Any,
    products: Any,
    coefficients: Any,
    gram: Any,
    label: Any,
    has_strong: Any,
    picks: Any,
    norms: Any,
    lr: float,
    every: int,
    record: Any,
) -> int:
    """Steps of f += ..., in place; the number of steps done, fewer than asked for if |f| passed 1e6.

    Parameters
    ----------
    weak, strong : (2 m,) projections of the weights on u and v; the first m count +1/m, the rest -1/m
    products : (2 m, n) products of the weights with the training noises
    coefficients : (2 m, n) what has been added to a weight, in units of the training noises
    gram : (n, n) products of the training noises
    label, has_strong : (n,) floats, and 1 or 0
    picks : (steps,) index of the point of a step
    norms : (2,) |u| and |v|
    lr, every : learning rate, steps between records
    record : (steps // every, 6), see RECORDED
    """
    total, n = products.shape
    m = total // 2
    row, errors, squares = 0, 0.0, 0.0
    for t in range(len(picks)):
        i = picks[t]
        y = label[i]
        at_weak, at_strong = y * norms[0], y * norms[1] * has_strong[i]
        f = 0.0
        for k in range(total):
            a, b, c = max(weak[k] * at_weak, 0.0), max(strong[k] * at_strong, 0.0), max(products[k, i], 0.0)
            f += (a * a + b * b + c * c) / (m if k < m else -m)
        e = y - f
        if not abs(f) < TOO_LARGE:
            return t
        errors += y * e
        squares += e * e
        for k in range(total):
            push = 2 * lr * e / (m if k < m else -m)
            weak[k] += push * max(weak[k] * at_weak, 0.0) * at_weak
            strong[k] += push * max(strong[k] * at_strong, 0.0) * at_strong
            c = push * max(products[k, i], 0.0)
            if c != 0.0:
                coefficients[k, i] += c
                for j in range(n):
                    products[k, j] += c * gram[i, j]
        if (t + 1) % every == 0:
            _note(record[row], weak, strong, norms, m)
            record[row, 4] = errors
            record[row, 5] = squares
            row += 1
    return len(picks)


@serial
def _note(row: Any, weak: Any, strong: Any, norms: Any, m: int) -> None:
    """The outputs that the features alone give: of +1 neurons for y = 1, of -1 neurons for y = -1."""
    row[:4] = 0.0
    for k in range(2 * m):
        sign = 1.0 if k < m else -1.0
        j = 0 if k < m else 1
        row[j] += max(sign * weak[k] * norms[0], 0.0) ** 2 / m
        row[2 + j] += max(sign * strong[k] * norms[1], 0.0) ** 2 / m
