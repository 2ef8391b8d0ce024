r"""Elementary functions without a call or a branch, so that loops over particles vectorise.

A call of the C library in such a loop costs ten times the arithmetic around it. All are within three units of
the last place. Polynomials are Taylor's on the reduced argument, a term or two longer than a minimax one.
Nothing here may be reassociated: reductions split constants in parts whose sum a compiler would gladly fold.
"""

from __future__ import annotations

import math

import numpy as np

from fokkerplanck._kernels._jit import exact
from fokkerplanck._kernels.bits import bits_of, float_of, nearest

# ln 2 and pi/2 in parts of few bits: a whole number times the first of them is exact.
LOG2_HIGH, LOG2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
PI2_1, PI2_2 = 1.57079632673412561417e00, 6.07710050630396597660e-11
PI2_3, PI2_4 = 2.02226624871116645580e-21, 8.47842766036889956997e-32
INVERSE_LOG2, INVERSE_PI2 = 1.0 / math.log(2.0), 2.0 / math.pi
WHOLE = 1.5 * 2.0**52  # added to a small whole number, it stands in the low bits
FRACTION, ONE, HALF_ROOT = np.int64(52), np.int64(0x3FF0000000000000), np.int64(0x3FE6A09E667F3BCD)
LARGEST, SMALLEST = 709.782712893384, -745.1332191019412
NORMAL = 2.2250738585072014e-308
SPLIT = 2.0**54


@exact
def _power_of_two(k: float) -> float:
    """2**k for a whole k from -1022 to 1023."""
    return float_of((bits_of(k + WHOLE) << FRACTION) + ONE)


@exact
def _reduced(x: float) -> tuple[float, float]:
    """``exp(r) - 1`` and k of ``x = k log 2 + r``, |r| < 0.35."""
    k = nearest(x * INVERSE_LOG2)
    r: float = (x - k * LOG2_HIGH) - k * LOG2_LOW
    p = 1.0 / 87178291200.0
    p = p * r + 1.0 / 6227020800.0
    p = p * r + 1.0 / 479001600.0
    p = p * r + 1.0 / 39916800.0
    p = p * r + 1.0 / 3628800.0
    p = p * r + 1.0 / 362880.0
    p = p * r + 1.0 / 40320.0
    p = p * r + 1.0 / 5040.0
    p = p * r + 1.0 / 720.0
    p = p * r + 1.0 / 120.0
    p = p * r + 1.0 / 24.0
    p = p * r + 1.0 / 6.0
    p = p * r + 0.5
    return (p * r) * r + r, k


@exact
def exp(x: float) -> float:
    """Exponential."""
    inside = min(max(x, SMALLEST), LARGEST)
    p, k = _reduced(inside)
    half = nearest(0.5 * k)
    y: float = (1.0 + p) * _power_of_two(half) * _power_of_two(k - half)
    y = math.inf if x > LARGEST else y
    y = 0.0 if x < SMALLEST else y
    return y if x == x else x


@exact
def _minus_one(x: float) -> float:
    """``exp(x) - 1`` for 0 <= x < 700."""
    p, k = _reduced(x)
    s = _power_of_two(k)
    y: float = s * p + (s - 1.0)
    return y


@exact
def tanh(x: float) -> float:
    """Hyperbolic tangent."""
    e = _minus_one(min(2.0 * abs(x), 44.0))
    y = math.copysign(e / (e + 2.0), x)
    return y if x == x else x


@exact
def sinh(x: float) -> float:
    """Hyperbolic sine."""
    size = abs(x)
    e = _minus_one(min(size, 1.0))
    root = exp(0.5 * size)
    small, large = 0.5 * (e + e / (e + 1.0)), (0.5 * root) * root - (0.5 / root) / root
    y = math.copysign(small if size < 1.0 else large, x)
    return y if x == x else x


@exact
def cosh(x: float) -> float:
    """Hyperbolic cosine."""
    e = exp(0.5 * abs(x))
    y: float = (0.5 * e) * e + (0.5 / e) / e
    return y


