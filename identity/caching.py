"""Bounded caches, and a value that is computed by one thread at a time. Below every other room."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

_BOUND: Final = 10_000


class BoundedCache(Generic[Value]):
    """Maps a text to a value, such as a verified token to its claims. Cleared when full.

    Callers put only verified entries, so that a client without a valid token cannot fill it.
    """

    def __init__(self, *, bound: int = _BOUND) -> None:
        self._bound = bound
        self._values: dict[str, Value] = {}
        self.find = self._values.get

    def put(self, key: str, value: Value) -> Value:
        """Store and return a value."""
        if len(self._values) >= self._bound:
            self._values.clear()
        self._values[key] = value
        return value


def put_bounded(values: dict[Key, Value], key: Key, value: Value, *, bound: int) -> None:
    """Put the newest of at most `bound` values and drop the oldest. The caller holds a lock."""
    values.pop(key, None)
    while len(values) >= bound:
        del values[next(iter(values))]
    values[key] = value


class CachedValue(Generic[Value]):
    """Keeps a value that is expensive to compute.

    Args:
        seconds: how long it is kept; None: forever.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self._seconds = seconds
        self._making = threading.Lock()
        self._cached: tuple[Value, float] | None = None

    def get(self, make: Callable[[], Value]) -> Value:
        """Return the value. If it has expired, one caller computes it; the others get the old one.

        Raises:
            Exception: the exception of `make`; then nothing is kept.
        """
        cached = self._cached
        if cached is not None and self._is_current(cached[1]):
            return cached[0]
        if not self._making.acquire(blocking=cached is None):
            return cached[0] if cached else self.get(make)
        try:
            if self._cached is cached:
                self._cached = make(), time.monotonic()
            return self._cached[0] if self._cached else make()
        finally:
            self._making.release()

    def _is_current(self, made_at: float) -> bool:
        return self._seconds is None or time.monotonic() < made_at + self._seconds
