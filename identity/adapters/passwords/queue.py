"""The admission queue before the hash: a few slots, one of them reserved.

The reserved slot is not available to clients that do not back off. See decision 49.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from identity.caching import put_bounded
from identity.domain.errors import Busy
from identity.domain.limits import client_network
from identity.domain.ports import Hasher

_RETRY_AFTER: Final = timedelta(seconds=1)
_REMEMBERED: Final = 4096
_Caller = tuple[str, str]  # client, name


class AdmissionQueue:
    """Admits a few callers at a time to the hasher and refuses the others immediately.

    Args:
        hasher: to which callers are admitted.
        slots: for the caller that is hashing and those that wait, per process. If any can wait,
            there is one more slot, reserved for clients that hold none and for a name that came
            back after Retry-After. So a flood from one client leaves a slot for all others, and
            for users who share its IP.
    """

    def __init__(self, hasher: Hasher, *, slots: int) -> None:
        self._hasher = hasher
        self._reserved = 1 if slots > 1 else 0
        self._free = slots + self._reserved
        self._held: Counter[str] = Counter()
        self._refused_at: dict[_Caller, float] = {}
        self._lock = threading.Lock()

    @contextmanager
    def admit(self, ip: str = "", name: str = "") -> Iterator[Hasher]:
        """Take a slot in the queue, or raise Busy without computing anything."""
        caller = client_network(ip), name
        self._enter(caller)
        try:
            yield self._hasher
        finally:
            self._leave(caller)

    def turned_away(self, ip: str, name: str) -> Busy | None:
        """Return the error for a caller that was just refused and would be again, else None.

        The caller's waiting time starts again.
        """
        caller = client_network(ip), name
        with self._lock:
            if caller not in self._refused_at or self._has_slot(caller):
                return None
            self._note_refusal(caller)
            return Busy(_RETRY_AFTER, repeated=True)

    def _enter(self, caller: _Caller) -> None:
        with self._lock:
            if not self._has_slot(caller):
                self._note_refusal(caller)
                raise Busy(_RETRY_AFTER)
            self._refused_at.pop(caller, None)
            self._free -= 1
            self._held[caller[0]] += 1

    def _leave(self, caller: _Caller) -> None:
        with self._lock:
            self._free += 1
            self._held[caller[0]] -= 1
            if not self._held[caller[0]]:
                del self._held[caller[0]]

    def _has_slot(self, caller: _Caller) -> bool:
        refused_at = self._refused_at.get(caller)
        backed_off = (
            refused_at is not None and time.monotonic() - refused_at >= _RETRY_AFTER.total_seconds()
        )
        may_use_reserved = backed_off or not self._held[caller[0]]
        return self._free > (0 if may_use_reserved else self._reserved)

    def _note_refusal(self, caller: _Caller) -> None:
        put_bounded(self._refused_at, caller, time.monotonic(), bound=_REMEMBERED)
