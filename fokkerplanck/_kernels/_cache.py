"""Where compiled code is kept between processes."""

from __future__ import annotations

import hashlib
import os
import tempfile
from functools import lru_cache
from pathlib import Path

import platformdirs


@lru_cache(maxsize=1)
def kernels_hash() -> str:
    """Hash of all kernel sources: Numba does not notice that a callee in another file has changed."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@lru_cache(maxsize=1)
def root() -> Path:
    """The cache folder: FOKKERPLANCK_CACHE, or the user's; a temporary one where that cannot be written."""
    chosen = os.environ.get("FOKKERPLANCK_CACHE")
    folder = Path(chosen) if chosen else platformdirs.user_cache_path("fokkerplanck")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder.resolve()
    except OSError:  # results are the same, only each process compiles anew
        return Path(tempfile.mkdtemp(prefix="fokkerplanck-"))


@lru_cache(maxsize=4)
def machine_code(chosen: str = "") -> Path:
    """Numba's folder for these kernels, below the user's NUMBA_CACHE_DIR if there is one."""
    folder = (Path(chosen) if chosen else root() / "machine-code") / kernels_hash()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        folder = Path(tempfile.mkdtemp(prefix="fokkerplanck-"))
    return folder
