"""The active keys: read again when their files change, and updated when their validity says so.

There is no thread. Every use of a key compares the time, and once a second one of them checks the
files. So this works in every server, and an idle worker checks before it answers the next request.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Generic, Protocol, TypeVar

from identity.adapters.data_directory import DataDirectoryError
from identity.domain.keys import SigningKey, active_keys, next_change
from identity.domain.ports import Clock, KeySource

_log = logging.getLogger("identity.keys")
_CHECK_INTERVAL: Final = timedelta(seconds=1)
T = TypeVar("T")


class WatchedKeys(KeySource, Protocol):
    """A source of keys whose changes are cheap to detect.

    Its `load_keys` raises DataDirectoryError if the keys cannot be used.
    """

    def stamp(self) -> object:
        """Return a value that changes whenever the keys change."""


@dataclass(frozen=True, slots=True)
class _Ring(Generic[T]):
    since: datetime
    until: datetime
    stamp: object
    keys: tuple[SigningKey, ...]
    accepted: tuple[SigningKey, ...]
    made: T


class KeyRing(Generic[T]):
    """Provides an object that is built from the accepted keys, and rebuilt when they change.

    Args:
        source: of the keys.
        make: builds the object from the accepted keys, the signing key last.
        clock: the time.
    """

    def __init__(
        self, source: WatchedKeys, make: Callable[[tuple[str, ...]], T], clock: Clock
    ) -> None:
        self._source = source
        self._make = make
        self._clock = clock
        self._lock = threading.Lock()
        self._last_error = ""
        # The stamp is taken before the keys are read, so that a change in between is noticed later.
        stamp = source.stamp()
        now = clock.now()
        self._ring = self._build(stamp, source.load_keys(), now, before=None)

    def current(self) -> T:
        """Return the object for the keys that are active now."""
        ring = self._ring
        now = self._clock.now()
        if ring.since <= now < ring.until:
            return ring.made
        with self._lock:
            if not self._ring.since <= now < self._ring.until:
                self._ring = self._reload(self._ring, now)
            return self._ring.made

    def _reload(self, ring: _Ring[T], now: datetime) -> _Ring[T]:
        stamp = self._source.stamp()
        keys = ring.keys
        try:
            if stamp != ring.stamp:
                keys = self._source.load_keys()
            self._last_error = ""
        except DataDirectoryError as error:
            stamp = ring.stamp  # the next check tries again
            if self._last_error != str(error):
                self._last_error = str(error)
                _log.error("keeping the previous keys: %s", error)
        return self._build(stamp, keys, now, before=ring)

    def _build(
        self, stamp: object, keys: tuple[SigningKey, ...], now: datetime, *, before: _Ring[T] | None
    ) -> _Ring[T]:
        accepted = active_keys(keys, now)
        next_check = now + _CHECK_INTERVAL
        until = min(next_check, next_change(keys, now) or next_check)
        if before is not None and accepted == before.accepted:
            return _Ring(now, until, stamp, keys, accepted, before.made)
        made = self._make(tuple(key.secret for key in accepted))
        if before is not None:
            _log.info("signing with key %s; %d keys accepted", accepted[-1].name, len(accepted))
        return _Ring(now, until, stamp, keys, accepted, made)


class CachedKeys:
    """The keys as they were last readable; they are read again only when their files change."""

    def __init__(self, source: WatchedKeys) -> None:
        self._source = source
        self._stamp: object = self  # differs from every stamp of the source
        self._keys: tuple[SigningKey, ...] = ()

    def load_keys(self) -> tuple[SigningKey, ...]:
        """Return the keys, oldest first.

        Raises:
            DataDirectoryError: they were never readable.
        """
        stamp = self._source.stamp()
        if stamp != self._stamp:
            try:
                self._keys = self._source.load_keys()
                self._stamp = stamp
            except DataDirectoryError:  # logged by `KeyRing`
                if not self._keys:
                    raise
        return self._keys