@exact
def log(x: float) -> float:
    """Natural logarithm."""
    small = x < NORMAL
    y = x * SPLIT if small else x
    b = bits_of(y)
    shift = (b - HALF_ROOT) >> FRACTION
    m = float_of(b - (shift << FRACTION))
    k = float_of(bits_of(WHOLE) + shift) - WHOLE
    k = k - 54.0 if small else k
    f = m - 1.0
    s = f / (2.0 + f)
    z = s * s
    p = 2.0 / 23.0
    p = p * z + 2.0 / 21.0
    p = p * z + 2.0 / 19.0
    p = p * z + 2.0 / 17.0
    p = p * z + 2.0 / 15.0
    p = p * z + 2.0 / 13.0
    p = p * z + 2.0 / 11.0
    p = p * z + 2.0 / 9.0
    p = p * z + 2.0 / 7.0
    p = p * z + 2.0 / 5.0
    p = p * z + 2.0 / 3.0
    # log(1 + f) = 2 s + s z p, and 2 s = f - s f
    half = 0.5 * f * f
    y = k * LOG2_HIGH - ((half - (s * (half + z * p) + k * LOG2_LOW)) - f)
    y = y if x < math.inf else x
    y = -math.inf if x == 0.0 else y
    return y if x >= 0.0 else math.nan


@exact
def _turned(x: float) -> tuple[float, np.int64]:
    """The rest of x after whole quarter turns, |r| < 0.8, and their number (its lowest bits)."""
    k = nearest(x * INVERSE_PI2)
    r = ((x - k * PI2_1) - k * PI2_2) - k * PI2_3
    return r, bits_of(k + WHOLE)


@exact
def _sine(r: float) -> float:
    z = r * r
    p = 1.0 / 355687428096000.0
    p = p * z - 1.0 / 1307674368000.0
    p = p * z + 1.0 / 6227020800.0
    p = p * z - 1.0 / 39916800.0
    p = p * z + 1.0 / 362880.0
    p = p * z - 1.0 / 5040.0
    p = p * z + 1.0 / 120.0
    p = p * z - 1.0 / 6.0
    return r + r * (z * p)


@exact
def _cosine(r: float) -> float:
    z = r * r
    p = 1.0 / 20922789888000.0
    p = p * z - 1.0 / 87178291200.0
    p = p * z + 1.0 / 479001600.0
    p = p * z - 1.0 / 3628800.0
    p = p * z + 1.0 / 40320.0
    p = p * z - 1.0 / 720.0
    p = p * z + 1.0 / 24.0
    half = 0.5 * z
    one = 1.0 - half
    return one + (((1.0 - one) - half) + z * z * p)


B1, B2, B62 = np.int64(1), np.int64(2), np.int64(62)


@exact
def sin(x: float) -> float:
    """Sine, of arguments below 1e8."""
    r, k = _turned(x)
    y: float = _cosine(r) if k & B1 else _sine(r)
    return -y if k & B2 else y


@exact
def cos(x: float) -> float:
    """Cosine, of arguments below 1e8."""
    r, k = _turned(x)
    y: float = _sine(r) if k & B1 else _cosine(r)
    return -y if (k + B1) & B2 else y


@exact
def tan(x: float) -> float:
    """Tangent, of arguments below 1e8."""
    r, k = _turned(x)
    s, c = _sine(r), _cosine(r)
    y: float = -c / s if k & B1 else s / c
    return y


@exact
def sqrt(x: float) -> float:
    """Square root."""
    return math.sqrt(x)


@exact
def power(x: float, y: float) -> float:
    """x**y for x >= 0; nan for x < 0 unless y is whole."""
    size = exp(y * log(abs(x)))
    odd = nearest(0.5 * y) != 0.5 * y
    negative = (-size if odd else size) if nearest(y) == y else math.nan
    return size if x >= 0.0 or y == 0.0 else negative
