"""Runs that can be stopped, or killed, and go on to the same bits."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

INTERVAL = 10.0  # seconds between two files
_STATE = "state."  # before the names of arrays
_FACTS = "facts"  # what the run is, as text


class Checkpoint:
    """A file that holds where a run stands, whole at any moment, and without pickles.

    It is written beside its place, flushed to the disk and moved there. It names what the run is made of by
    hashes, so that another run is never taken for its continuation.

    Parameters
    ----------
    path : str or Path
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        if not self.path.parent.is_dir():
            raise ValueError(f"checkpoint is {str(path)!r}, but the folder {self.path.parent} does not exist")
        self._facts: dict[str, str] = {}
        self._live: dict[str, NDArray[Any]] = {}
        self._kept: dict[str, NDArray[Any]] = {}
        self._done = 0
        self._written = time.monotonic()

    @property
    def seed(self) -> int | None:
        """Seed of the run that the file holds; None where there is no file."""
        held = self._read()
        return None if held is None else int(json.loads(str(held[_FACTS]))["seed"])

    def begin(self, live: Mapping[str, NDArray[Any]], **facts: Any) -> int:
        """Say what the run is made of and which arrays are its state; these take on what the file holds.

        Returns
        -------
        int
            Steps already done.

        Raises
        ------
        ValueError
            If the file belongs to another run, or is none.
        """
        self._facts, self._live = {k: _hash(v) for k, v in facts.items()}, dict(live)
        held = self._read()
        if held is not None:
            theirs = json.loads(str(held[_FACTS]))
            differ = [k for k in self._facts if theirs.get(k) != self._facts[k]]
            if differ:
                raise ValueError(
                    f"the checkpoint {self.path} belongs to another run: {', '.join(differ)} differ; give "
                    "another path, or delete the file to start anew"
                )
            for name, array in self._live.items():
                array[...] = held[_STATE + name]
            self._done = int(held["done"])
        self._keep()
        return self._done

    def note(self, done: int) -> None:
        """The arrays now stand after so many steps."""
        self._done = done
        self._keep()
        if time.monotonic() - self._written > INTERVAL:
            self.write()

    def write(self) -> None:
        """Write what was noted last: arrays that a step has since begun to change are not looked at."""
        arrays = {_STATE + name: array for name, array in self._kept.items()}
        arrays |= {"done": np.array(self._done), _FACTS: np.array(json.dumps(self._facts))}
        handle, beside = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                np.savez(file, **arrays)  # type: ignore[arg-type]
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, self.path)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(beside)
            raise
        self._written = time.monotonic()

    def _keep(self) -> None:
        self._kept = {name: array.copy() for name, array in self._live.items()}

    def _read(self) -> dict[str, NDArray[Any]] | None:
        if not self.path.exists():
            return None
        try:
            with np.load(self.path, allow_pickle=False) as file:
                held = dict(file)
            json.loads(str(held[_FACTS])), int(held["done"])
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise ValueError(
                f"{self.path} is no checkpoint of this package ({error}): give another path, or delete it"
            ) from error
        return held


def _hash(value: Any) -> str:
    """A seed as it is, all else by its bytes."""
    if isinstance(value, int):
        return str(value)
    data = value.tobytes() if isinstance(value, np.ndarray) else str(value).encode()
    return hashlib.sha256(data).hexdigest()[:20]
