"""Mini-batches: the covariance of their means, and every different one of a small data set."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import sympy


def covariance_of_mean(between: Any, within: Any, rows: int | None, batch: Any, sampling: str) -> Any:
    """Covariance of a batch mean from that between and that within data rows.

    Parameters
    ----------
    between, within : sympy matrix
        Covariance over the rows of the mean given the row, and mean over the rows of the covariance given it.
    rows : int or None
        Size of the data set; None if there is none.
    batch : int or sympy expression
    sampling : str

    Raises
    ------
    ValueError
        Rows drawn without replacement where there are none or too few, noise that is not white ("epoch").
    """
    batch = sympy.sympify(batch)
    if sampling == "iid":
        return (between + within) / batch
    if sampling == "without-replacement":
        if rows is None:
            raise ValueError(
                'sampling: "without-replacement" needs Data among the samples; use sampling="iid"'
            )
        if batch.is_number and batch > rows:
            raise ValueError(f"batch: {batch} exceeds the data set of {rows} rows; expected at most {rows}")
        factor = (rows - batch) / (batch * (rows - 1)) if rows > 1 else sympy.S.Zero
        return between * factor + within / batch
    if sampling == "epoch":
        raise ValueError(
            'sampling: noise of "epoch" is not white, steps of one epoch are correlated; simulate the '
            'chain, or use "iid" or "without-replacement"'
        )
    raise ValueError(f'sampling: got {sampling!r}; expected "iid", "without-replacement" or "epoch"')


def count_batches(rows: int, batch: int, replace: bool) -> int:
    """How many different mini-batches there are.

    >>> count_batches(4, 2, replace=False), count_batches(4, 2, replace=True)
    (6, 10)
    """
    return math.comb(rows + batch - 1, batch) if replace else math.comb(rows, batch)


def mini_batches(rows: int, batch: int, replace: bool) -> Iterator[tuple[float, tuple[int, ...]]]:
    """Every different mini-batch, as sorted rows, with its probability.

    >>> list(mini_batches(2, 2, replace=True))
    [(0.25, (0, 0)), (0.5, (0, 1)), (0.25, (1, 1))]
    """
    if not replace:
        share = 1.0 / count_batches(rows, batch, replace)
        yield from ((share, chosen) for chosen in itertools.combinations(range(rows), batch))
        return
    for chosen in itertools.combinations_with_replacement(range(rows), batch):
        counts = np.bincount(chosen, minlength=rows)
        ways = math.factorial(batch) / math.prod(math.factorial(int(c)) for c in counts)
        yield ways / float(rows) ** batch, chosen
