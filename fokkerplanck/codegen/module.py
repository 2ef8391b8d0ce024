"""Generated source as modules on disk, so that a known program is never compiled twice."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import sys
import tempfile
from functools import lru_cache
from pathlib import Path
from types import ModuleType

import numpy as np

from fokkerplanck import __version__
from fokkerplanck._kernels import _cache


@lru_cache(maxsize=256)
def load_module(source: str, stem: str) -> ModuleType:
    """Write generated source to the user's cache folder, once, and import it from there.

    The file name holds a hash of the source, of all versions and of the kernels, so that Numba's
    own cache beside it (``cache=True``) is found by later processes and never stale.
    """
    import numba

    versions = (__version__, numba.__version__, np.__version__, platform.python_version())
    key = hashlib.sha256("\n".join((source, *versions, _cache.kernels_hash())).encode()).hexdigest()[:20]
    name = f"fokkerplanck_generated_{stem}_{key}"
    path = _cache.root() / "programs" / f"{name}.py"
    if not path.exists():
        _write_once(path, source)
    specification = importlib.util.spec_from_file_location(name, path)
    if specification is None or specification.loader is None:
        raise ImportError(f"cannot import the generated module {path}")
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module  # numba looks the module of a cached function up by name
    specification.loader.exec_module(module)
    return module


def _write_once(path: Path, text: str) -> None:
    """Write a file beside its place and move it there: another process sees it whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, beside = tempfile.mkstemp(dir=path.parent, suffix=".part")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(beside, path)
