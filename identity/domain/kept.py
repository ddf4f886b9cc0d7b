"""A value that is costly to make and asked for often: made by one caller at a time, and kept for the others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Kept(Generic[Value]):
    """Keeps one value.

    Args:
        seconds: for how long; None for ever.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self._seconds = seconds
        self._making = threading.Lock()
        self._held: tuple[Value, float] | None = None

    def get(self, make: Callable[[], Value]) -> Value:
        """Return the value, made anew where its time is over and nobody else is making it just now.

        Raises:
            Exception: what `make` raises; then nothing is kept.
        """
        held = self._held
        if held is not None and (
            self._seconds is None or time.monotonic() < held[1] + self._seconds
        ):
            return held[0]
        if not self._making.acquire(blocking=held is None):
            return held[0] if held else self.get(make)
        try:
            if self._held is held:
                self._held = make(), time.monotonic()
            return self._held[0] if self._held else make()
        finally:
            self._making.release()
