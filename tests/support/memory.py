"""Where thousands of small databases and files are, so that no test waits for a disk."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

_MEMORY = Path("/dev/shm")
_ENOUGH_BYTES = 4 * 2**30


def memory() -> Path | None:
    """Return /dev/shm if it has enough room."""
    if os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _ENOUGH_BYTES:
        return _MEMORY
    return None
