"""The feed of changes on SQLite: notes in a table, read whenever the file has changed.

`PRAGMA data_version` tells that something was committed anywhere. It costs little, but it lets the interpreter turn to
another thread, which costs a token check more than all the rest of it. So whoever commits a change also marks a page
of memory that all processes of this machine share, and the pragma is asked when the mark is new or its last answer is
a moment old: a process that was killed between its commit and its mark is noticed by that.
"""

from __future__ import annotations

import logging
import math
import mmap
import os
import secrets
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from sqlalchemy import Engine
from sqlalchemy.exc import DisconnectionError

from identity.store.boottime import boottime
from identity.store.sqlite.file import Identity, identity_of

Forget = Callable[[int | None], None]

_log = logging.getLogger(__name__)
_MARK_BYTES: Final = 8
_TRUSTED_SECONDS: Final = 0.2
_PAUSE_SECONDS: Final = 0.2
_BEFORE_ALL: Final = (-1, -1)


class SqliteFeed:
    """Reads the notes.

    Args:
        engine: of the database.
        forget: is called with the id of every changed account, or with None when any may have changed.
    """

    def __init__(self, engine: Engine, forget: Forget) -> None:
        self._engine = engine
        self._forget = forget
        self._lock = threading.Lock()
        self._page = _shared_page(engine.url.database)
        self._trusted_seconds = _TRUSTED_SECONDS if isinstance(self._page, mmap.mmap) else 0.0
        self._mark = b""
        self._asked = -math.inf
        self._connection: Any = None
        self._file: Identity = None
        self._version = -1
        self._last = _BEFORE_ALL
        self._retry_at = self._broken_at = 0.0

    def is_current(self) -> bool:
        """Catch up with the file where that is needed, and say whether it worked."""
        if self._fresh():
            return True
        with self._lock:
            if self._fresh():  # somebody has caught up while this thread waited
                return True
            asked, mark = (
                boottime(),
                bytes(self._page[:]),
            )  # read before the notes: what comes later is new
            if asked < self._retry_at:
                return False
            try:
                self._catch_up()
            except Exception as error:  # noqa: BLE001 - whatever broke it, rows are read until it works again
                _log.warning("the change feed cannot be read: %s", type(error).__name__)
                self._start_over()
                return False
            self._asked, self._mark, self._broken_at = asked, mark, 0.0
            return True

    def _fresh(self) -> bool:
        return self._mark == self._page[:] and boottime() - self._asked < self._trusted_seconds

    def _start_over(self) -> None:
        self._forget(None)
        self._version, self._last, self._asked = -1, _BEFORE_ALL, -math.inf
        self._disconnect()
        # Trying may take seconds: whoever waits for the lock must not wait once more for each one before him.
        self._broken_at = self._broken_at or boottime()
        self._retry_at = boottime() + _PAUSE_SECONDS

    def notify(self) -> None:
        """Mark the page: every process asks the file before its next answer."""
        self._page[:] = secrets.token_bytes(_MARK_BYTES)

    def lag(self) -> float:
        """Return for how long the notes could not be read; they are read when somebody asks."""
        return boottime() - self._broken_at if self._broken_at else 0.0

    def _catch_up(self) -> None:
        file = identity_of(self._engine)
        if self._connection is None:
            raw = self._engine.raw_connection()
            raw.detach()
            self._connection, self._file = raw.dbapi_connection, file
        if file != self._file:
            raise DisconnectionError("the database file is another")
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        if version == self._version:
            return
        notes = self._connection.execute(
            "SELECT id, account_id FROM account_change WHERE id >= ? ORDER BY id", (self._last[0],)
        ).fetchall() or [_BEFORE_ALL]
        missed = (
            notes[0] != self._last
        )  # pruned unread, or the database was set back to an older copy
        for account_id in [None] if missed else {account_id for _, account_id in notes[1:]}:
            self._forget(account_id)
        self._last = notes[-1]
        self._version = version

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._asked = -math.inf
            self._disconnect()

    def _disconnect(self) -> None:
        if self._connection is not None:
            with suppress(Exception):  # it may be what broke
                self._connection.close()
            self._connection = None


def _shared_page(database: str | None) -> Any:  # noqa: ANN401 - a page of memory, or bytes like one
    """Return the page of a database file; where there can be none, one that only this process sees."""
    if not database or database == ":memory:":
        return bytearray(_MARK_BYTES)
    try:
        file = os.open(f"{database}-mark", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        return bytearray(_MARK_BYTES)
    try:
        if os.fstat(file).st_size < _MARK_BYTES:
            os.truncate(file, _MARK_BYTES)
        return mmap.mmap(file, _MARK_BYTES)
    finally:
        os.close(file)
