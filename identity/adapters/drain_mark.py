"""Tells the processes of one `identity serve` that it is about to stop."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_DIRECTORY: Final = "PROMETHEUS_MULTIPROC_DIR"  # shared by exactly these processes


class DrainMark:
    """A file in the directory that `identity serve` creates for its processes.

    Other servers have no such directory, so there the mark is never set.
    """

    def __init__(self) -> None:
        folder = os.environ.get(_DIRECTORY)
        self._path = Path(folder) / "draining" if folder else None

    def set(self) -> None:
        """Announce it to every process."""
        if self._path is not None:
            self._path.touch()

    def is_set(self) -> bool:
        """Tell whether it was announced."""
        return self._path is not None and self._path.exists()
