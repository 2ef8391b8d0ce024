r"""Two standard normal numbers from one 64-bit word, without a call or a branch.

Box and Muller (1958): the radius :math:`\sqrt{-2\log u}` from the upper 40 bits, so that :math:`|z| < 7.5`
(beyond lies 1e-13 of the law), the angle from the lower 24, of which one is a sign: every moment of odd order
is exactly zero. The polynomials are Chebyshev interpolants, in relative error below 1e-9.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.polynomial import Chebyshev, Polynomial
from numpy.typing import NDArray

from fokkerplanck._kernels._jit import exact, lane
from fokkerplanck._kernels.bits import bits_of, float_of
from fokkerplanck._kernels.elementary import FRACTION, HALF_ROOT

Array = NDArray[np.float64]


def _interpolant(f: Callable[[Array], Array], degree: int, low: float, high: float) -> tuple[float, ...]:
    """Coefficients of the polynomial that meets f in Chebyshev's points."""
    cheb = Chebyshev.interpolate(f, degree, domain=[low, high])
    return tuple(float(c) for c in cheb.convert(kind=Polynomial).coef)


def _log_quotient(t: Array) -> Array:
    return np.log1p(t) / t


# log(1 + t) = t (L0 + L1 t + ...) for 1 + t between the roots of 1/2 and 2.
_LOG = _interpolant(_log_quotient, 11, math.sqrt(0.5) - 1.0, math.sqrt(2.0) - 1.0)
# sin(pi a / 2) = a (S0 + S1 a^2 + ...), cos likewise, for |a| < 1.
_SIN = _interpolant(lambda z: np.sin(0.5 * np.pi * np.sqrt(z)) / np.sqrt(z), 5, 0.0, 1.0)
_COS = _interpolant(lambda z: np.cos(0.5 * np.pi * np.sqrt(z)), 6, 0.0, 1.0)
L0, L1, L2, L3, L4, L5, L6, L7, L8, L9, L10, L11 = _LOG
S0, S1, S2, S3, S4, S5 = _SIN
C0, C1, C2, C3, C4, C5, C6 = _COS
LOG2 = math.log(2.0)
ANGLE_BITS, RADIUS_SHIFT, ANGLE_SHIFT, SIGN_SHIFT = np.uint64(24), np.uint64(12), np.uint64(29), np.uint64(40)
ANGLE, SIGN = np.uint64(0x7FFFFF), np.uint64(0x800000)
ONE, TWO = np.uint64(0x3FF0000000000000), np.uint64(0x4000000000000000)
WHOLE, WHOLE_BITS = 1.5 * 2.0**52, np.int64(0x4338000000000000)


@exact
def _less(bits: np.uint64, offset: float) -> float:
    """The number with these bits, less an offset.

    Bits behind those of 1, 2 or 2**52 are whole numbers in a known unit: below AVX-512 no machine converts
    64-bit whole numbers. Exact, as the offset must not be multiplied out with what comes next.
    """
    number: float = float_of(bits) - offset
    return number


@lane
def normals_of(word: np.uint64) -> tuple[float, float]:
    """Two independent standard normal numbers."""
    u = _less(((word >> ANGLE_BITS) << RADIUS_SHIFT) | ONE, 1.0 - 2.0**-41)
    b = bits_of(u)
    shift = (b - HALF_ROOT) >> FRACTION
    t = float_of(b - (shift << FRACTION)) - 1.0
    t2 = t * t
    t4 = t2 * t2
    q = ((L0 + L1 * t) + (L2 + L3 * t) * t2) + ((L4 + L5 * t) + (L6 + L7 * t) * t2) * t4
    q += ((L8 + L9 * t) + (L10 + L11 * t) * t2) * (t4 * t4)
    radius = math.sqrt(-2.0 * (_less(shift + WHOLE_BITS, WHOLE) * LOG2 + t * q))
    a = _less(((word & ANGLE) << ANGLE_SHIFT) | TWO, 3.0 - 2.0**-23)
    z = a * a
    s = a * (S0 + z * (S1 + z * (S2 + z * (S3 + z * (S4 + z * S5)))))
    c = C0 + z * (C1 + z * (C2 + z * (C3 + z * (C4 + z * (C5 + z * C6)))))
    sign = np.int64((word & SIGN) << SIGN_SHIFT)
    return float_of(bits_of(radius * c) ^ sign), radius * s
