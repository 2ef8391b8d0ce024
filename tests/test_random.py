"""Random numbers: published vectors, and laws.

Statistical bounds: 5 standard errors (false alarm 6e-7 each) or a p-value of 1e-6; seeds are fixed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import pytest
from scipy import integrate, stats

from fokkerplanck._kernels import batches, crossing
from fokkerplanck._kernels import random as streams
from fokkerplanck._kernels.philox import MASK, philox

SEED = np.uint64(20240517)


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ([0, 0, 0, 0], [0, 0], "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            [0xA4093822, 0x299F31D0],
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ],
)
def test_philox_known_answers(counter: list[int], key: list[int], expected: str) -> None:
    """The vectors published with Random123."""
    words = philox(*(np.uint64(v) for v in counter + key))
    assert " ".join(f"{int(w):08x}" for w in words) == expected


def test_every_part_of_the_key_counts() -> None:
    base = (3, 5, 7, 11)
    seen = {tuple(streams.words(SEED, 5, 7, 11))}
    for bit in (0, 31, 32, 47):
        seen.add(tuple(streams.words(SEED, base[1] ^ (1 << bit), 7, 11)))
        seen.add(tuple(streams.words(SEED, 5, base[2] ^ (1 << bit), 11)))
        seen.add(tuple(streams.words(SEED ^ np.uint64(1 << (bit + 16)), 5, 7, 11)))
    for bit in (0, 28, 31):
        seen.add(tuple(streams.words(SEED, 5, 7, base[3] ^ (1 << bit))))
    assert len(seen) == 1 + 4 * 3 + 3


def table(function: Callable[..., Any], count: int, *arguments: Any) -> np.ndarray:
    """The first result of a stream function for particles 0..count-1."""

    @numba.njit  # type: ignore[untyped-decorator]
    def fill(out: np.ndarray) -> None:
        for i in range(out.shape[0]):
            out[i] = function(SEED, i, *arguments)

    columns = {streams.normals: 4, streams.uniforms: 2}
    shape = (count, columns[function]) if function in columns else (count,)
    out = np.empty(shape)
    fill(out)
    return out


def test_normals_have_the_moments_of_a_normal_law() -> None:
    z = table(streams.normals, 250_000, 0, streams.PATH)
    n = z.size
    for power, moment, square in ((1, 0, 1), (2, 1, 3), (3, 0, 15), (4, 3, 105)):
        assert abs(np.mean(z**power) - moment) < 5 * math.sqrt((square - moment**2) / n)
    for i, j in ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)):
        assert abs(np.mean(z[:, i] * z[:, j])) < 5 / math.sqrt(len(z))
        assert abs(np.mean((z[:, i] ** 2 - 1) * (z[:, j] ** 2 - 1))) < 5 * 2 / math.sqrt(len(z))
    assert abs(np.mean(z[:-1, 0] * z[1:, 0])) < 5 / math.sqrt(len(z))
    assert stats.kstest(z.ravel()[:200_000], "norm").pvalue > 1e-6
    assert stats.kstest(1.03 * z.ravel()[:200_000], "norm").pvalue < 1e-6  # the test sees 3 %


def test_uniforms_never_touch_the_ends() -> None:
    lowest = streams._open_unit(np.uint64(0), np.uint64(0))
    highest = streams._open_unit(MASK, MASK)
    assert 0.0 < lowest < 1e-15
    assert 1.0 - 1e-15 < highest < 1.0


def test_popcount() -> None:
    for value in (0, 1, 2**64 - 1, 0x123456789ABCDEF0, 1 << 63):
        assert streams.popcount(np.uint64(value)) == value.bit_count()


@pytest.mark.parametrize("batch", [10, 130])
def test_rademacher_mean_is_binomial(batch: int) -> None:
    mean = table(streams.rademacher_mean, 100_000, 0, streams.LANE, batch)
    heads = np.rint((mean * batch + batch) / 2).astype(int)
    assert np.allclose(mean, (2 * heads - batch) / batch, atol=1e-15)
    expected = stats.binom.pmf(np.arange(batch + 1), batch, 0.5) * len(mean)
    observed = np.bincount(heads, minlength=batch + 1)
    rare = expected < 10
    chi2 = np.sum((observed - expected)[~rare] ** 2 / expected[~rare])
    assert stats.chi2.sf(chi2, np.sum(~rare)) > 1e-6


@pytest.mark.parametrize("batch", [5])
def test_uniform_mean(batch: int) -> None:
    mean = table(streams.uniform_mean, 100_000, 0, streams.LANE, batch)
    assert abs(np.mean(mean) - 0.5) < 5 * math.sqrt(1 / (12 * batch * len(mean)))
    assert abs(np.var(mean) * 12 * batch - 1) < 5 * math.sqrt(2 / len(mean))


def test_index_has_no_modulo_bias() -> None:
    """Three quarters of 2**32 is the worst size: plain scaling gives every third index half of all draws."""
    size = 3 << 30

    @numba.njit  # type: ignore[untyped-decorator]
    def thirds(count: int) -> tuple[np.ndarray, np.ndarray]:
        exact, biased = np.zeros(3), np.zeros(3)
        for i in range(count):
            word = streams.words(SEED, i, 0, streams.INDEX)[0]
            exact[streams.below(word, size, SEED, i, 0, streams.INDEX) % 3] += 1
            biased[np.int64((word * np.uint64(size)) >> np.uint64(32)) % 3] += 1
        return exact, biased

    exact, biased = thirds(100_000)
    assert stats.chisquare(exact).pvalue > 1e-6
    assert stats.chisquare(biased).pvalue < 1e-6


def test_batches_without_replacement_and_epochs() -> None:
    n, batch, count = 7, 3, 40_000

    @numba.njit  # type: ignore[untyped-decorator]
    def sets(pairs: np.ndarray, positions: np.ndarray) -> bool:
        rows, order = np.empty(batch, np.int64), np.arange(n)
        swaps, epoch, many = np.empty(batch, np.int64), np.arange(n), np.empty(n, np.int64)
        restored = True
        for i in range(count):
            batches.distinct(rows, order, swaps, SEED, i, 0)
            pairs[rows[0], rows[1]] += 1
            pairs[rows[1], rows[2]] += 1
            batches.shuffle(epoch, many, SEED, i, 0)
            for j in range(n):
                positions[j, epoch[j]] += 1
                restored = restored and order[j] == j
        return restored

    pairs, positions = np.zeros((n, n)), np.zeros((n, n))
    assert sets(pairs, positions)
    assert np.trace(pairs) == 0
    assert stats.chisquare(pairs[~np.eye(n, dtype=bool)]).pvalue > 1e-6
    assert np.array_equal(positions.sum(axis=1), np.full(n, count))
    assert stats.chisquare(positions.ravel(), ddof=2 * n - 2).pvalue > 1e-6


@pytest.mark.parametrize(("before", "after"), [(0.4, 0.3), (1.0, -0.01)])
def test_crossing_moment_follows_the_bridge(before: float, after: float) -> None:
    """Density of the first zero of a Brownian bridge, by quadrature; bound 5 standard errors."""
    spread = 0.2
    draws = table_of_fractions(before, after, spread)

    def density(s: float) -> float:
        action = (before**2 / s + after**2 / (1 - s)) / (4 * spread)
        return float(s**-1.5 * (1 - s) ** -0.5 * math.exp(-action))

    norm = integrate.quad(density, 0, 1)[0]
    for power in (1, 2):
        exact = integrate.quad(lambda s, p=power: s**p * density(s), 0, 1)[0] / norm
        assert abs(np.mean(draws**power) - exact) < 5 * np.std(draws**power) / math.sqrt(len(draws))


def table_of_fractions(before: float, after: float, spread: float) -> np.ndarray:
    @numba.njit  # type: ignore[untyped-decorator]
    def fill(out: np.ndarray) -> None:
        for i in range(out.shape[0]):
            out[i] = crossing.crossing_fraction(before, after, spread, SEED, i, 0)

    out = np.empty(100_000)
    fill(out)
    return out
