"""What was refused a moment ago, so that a flood against a lock costs no question to the database."""

from __future__ import annotations

import threading
import time
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from identity.domain.errors import RateLimited
from identity.domain.limits import Limit
from identity.domain.ports import Clock

_BOUND: Final = 10_000


@dataclass(frozen=True, slots=True)
class _Note:
    limit: Limit | None
    ends_at: datetime
    forget_at: float


class Refusals:
    """Remembers refusals of this process for `seconds`; so much later it sees that a lock was lifted elsewhere."""

    def __init__(self, clock: Clock, *, seconds: float = 1.0) -> None:
        self._clock = clock
        self._seconds = seconds
        self._notes: dict[Hashable, _Note] = {}
        self._lock = threading.Lock()

    @contextmanager
    def remembered(self, what: Hashable) -> Iterator[None]:
        """Run the block, unless the same was refused just now; remember it if the block is refused.

        Raises:
            RateLimited: as before, with the time that is left.
        """
        note = self._notes.get(what)
        if note and note.forget_at > time.monotonic() and note.ends_at > (now := self._clock.now()):
            raise RateLimited(note.ends_at - now, note.limit)
        try:
            yield
        except RateLimited as refusal:
            self._note(what, refusal)
            raise

    def forget_all(self) -> None:
        """Forget every note: a lock was lifted."""
        with self._lock:
            self._notes.clear()

    def _note(self, what: Hashable, refusal: RateLimited) -> None:
        note = _Note(refusal.limit, self._clock.now() + refusal.retry_after, time.monotonic() + self._seconds)
        with self._lock:
            self._notes.pop(what, None)
            while len(self._notes) >= _BOUND:
                del self._notes[next(iter(self._notes))]  # the oldest
            self._notes[what] = note
