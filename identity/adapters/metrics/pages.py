"""Numbers that one process writes and all processes of a node can read."""

from __future__ import annotations

import mmap
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

BOUNDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
SUM: Final = len(BOUNDS) + 1  # after the buckets, the last of which has no bound
WIDTH: Final = SUM + 1
STATE: Final = 16  # numbers at the beginning of a page, which the process publishes about itself
_PAGE_BYTES: Final = 1024 * 1024
_ROWS: Final = (_PAGE_BYTES // 8 - STATE) // WIDTH

Key = tuple[str, str, str, str]  # dialect, method, route, status


class Pages:
    """The page of numbers of this process, and those of the other workers."""

    def __init__(self, directory: str | None) -> None:
        self.shared = Path(directory) if directory else None
        self.rows: dict[tuple[str, str, str, int], int] = {}
        self._lock = threading.Lock()
        self._names = ""
        file = -1
        if self.shared:
            own = self.shared / f"{os.getpid()}-{id(self)}.page"
            self._index = own.with_suffix(".rows")
            self._index.touch(mode=0o600)
            file = os.open(own, os.O_RDWR | os.O_CREAT, 0o600)
            os.truncate(file, _PAGE_BYTES)
        self.numbers = memoryview(mmap.mmap(file, _PAGE_BYTES)).cast("d")
        if file >= 0:
            os.close(file)

    def add(self, key: tuple[str, str, str, int]) -> int:
        """Return the row of a key, and assign one first if it has none."""
        with self._lock:
            row = self.rows.get(key)
            if row is None and len(self.rows) < _ROWS:
                self._names += "\t".join(map(str, key)) + "\n"
                if self.shared:
                    self._index.write_text(self._names)
                row = self.rows[key] = STATE + len(self.rows) * WIDTH
            # Routes and statuses are few. If the page were ever full, the first row takes the rest.
            return row or STATE

    def all(self) -> Iterator[tuple[list[Key], memoryview[float]]]:
        """Return the names of the rows and the numbers of every process."""
        if not self.shared:
            yield _keys(self._names), self.numbers
            return
        for index in self.shared.glob("*.rows"):
            page = index.with_suffix(".page")
            if page.exists():
                yield _keys(index.read_text()), memoryview(page.read_bytes()).cast("d")


def _keys(names: str) -> list[Key]:
    return [
        (dialect, method, route, status)
        for dialect, method, route, status in (line.split("\t") for line in names.splitlines())
    ]
