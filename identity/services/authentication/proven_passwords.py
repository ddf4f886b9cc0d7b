"""Right passwords that were proven a moment ago, and equal ones that are checked at the same time.

A program that sends its password with each request costs one hash in a few seconds, not one for each.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from identity.caching import put_bounded
from identity.domain.errors import Busy
from identity.services.authentication.identifiers import LoginCandidate

_BOUND: Final = 1024
_RETRY_AFTER: Final = timedelta(seconds=1)
_PATIENCE_SECONDS: Final = 2.0  # a second before the slot, and the hash itself
# A flood of passwords must not hold the threads that token checks need.
_FEW_UNDER_WAY: Final = 2
_MOST_WAITING: Final = 4


class _Check:
    """A hash that is being computed, and what came out: nothing where something else went wrong."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.matches: bool | None = None
        self.busy = False


class ProvenPasswords:
    """Knows what this process has just proven, by keyed digests alone.

    A digest covers the account as it was just read: its stored hash, its version and whether it is disabled. So
    whatever changes an account ends what is known of it, on every node, with its commit.

    Args:
        life: for how long a right password is known; with zero every password is hashed.
    """

    def __init__(self, life: timedelta) -> None:
        self._seconds = life.total_seconds()
        self._key = secrets.token_bytes(32)
        self._until: dict[bytes, float] = {}
        self._under_way: dict[bytes, _Check] = {}
        self._waiting = 0
        self._lock = threading.Lock()

    def digest(self, named: LoginCandidate, password: str | None) -> bytes:
        """Return what stands for a password of an account, or of a name that no account has.

        Args:
            named: the account, or what stands in for it.
            password: as typed; None where no account can have it.
        """
        account = (
            named.exists,
            named.subject.id,
            named.subject.version,
            named.disabled,
            named.counted_as,
        )
        text = repr((*account, named.password_hash, password))
        return hmac.digest(self._key, text.encode("utf-8", "surrogatepass"), hashlib.sha256)

    def check(self, digest: bytes, compute: Callable[[], bool]) -> tuple[bool, bool]:
        """Tell whether a password is right, and whether it was computed for this caller.

        Of several callers with one digest the first computes, and the others hear what came out. What was wrong is
        not remembered.

        Raises:
            Busy: the one who computes was turned away; and whatever `compute` raises.
        """
        if not self._seconds:
            return compute(), True
        with self._lock:
            if self._until.get(digest, 0) > time.monotonic():
                return True, False
            running = self._under_way.get(digest)
            if running is None:
                mine = self._under_way[digest] = _Check()
            elif follows := len(self._under_way) <= _FEW_UNDER_WAY or self._waiting < _MOST_WAITING:
                self._waiting += 1
        if running is None:
            return self._lead(digest, mine, compute), True
        matches = self._follow(running) if follows else None
        return (compute(), True) if matches is None else (matches, False)

    def _lead(self, digest: bytes, check: _Check, compute: Callable[[], bool]) -> bool:
        try:
            check.matches = compute()
        except Busy:
            check.busy = True
            raise
        finally:
            with self._lock:
                del self._under_way[digest]
                if check.matches:
                    self._remember(digest)
            check.done.set()
        return check.matches

    def _follow(self, check: _Check) -> bool | None:
        try:
            done = check.done.wait(_PATIENCE_SECONDS)
        finally:
            with self._lock:
                self._waiting -= 1
        if check.busy or not done:
            raise Busy(_RETRY_AFTER)
        return check.matches

    def _remember(self, digest: bytes) -> None:
        now = time.monotonic()
        while self._until and self._until[oldest := next(iter(self._until))] <= now:
            del self._until[oldest]
        put_bounded(self._until, digest, now + self._seconds, bound=_BOUND)
