"""What was refused a moment ago, so that a flood against a lock costs no question to the database."""

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
    """What is heard of changes, made by this process or another."""

    @property
    def generation(self) -> int:
        """Grow with every change that is heard of."""

    def is_current(self) -> bool:
        """Tell whether what was committed until a moment ago has been heard of."""


@dataclass(frozen=True, slots=True)
class _Note:
    limit: Limit | None
    ends_at: datetime
    forget_at: float
    generation: int


class RefusalCache:
    """Remembers refusals of this process for `seconds`, but not beyond a change: it may have lifted the lock."""

    def __init__(self, clock: Clock, changes: ChangeGeneration, *, seconds: float = 1.0) -> None:
        self._clock = clock
        self._changes = changes
        self._seconds = seconds
        self._notes: dict[Hashable, _Note] = {}
        self._lock = threading.Lock()

    @contextmanager
    def remembered(self, what: Hashable) -> Iterator[None]:
        """Run the block, unless the same was refused just now; remember it if the block is refused.

        Raises:
            RateLimited: as before, with the time that is left.
        """
        if known := self.known(what):
            raise known
        generation = (
            self._changes.generation
        )  # before the counter is read: what changes later is another one
        try:
            yield
        except RateLimited as refusal:
            self._note(what, refusal, generation)
            raise

    def known(self, what: Hashable) -> RateLimited | None:
        """Return the refusal of the same a moment ago, with the time that is left."""
        note = self._notes.get(what)
        if note and self._holds(note) and note.ends_at > (now := self._clock.now()):
            return RateLimited(note.ends_at - now, note.limit, repeated=True)
        return None

    def _holds(self, note: _Note) -> bool:
        fresh = note.forget_at > time.monotonic()
        return fresh and self._changes.is_current() and note.generation == self._changes.generation

    def _note(self, what: Hashable, refusal: RateLimited, generation: int) -> None:
        ends_at, forget_at = (
            self._clock.now() + refusal.retry_after,
            time.monotonic() + self._seconds,
        )
        note = _Note(refusal.limit, ends_at, forget_at, generation)
        with self._lock:
            put_bounded(self._notes, what, note, bound=_BOUND)
