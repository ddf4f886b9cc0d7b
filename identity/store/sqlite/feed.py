"""Reads the journal on SQLite whenever the file has changed. Its ids are in the order of commits.

`PRAGMA data_version` tells whether anything was committed. It is cheap, but the interpreter may
switch threads meanwhile, which costs a token check more than all of its other work. So a process
that commits an entry also sets the change counter, a random value in memory that all processes of
the machine share. The pragma runs when the counter has changed, or 0.2 seconds after it last ran,
in case a process was killed between its commit and the counter. See decision 35.
"""

from __future__ import annotations

import logging
import math
import mmap
import os
import secrets
import threading
from contextlib import suppress
from typing import Any, Final

from sqlalchemy import Engine
from sqlalchemy.exc import DisconnectionError

from identity.store.boottime import boottime
from identity.store.journal import Change, Reader
from identity.store.sqlite.file import FileIdentity, identity_of

_log = logging.getLogger(__name__)
_COUNTER_BYTES: Final = 8
_TRUSTED_SECONDS: Final = 0.2
_RETRY_SECONDS: Final = 0.2
_NEWER: Final = "SELECT id, at, account_id, session_id FROM journal WHERE id >= ? ORDER BY id"
# The newest one always, as the position from which to read on.
_ALL: Final = (
    "SELECT id, at, account_id, session_id FROM journal "
    "WHERE at >= ? OR id = (SELECT max(id) FROM journal) ORDER BY id"
)


class SqliteFeed:
    """Reads the journal before an answer, in the thread that is about to answer.

    Args:
        engine: of the database.
        reader: receives the entries.
    """

    def __init__(self, engine: Engine, reader: Reader) -> None:
        self._engine = engine
        self._reader = reader
        self._lock = threading.Lock()
        self._shared = _shared_counter(engine.url.database)
        self._trusted_seconds = _TRUSTED_SECONDS if isinstance(self._shared, mmap.mmap) else 0.0
        self._counter = b""
        self._checked_at = -math.inf
        self._connection: Any = None
        self._file: FileIdentity = None
        self._version = -1
        self._last: Any = None
        self._is_whole = False
        self._retry_at = 0.0
        self._broken_at = 0.0

    def is_current(self) -> bool:
        """Read new entries if necessary, and tell whether the feed is up to date."""
        if self._is_recent():
            return True
        with self._lock:
            if self._is_recent():  # another thread has read them meanwhile
                return True
            # Both are read before the journal, so that a later change is noticed the next time.
            now = boottime()
            counter = bytes(self._shared[:])
            if now < self._retry_at:
                return False
            try:
                self._read()
            except Exception as error:  # noqa: BLE001 - after any error the feed is not current
                _log.warning("cannot read the journal: %s", type(error).__name__)
                self._reset()
                return False
            self._checked_at = now
            self._counter = counter
            self._broken_at = 0.0
            return True

    def _is_recent(self) -> bool:
        unchanged: bool = self._counter == self._shared[:]
        return unchanged and boottime() - self._checked_at < self._trusted_seconds

    def _reset(self) -> None:
        self._version = -1
        self._is_whole = False
        self._checked_at = -math.inf
        self._disconnect()
        # An attempt may take seconds. Threads that wait for the lock must not all make one in turn.
        self._broken_at = self._broken_at or boottime()
        self._retry_at = boottime() + _RETRY_SECONDS

    def notify(self) -> None:
        """Change the counter, so that every process reads the journal before its next response."""
        self._shared[:] = secrets.token_bytes(_COUNTER_BYTES)

    def lag(self) -> float:
        """Return for how many seconds the journal has not been readable."""
        return boottime() - self._broken_at if self._broken_at else 0.0

    def _read(self) -> None:
        file = identity_of(self._engine)
        if self._connection is None:
            raw = self._engine.raw_connection()
            raw.detach()
            self._connection = raw.dbapi_connection
            self._file = file
        if file != self._file:
            raise DisconnectionError("the database file was replaced")
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        if version != self._version:
            self._read_entries()
            self._version = version

    def _read_entries(self) -> None:
        rows = self._newer() if self._is_whole else None
        if rows is None:  # the first time, or the database is an older copy
            rows = self._connection.execute(_ALL, (self._reader.since(),)).fetchall()
            self._last = None
            self._reader.replace([Change(*row[1:]) for row in rows])
            self._is_whole = True
        elif rows:
            self._reader.add([Change(*row[1:]) for row in rows])
        self._last = rows[-1] if rows else self._last

    def _newer(self) -> list[Any] | None:
        """Return the entries after the last one; None if that one is no longer there."""
        if self._last is None:
            return list(self._connection.execute(_NEWER, (-1,)).fetchall())
        rows = self._connection.execute(_NEWER, (self._last[0],)).fetchall()
        return rows[1:] if rows and rows[0] == self._last else None

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._checked_at = -math.inf
            self._disconnect()

    def _disconnect(self) -> None:
        if self._connection is not None:
            with suppress(Exception):  # the connection may be broken
                self._connection.close()
            self._connection = None


def _shared_counter(database: str | None) -> Any:  # noqa: ANN401 - an mmap or a bytearray
    """Return the memory of the change counter; if it cannot be shared, memory of this process."""
    if not database or database == ":memory:":
        return bytearray(_COUNTER_BYTES)
    try:
        file = os.open(f"{database}-mark", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        return bytearray(_COUNTER_BYTES)
    try:
        if os.fstat(file).st_size < _COUNTER_BYTES:
            os.truncate(file, _COUNTER_BYTES)
        return mmap.mmap(file, _COUNTER_BYTES)
    finally:
        os.close(file)
