"""``python -m benchmarks.streams [--normals 1e10]``: evidence for the random numbers, repeatable.

Every line is a statistic that is standard normal, or a p-value, if the numbers are what they should be; the
last line says how extreme the most extreme of all is for as many tests. Two broken generators beside it, a
stream used twice and a bit that is stuck, must fail.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import click
import numba
import numpy as np
from scipy import stats

from fokkerplanck._kernels.random import PATH, normals, words

BINS, WIDEST = 4096, 6.5
LANES, STEPS = 1024, 64  # of a block of normals: 4 LANES STEPS numbers
SEED = np.uint64(20260101)
MATRIX = 64


@dataclass
class Tally:
    """Names, and the standard normal number or the p-value of each test."""

    lines: list[str] = field(default_factory=list)
    p_values: list[float] = field(default_factory=list)

    def score(self, name: str, z: float) -> None:
        """Note a number that should be standard normal."""
        self.p(f"{name}: z = {z:+.2f}", float(2 * stats.norm.sf(abs(z))))

    def chi2(self, name: str, seen: np.ndarray, expected: np.ndarray) -> None:
        """Note counts beside what is expected of them."""
        value, dof = float(((seen - expected) ** 2 / expected).sum()), len(seen) - 1
        tail = min(stats.chi2.sf(value, dof), stats.chi2.cdf(value, dof))
        self.p(f"{name}: chi2 = {value:.1f} of {dof}", min(1.0, 2 * float(tail)))

    def p(self, name: str, p: float) -> None:
        """Note a p-value."""
        self.lines.append(f"{name}, p = {p:.3g}")
        self.p_values.append(p)

    @property
    def worst(self) -> float:
        """Chance that the smallest of as many p-values is as small."""
        return -math.expm1(len(self.p_values) * math.log1p(-min(self.p_values)))


@numba.njit(nogil=True)
def block(seed, first, step0, same, counts, powers, products):
    """Histogram, power sums to order 6, and products of neighbours: pairs, lanes, lags."""
    now, before = np.empty((LANES, 4)), np.zeros((LANES, 4))
    scale = BINS / (2 * WIDEST)
    for k in range(STEPS):
        for i in range(LANES):
            particle = first + (i // 2 * 2 if same else i)
            z = normals(seed, particle, step0 + k, PATH)
            for j in range(4):
                now[i, j] = z[j]
                q = min(max(int((z[j] + WIDEST) * scale), 0), BINS - 1)
                counts[q] += 1
                x = z[j] * z[j]
                powers[0] += z[j]
                powers[1] += x
                powers[2] += x * z[j]
                powers[3] += x * x
                powers[4] += x * x * z[j]
                powers[5] += x * x * x
        for i in range(LANES):
            a = now[i]
            other = now[i ^ 1]
            for j in range(4):
                b = now[i, (j + 1) % 4]
                products[0] += a[j] * b
                products[1] += (a[j] * a[j] - 1) * (b * b - 1)
                products[2] += a[j] * other[j] if i % 2 else 0.0
                products[3] += (a[j] ** 2 - 1) * (other[j] ** 2 - 1) if i % 2 else 0.0
                products[4] += a[j] * before[i, j]
                products[5] += (a[j] ** 2 - 1) * (before[i, j] ** 2 - 1)
            before[i] = a


def gaussian(tally: Tally, count: float, same: bool = False) -> None:
    """Tests of normal numbers."""
    counts, powers, products = np.zeros(BINS), np.zeros(6), np.zeros(6)
    blocks = max(1, round(count / (4 * LANES * STEPS)))
    for k in range(blocks):
        block(SEED, k * LANES, k * STEPS, same, counts, powers, products)
    n = blocks * 4.0 * LANES * STEPS
    moments = [math.prod(range(1, 2 * m, 2)) for m in range(7)]  # E z^(2m)
    for order in range(1, 7):
        mean = 0.0 if order % 2 else moments[order // 2]
        z = (powers[order - 1] / n - mean) / math.sqrt(moments[order] - mean**2) * math.sqrt(n)
        tally.score(f"moment {order} of {n:.1e} normals", z)
    edges = np.linspace(-WIDEST, WIDEST, BINS + 1)
    cdf = stats.norm.cdf(edges)
    cdf[0], cdf[-1] = 0.0, 1.0
    expected = n * np.diff(cdf)
    often = expected > 10
    seen, due = (np.append(a[often], n - a[often].sum()) for a in (counts, expected))
    if due[-1] < 5:  # the rest is too rare for a bin of its own
        seen, due = seen[:-1], due[:-1] * seen[:-1].sum() / due[:-1].sum()
    tally.chi2("histogram", seen, due)
    distance = float(np.abs(np.cumsum(counts) / n - cdf[1:]).max())
    tally.p(f"Kolmogorov-Smirnov on {BINS} edges", float(stats.kstwobign.sf(distance * math.sqrt(n))))
    lags = n * (1 - 1 / STEPS)
    sizes = [n, 4 * n, n / 2, 2 * n, lags, 4 * lags]
    names = ["pairs", "squares of pairs", "lanes", "squares of lanes", "steps", "squares of steps"]
    for name, total, size in zip(names, products, sizes, strict=True):
        tally.score(f"neighbours: {name}", float(total / math.sqrt(size)))


@numba.njit(nogil=True)
def draw(seed, along, count, stuck, out):
    """64-bit words along steps (0), particles (1) or seeds (2)."""
    for i in range(0, count, 2):
        k = i // 2
        a, b, c, d = words(
            seed + np.uint64(k if along == 2 else 0), k if along == 1 else 7, k if along == 0 else 3, PATH
        )
        out[i] = ((a << np.uint64(32)) | b) | stuck
        out[i + 1] = ((c << np.uint64(32)) | d) | stuck


@numba.njit(nogil=True)
def rank(rows):
    """Rank of a binary matrix whose rows are the bits of words."""
    r = 0
    for bit in range(MATRIX):
        mask = np.uint64(1) << np.uint64(bit)
        pivot = -1
        for i in range(r, MATRIX):
            if rows[i] & mask:
                pivot = i
                break
        if pivot < 0:
            continue
        rows[r], rows[pivot] = rows[pivot], rows[r]
        for i in range(r + 1, MATRIX):
            if rows[i] & mask:
                rows[i] ^= rows[r]
        r += 1
    return r


def integers(tally: Tally, count: int, stuck: int = 0) -> None:
    """Tests of 64-bit words, along steps, particles and seeds."""
    w = np.empty(count, np.uint64)
    for along, name in enumerate(("steps", "particles", "seeds")):
        draw(SEED, along, count, np.uint64(stuck), w)
        bits = np.array([((w >> np.uint64(b)) & np.uint64(1)).sum() for b in range(64)], dtype=float)
        tally.p(f"{name}: bits", float(stats.chi2.sf((((bits - count / 2) ** 2) / (count / 4)).sum(), 64)))
        weight = np.bitwise_count(w).astype(int)
        expected = count * stats.binom.pmf(np.arange(65), 64, 0.5)
        middle = expected > 20
        seen = np.bincount(weight, minlength=65)[middle]
        tally.chi2(f"{name}: weights", seen, expected[middle] * seen.sum() / expected[middle].sum())
        pairs = (weight[:-1] - 32.0) * (weight[1:] - 32.0) / 16.0
        tally.score(f"{name}: weights of neighbours", float(pairs.sum() / math.sqrt(len(pairs))))
        for quarter in range(4):
            part = ((w >> np.uint64(16 * quarter)) & np.uint64(0xFFFF)).astype(np.int64)
            seen = np.bincount(part, minlength=2**16)
            tally.chi2(f"{name}: 16 bits from {16 * quarter}", seen, np.full(2**16, count / 2**16))
        changes = np.bitwise_count(w[1:] ^ w[:-1]).astype(float)
        tally.score(f"{name}: changed bits", float((changes - 32).sum() / math.sqrt(16.0 * len(changes))))
        # Birthday spacings: 4096 birthdays in a year of 2^32 days, equal spacings are Poisson with mean 4.
        repeats = count // 4096
        days = np.sort((w[: 4096 * repeats] >> np.uint64(32)).reshape(repeats, 4096), axis=1)
        gaps = np.sort(np.diff(days, axis=1), axis=1)
        equal = float((np.diff(gaps, axis=1) == 0).sum())
        tally.score(f"{name}: birthday spacings", (equal - 4.0 * repeats) / math.sqrt(4.0 * repeats))
        matrices = w[: count // MATRIX * MATRIX].reshape(-1, MATRIX)[:20_000].copy()
        ranks = np.array([rank(m) for m in matrices])
        full = math.prod(1 - 2.0**-k for k in range(1, MATRIX + 1))
        chances = np.array([1 - full * 3, full * 2, full])  # 62 or less, 63, 64; to 1e-19
        seen = np.array([(ranks <= MATRIX - 2).sum(), (ranks == MATRIX - 1).sum(), (ranks == MATRIX).sum()])
        tally.chi2(f"{name}: ranks", seen, len(ranks) * chances)


@click.command()
@click.option("--normals", "count", default=1e10, show_default=True)
@click.option("--words", "size", default=2**24, show_default=True, help="64-bit words along each direction.")
def main(count: float, size: int) -> None:
    """Run all tests, and two deliberate mistakes."""
    tally = Tally()
    gaussian(tally, count)
    integers(tally, size)
    click.echo("\n".join(tally.lines))
    click.echo(f"\n{len(tally.p_values)} tests; so extreme a worst one has the chance {tally.worst:.3g}")
    doubled, stuck = Tally(), Tally()
    gaussian(doubled, min(count, 1e7), same=True)
    integers(stuck, min(size, 2**20), stuck=1 << 40)
    click.echo(f"a stream used twice: {doubled.worst:.3g}; a bit that is stuck: {stuck.worst:.3g}")
    if tally.worst < 1e-4 or max(doubled.worst, stuck.worst) > 1e-6:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
