"""Caches recent refusals, so that a flood against a locked name does not query the database."""

from __future__ import annotations

import threading
import time
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from identity.caching import put_bounded
from identity.domain.errors import RateLimited
from identity.domain.limits import Limit
from identity.domain.ports import Clock

_BOUND: Final = 10_000


class ChangeGeneration(Protocol):
    """Counts the changes of accounts that this process knows of."""

    @property
    def generation(self) -> int:
        """A number that grows with every change."""

    def is_current(self) -> bool:
        """Tell whether the journal has been read up to now."""


@dataclass(frozen=True, slots=True)
class _Entry:
    limit: Limit | None
    ends_at: datetime
    forget_at: float
    generation: int


class RefusalCache:
    """Remembers refusals for a short time, and not beyond a change, which may have lifted the lock.

    Args:
        clock: the time.
        changes: the change generation.
        seconds: how long a refusal is remembered at most.
    """

    def __init__(self, clock: Clock, changes: ChangeGeneration, *, seconds: float = 1.0) -> None:
        self._clock = clock
        self._changes = changes
        self._seconds = seconds
        self._entries: dict[Hashable, _Entry] = {}
        self._lock = threading.Lock()

    @contextmanager
    def remembered(self, key: Hashable) -> Iterator[None]:
        """Run the block unless a refusal of the same key is cached; cache a refusal of the block.

        Raises:
            RateLimited: from the cache with the remaining time, or from the block.
        """
        if known := self.known(key):
            raise known
        # Before the counter is read, so that a later change invalidates what the block stores.
        generation = self._changes.generation
        try:
            yield
        except RateLimited as refusal:
            self._store(key, refusal, generation)
            raise

    def known(self, key: Hashable) -> RateLimited | None:
        """Return the cached refusal of a key with the remaining time, or None."""
        entry = self._entries.get(key)
        if entry and self._holds(entry) and entry.ends_at > (now := self._clock.now()):
            return RateLimited(entry.ends_at - now, entry.limit, repeated=True)
        return None

    def _holds(self, entry: _Entry) -> bool:
        fresh = entry.forget_at > time.monotonic()
        return fresh and self._changes.is_current() and entry.generation == self._changes.generation

    def _store(self, key: Hashable, refusal: RateLimited, generation: int) -> None:
        ends_at = self._clock.now() + refusal.retry_after
        entry = _Entry(refusal.limit, ends_at, time.monotonic() + self._seconds, generation)
        with self._lock:
            put_bounded(self._entries, key, entry, bound=_BOUND)
