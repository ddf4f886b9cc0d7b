"""Caches verified passwords, and shares one hash between equal checks that run at the same time.

A program that sends its password with each request costs one hash in a few seconds instead of one
for each request.
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
_WAIT_SECONDS: Final = 2.0  # one second for a slot, one for the hash
# Beyond so many running checks, only a few callers may wait for one: a flood of passwords must not
# occupy the threads that token checks need.
_RUNNING_BEFORE_CAP: Final = 2
_MAX_WAITING: Final = 4


class _Check:
    """A running check and its result: `matches` stays None if the check fails with an error."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.matches: bool | None = None
        self.busy = False


class ProvenPasswords:
    """Remembers the passwords that this process has verified, as keyed digests.

    A digest covers the account as it was just read: its password hash, its version and whether it
    is disabled. So any change of these ends the cached result on every node with its commit.

    Args:
        life: how long a verified password is remembered; zero disables the cache.
    """

    def __init__(self, life: timedelta) -> None:
        self._seconds = life.total_seconds()
        self._key = secrets.token_bytes(32)
        self._expires_at: dict[bytes, float] = {}
        self._running: dict[bytes, _Check] = {}
        self._waiting = 0
        self._lock = threading.Lock()

    def digest(self, candidate: LoginCandidate, password: str | None) -> bytes:
        """Return the key of a password of an account, or of a decoy.

        Args:
            candidate: the account or the decoy.
            password: raw; None if no account can have it.
        """
        account = (
            candidate.exists,
            candidate.subject.id,
            candidate.subject.version,
            candidate.disabled,
            candidate.counted_as,
        )
        text = repr((*account, candidate.password_hash, password))
        return hmac.digest(self._key, text.encode("utf-8", "surrogatepass"), hashlib.sha256)

    def check(self, digest: bytes, compute: Callable[[], bool]) -> tuple[bool, bool]:
        """Tell whether a password is right, and whether the hash was computed for this caller.

        Of several callers with one digest, the first computes, and the others get the same result.
        A wrong password is not remembered.

        Raises:
            Busy: the admission queue refused the first caller, or the result took too long.
        """
        if not self._seconds:
            return compute(), True
        with self._lock:
            if self._expires_at.get(digest, 0) > time.monotonic():
                return True, False
            running = self._running.get(digest)
            may_wait = len(self._running) <= _RUNNING_BEFORE_CAP or self._waiting < _MAX_WAITING
            if running is None:
                own = self._running[digest] = _Check()
            elif may_wait:
                self._waiting += 1
        if running is None:
            return self._lead(digest, own, compute), True
        matches = self._follow(running) if may_wait else None
        if matches is None:
            return compute(), True
        return matches, False

    def _lead(self, digest: bytes, check: _Check, compute: Callable[[], bool]) -> bool:
        try:
            check.matches = compute()
        except Busy:
            check.busy = True
            raise
        finally:
            with self._lock:
                del self._running[digest]
                if check.matches:
                    self._remember(digest)
            check.done.set()
        return check.matches

    def _follow(self, check: _Check) -> bool | None:
        try:
            done = check.done.wait(_WAIT_SECONDS)
        finally:
            with self._lock:
                self._waiting -= 1
        if check.busy or not done:
            raise Busy(_RETRY_AFTER)
        return check.matches

    def _remember(self, digest: bytes) -> None:
        now = time.monotonic()
        while self._expires_at and self._expires_at[oldest := next(iter(self._expires_at))] <= now:
            del self._expires_at[oldest]
        put_bounded(self._expires_at, digest, now + self._seconds, bound=_BOUND)
