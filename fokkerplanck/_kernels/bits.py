"""Floating-point numbers as their bits, and whole numbers near them, in forms that vectorise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

if TYPE_CHECKING:
    import numpy as np

    def bits_of(x: float) -> np.int64:
        """Bits of a float64."""

    def float_of(b: np.int64 | np.uint64) -> float:
        """Float64 of 64 bits."""

    def nearest(x: float) -> float:
        """Nearest whole number: one instruction."""

else:

    @intrinsic
    def bits_of(context: Any, x: Any) -> Any:
        """Bits of a float64."""

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.bitcast(arguments[0], ir.IntType(64))

        return types.int64(types.float64), generate

    @intrinsic
    def float_of(context: Any, b: Any) -> Any:
        """Float64 of 64 bits."""

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.bitcast(arguments[0], ir.DoubleType())

        return types.float64(b), generate

    @intrinsic
    def nearest(context: Any, x: Any) -> Any:
        """Nearest whole number: one instruction."""

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            rint = builder.module.declare_intrinsic("llvm.rint", (ir.DoubleType(),))
            return builder.call(rint, arguments)

        return types.float64(types.float64), generate
