"""The feed of changed accounts: how every process hears that what it remembers of one is no longer true.

A change is noted in the transaction that makes it. SQLite keeps notes in a table, and `PRAGMA data_version` tells
for microseconds that something was committed anywhere; PostgreSQL sends them with NOTIFY to one listening thread
per process. A feed that is not surely up to date says so, and its reader then asks the database each time.
"""

from __future__ import annotations

import logging
import select
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Protocol

from sqlalchemy import Engine, delete, func
from sqlalchemy import select as query
from sqlalchemy.orm import Session

from identity.store.models import AccountChange

_log = logging.getLogger(__name__)
_CHANNEL: Final = "identity_changes"
_NOTES_KEPT: Final = 1000
_BEAT_SECONDS: Final = 0.2
_TRUSTED_SECONDS: Final = 0.8
_RETRY_SECONDS: Final = 1.0
_PAUSE_SECONDS: Final = 0.2
_BEFORE_ALL: Final = (-1, -1)
# Time as the world counts it: Linux stops time.monotonic() while the machine is suspended.
_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

Forget = Callable[[int | None], None]


class Feed(Protocol):
    """Tells what changed by calling `forget` with an account's id, or with None for "anything may have"."""

    def current(self) -> bool:
        """Tell whether everything committed until a moment ago (at most a second) has been told."""

    def close(self) -> None:
        """Stop listening."""


def note_change(session: Session, account_id: int) -> None:
    """Note in this transaction that what is known of an account is over."""
    if session.get_bind().dialect.name != "sqlite":
        session.execute(query(func.pg_notify(_CHANNEL, str(account_id))))
        return
    change = AccountChange(account_id=account_id)
    session.add(change)
    session.flush()
    session.execute(delete(AccountChange).where(AccountChange.id <= change.id - _NOTES_KEPT))


def feed_of(engine: Engine, forget: Forget) -> Feed:
    """Return the feed that fits the engine; it begins to listen when it is first asked."""
    return SqliteFeed(engine, forget) if engine.dialect.name == "sqlite" else PostgresqlFeed(engine, forget)


def _moment() -> float:
    return time.clock_gettime(_CLOCK)


class SqliteFeed:
    """Reads the notes whenever the file has changed."""

    def __init__(self, engine: Engine, forget: Forget) -> None:
        self._engine = engine
        self._forget = forget
        self._lock = threading.Lock()
        self._connection: Any = None
        self._version = -1
        self._last = _BEFORE_ALL
        self._retry_at = 0.0

    def current(self) -> bool:
        """Catch up with the file and say whether that worked."""
        with self._lock:
            if _moment() < self._retry_at:
                return False
            try:
                self._catch_up()
            except Exception as error:  # noqa: BLE001 - whatever broke it, rows are read until it works again
                _log.warning("the change feed cannot be read: %s", type(error).__name__)
                self._start_over()
                return False
            return True

    def _start_over(self) -> None:
        self._forget(None)
        self._version, self._last = -1, _BEFORE_ALL
        self._disconnect()
        # Trying may take seconds: whoever waits for the lock must not wait once more for each one before him.
        self._retry_at = _moment() + _PAUSE_SECONDS

    def _catch_up(self) -> None:
        if self._connection is None:
            raw = self._engine.raw_connection()
            raw.detach()
            self._connection = raw.dbapi_connection
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        if version == self._version:
            return
        notes = self._connection.execute(
            "SELECT id, account_id FROM account_change WHERE id >= ? ORDER BY id", (self._last[0],)
        ).fetchall() or [_BEFORE_ALL]
        missed = notes[0] != self._last  # pruned unread, or the database was set back to an older copy
        for account_id in [None] if missed else {account_id for _, account_id in notes[1:]}:
            self._forget(account_id)
        self._last = notes[-1]
        self._version = version

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._disconnect()

    def _disconnect(self) -> None:
        if self._connection is not None:
            with suppress(Exception):  # it may be what broke
                self._connection.close()
            self._connection = None


class PostgresqlFeed:
    """Listens in a thread of its own, and is trusted only as long as the server keeps answering it."""

    def __init__(self, engine: Engine, forget: Forget) -> None:
        self._engine = engine
        self._forget = forget
        self._trusted_until = 0.0
        self._stop = threading.Event()
        self._start = threading.Lock()
        self._thread: threading.Thread | None = None

    def current(self) -> bool:
        """Say whether the server has answered within the last moment."""
        if self._thread is None:
            self._begin()
        return _moment() < self._trusted_until

    def close(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _begin(self) -> None:
        with self._start:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="identity-feed", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._listen()
            except Exception as error:  # noqa: BLE001 - whatever broke it, rows are read until it works again
                _log.warning("the change feed was lost: %s", type(error).__name__)
                self._stop.wait(_RETRY_SECONDS)

    def _listen(self) -> None:
        raw = self._engine.raw_connection()
        raw.detach()
        connection: Any = raw.dbapi_connection
        try:
            connection.autocommit = True
            connection.add_notify_handler(lambda note: self._forget(int(note.payload)))
            connection.execute(f"LISTEN {_CHANNEL}")
            self._forget(None)  # whatever was said while nobody listened
            note = select.poll()  # select.select() cannot wait for a socket whose number is above 1023
            note.register(connection.fileno(), select.POLLIN)
            while not self._stop.is_set():
                asked = _moment()
                # The answer comes after every note that was committed before the question.
                connection.execute("SELECT 1")
                self._trusted_until = asked + _TRUSTED_SECONDS
                note.poll(_BEAT_SECONDS * 1000)
        finally:
            self._trusted_until = 0.0
            connection.close()
