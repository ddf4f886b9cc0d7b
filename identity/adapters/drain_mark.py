"""How the processes of one `identity serve` know that it is about to end."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_DIRECTORY: Final = "PROMETHEUS_MULTIPROC_DIR"  # which they share, and nobody else does


class DrainMark:
    """A file in the directory that one `identity serve` makes for its processes; under other servers there is none."""

    def __init__(self) -> None:
        folder = os.environ.get(_DIRECTORY)
        self._path = Path(folder) / "draining" if folder else None

    def set(self) -> None:
        """Let every process know."""
        if self._path is not None:
            self._path.touch()

    def is_set(self) -> bool:
        """Tell whether it was said."""
        return self._path is not None and self._path.exists()
