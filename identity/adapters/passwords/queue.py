"""The queue before the hash: a few places, and one more that whoever pushes does not get."""

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
_Caller = tuple[str, str]  # group of addresses, name


class AdmissionQueue:
    """Admits few callers at a time to the hasher and turns the rest away at once.

    Args:
        hasher: what they are admitted to.
        places: the one who hashes and those who wait, per process. Where somebody can wait at all there is one place
            more: for addresses (IPv6: a /64) that have none, and for a name that came back when it was told to. So
            one flood leaves a way to all others, and to its own neighbours.
    """

    def __init__(self, hasher: Hasher, *, places: int) -> None:
        self._hasher = hasher
        self._kept = 1 if places > 1 else 0
        self._free = places + self._kept
        self._held: Counter[str] = Counter()
        self._told: dict[_Caller, float] = {}
        self._lock = threading.Lock()

    @contextmanager
    def admit(self, ip: str = "", name: str = "") -> Iterator[Hasher]:
        """Take a place in the queue, or raise Busy without having computed anything."""
        caller = client_network(ip), name
        self._enter(caller)
        try:
            yield self._hasher
        finally:
            self._leave(caller)

    def turned_away(self, ip: str, name: str) -> Busy | None:
        """Return the refusal for who was turned away a moment ago and would be again; he waits anew."""
        caller = client_network(ip), name
        with self._lock:
            if caller not in self._told or self._is_open(caller):
                return None
            self._tell(caller)
            return Busy(_RETRY_AFTER, repeated=True)

    def _enter(self, caller: _Caller) -> None:
        with self._lock:
            if not self._is_open(caller):
                self._tell(caller)
                raise Busy(_RETRY_AFTER)
            self._told.pop(caller, None)
            self._free -= 1
            self._held[caller[0]] += 1

    def _leave(self, caller: _Caller) -> None:
        with self._lock:
            self._free += 1
            self._held[caller[0]] -= 1
            if not self._held[caller[0]]:
                del self._held[caller[0]]

    def _is_open(self, caller: _Caller) -> bool:
        told = self._told.get(caller)
        waited = told is not None and time.monotonic() - told >= _RETRY_AFTER.total_seconds()
        pushes = self._held[caller[0]] and not waited
        return self._free > (self._kept if pushes else 0)

    def _tell(self, caller: _Caller) -> None:
        put_bounded(self._told, caller, time.monotonic(), bound=_REMEMBERED)
