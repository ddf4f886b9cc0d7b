"""The keys that count right now: read again when their files change, and another set when their time comes.

There is no thread: whoever needs a key compares the time, and once a second one caller looks at the files. So it
works in every server, and a worker that was idle looks before it judges the first request.
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
_LOOK: Final = timedelta(seconds=1)
T = TypeVar("T")


class WatchedKeys(KeySource, Protocol):
    """Where keys are read from; reading raises DataDirectoryError where none can be used."""

    def stamp(self) -> object:
        """Return what changes with the keys, cheaply."""


@dataclass(frozen=True, slots=True)
class _Ring(Generic[T]):
    since: datetime
    until: datetime
    stamp: object
    keys: tuple[SigningKey, ...]
    accepted: tuple[SigningKey, ...]
    made: T


class KeyRing(Generic[T]):
    """Gives what is made of the accepted keys, the one that signs last."""

    def __init__(
        self, source: WatchedKeys, make: Callable[[tuple[str, ...]], T], clock: Clock
    ) -> None:
        self._source = source
        self._make = make
        self._clock = clock
        self._turn = threading.Lock()
        self._complaint = ""
        stamp, now = source.stamp(), clock.now()
        self._ring = self._turned(stamp, source.load_keys(), now, before=None)

    def current(self) -> T:
        """Return what is made of the keys that count now."""
        now, ring = self._clock.now(), self._ring
        if ring.since <= now < ring.until:
            return ring.made
        with self._turn:
            if not self._ring.since <= now < self._ring.until:
                self._ring = self._look(self._ring, now)
            return self._ring.made

    def _look(self, ring: _Ring[T], now: datetime) -> _Ring[T]:
        # The stamp comes first: what changes while we read is then seen by the next look.
        stamp, keys = self._source.stamp(), ring.keys
        try:
            keys = keys if stamp == ring.stamp else self._source.load_keys()
            self._complaint = ""
        except DataDirectoryError as error:
            stamp = ring.stamp  # so that it is tried again
            if self._complaint != str(error):
                self._complaint = str(error)
                _log.error("the keys stay as they were: %s", error)
        return self._turned(stamp, keys, now, before=ring)

    def _turned(
        self, stamp: object, keys: tuple[SigningKey, ...], now: datetime, *, before: _Ring[T] | None
    ) -> _Ring[T]:
        accepted = active_keys(keys, now)
        until = min(now + _LOOK, next_change(keys, now) or now + _LOOK)
        if before is not None and accepted == before.accepted:
            return _Ring(now, until, stamp, keys, accepted, before.made)
        made = self._make(tuple(key.secret for key in accepted))
        if before is not None:
            _log.info("key %s signs; %d are accepted", accepted[-1].name, len(accepted))
        return _Ring(now, until, stamp, keys, accepted, made)


class RememberedKeys:
    """The keys as they were when they could last be read, so that asking often costs a look at their files."""

    def __init__(self, source: WatchedKeys) -> None:
        self._source = source
        self._stamp: object = self  # none of the source's
        self._keys: tuple[SigningKey, ...] = ()

    def load_keys(self) -> tuple[SigningKey, ...]:
        """Return the keys, oldest first.

        Raises:
            DataDirectoryError: they could never be read.
        """
        stamp = self._source.stamp()
        if stamp != self._stamp:
            try:
                self._keys, self._stamp = self._source.load_keys(), stamp
            except DataDirectoryError:  # which `KeyRing` says
                if not self._keys:
                    raise
        return self._keys
