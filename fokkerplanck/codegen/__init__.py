"""From sympy to NumPy functions, to scalar source for kernels, and to compiled modules kept on disk."""

from __future__ import annotations

from fokkerplanck.codegen.arrays import numpy_function
from fokkerplanck.codegen.module import load_module
from fokkerplanck.codegen.printer import real_form, scalar_source

__all__ = ["load_module", "numpy_function", "real_form", "scalar_source"]
